"""kubectl, of the same version as the control plane."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cluster.binary import binary


class Kubectl:
    """await kubectl("get", "pods") gives what it prints."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    async def __call__(self, *words: str, code: int = 0, given: str = "") -> str:
        """Fails unless it ends with `code`."""
        process = await self._started(*words)
        printed, _ = await process.communicate(given.encode())
        assert process.returncode == code, f"kubectl {' '.join(words)} ended with {process.returncode}\n{printed.decode()}"
        return printed.decode()

    @asynccontextmanager
    async def watching(self, *words: str) -> AsyncGenerator[list[str]]:
        """What a command that does not end by itself has printed so far, line by line."""
        process, lines = await self._started(*words), list[str]()

        async def listen() -> None:
            assert process.stdout is not None
            async for line in process.stdout:
                lines.append(line.decode().rstrip())

        listening = asyncio.create_task(listen())
        try:
            yield lines
        finally:
            process.kill()
            await process.wait()
            await listening

    async def _started(self, *words: str) -> asyncio.subprocess.Process:
        command = (str(binary()), "kubectl", "--kubeconfig", str(self._kubeconfig), *words)
        pipe = subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)
