"""`espalier up` in a folder, and the processes that it has started."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import PODS, Manifest
from tests.cluster.ports import free_ports
from tests.workers.living import Command
from workers.embedded import TEMPORAL, Plan

ENTRY = (sys.executable, "-c", "from workers.cli import main; main()")
READY_S = 30.0


class Up:
    """`espalier up` in a folder, with ports that stay the same over restarts."""

    def __init__(self, folder: Path, racks: int = 2) -> None:
        temporal, self.ui, self.sim = free_ports(3)
        self.plan = Plan(folder, f"127.0.0.1:{temporal}", self.ui, self.sim, racks=racks)
        self.command = Command(self.plan.environment())

    async def start(self) -> asyncio.subprocess.Process:
        """Return once it says that it is ready."""
        plan = self.plan
        words = ("up", "--data", str(plan.folder), "--temporal-address", plan.temporal_address, "--racks", str(plan.racks))
        ports = ("--ui-port", str(self.ui), "--sim-port", str(self.sim))
        process = await asyncio.create_subprocess_exec(*ENTRY, *words, *ports, stderr=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        async with asyncio.timeout(READY_S):
            while b"try " not in (line := await process.stderr.readline()):
                assert line, "it has ended"
        return process

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        """Killed at the end, if it has not ended by itself."""
        self.process = await self.start()
        try:
            yield self.process
        finally:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()

    async def pods(self) -> list[Manifest]:
        """All in the namespace `default`."""
        async with HttpKube(await from_kubeconfig(str(self.plan.access))) as kube:
            return list((await kube.list(PODS, "default")).items)


def parts(pid: int) -> dict[str, int]:
    """The parts that an `up` has started, and their pids."""
    found: dict[str, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"PPid:\t{pid}\n" in status.read_text():
                words = status.with_name("cmdline").read_text().split("\0")
                found |= {name: int(status.parent.name)} if (name := _part(words)) else {}
    return found


def _part(words: list[str]) -> str:
    """The word after `main()`, which Temporal's server has none of; empty for what is no part."""
    if "start-dev" in words:
        return TEMPORAL
    return words[3] if "main()" in " ".join(words[:3]) else ""


async def ended(pids: list[int]) -> bool:
    """Whether the parts of an `up` that was killed are gone too."""
    return not any(map(runs, pids))


def runs(pid: int) -> bool:
    """Whether there is such a process; one that nobody has buried yet does not count."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
