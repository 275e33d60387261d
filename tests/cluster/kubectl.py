"""kubectl, of the same version as the control plane."""

import asyncio
import subprocess
from pathlib import Path

from tests.cluster.binary import binary


class Kubectl:
    """await kubectl("get", "pods") gives what it prints."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    async def __call__(self, *words: str, code: int = 0, given: str = "") -> str:
        """Fails unless it ends with `code`."""
        process = await asyncio.create_subprocess_exec(
            str(binary()),
            *("kubectl", "--kubeconfig", str(self._kubeconfig), *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed, _ = await process.communicate(given.encode())
        assert process.returncode == code, f"kubectl {' '.join(words)} ended with {process.returncode}\n{printed.decode()}"
        return printed.decode()
