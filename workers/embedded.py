"""Espalier on one machine: its parts as processes, started together, started again when one dies, ended together."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.process import Process
from workers.warden import Warden

CHECK_S, POLL_S = 0.25, 0.05
START_S = 30.0
END_S = 5.0
TEMPORAL, SIM, WORKER, AGENT = "temporal", "sim", "worker", "agent"
ENTRY = ("-c", "from workers.cli import main; main()")


@dataclass(frozen=True)
class Plan:
    """What to start, and where it keeps its things: everything is below `folder`."""

    folder: Path
    temporal_address: str = "127.0.0.1:7233"
    ui_port: int = 8233
    sim_port: int = 6_440
    fabric: str = "gb200"
    racks: int = 16
    kubeconfig: Path | None = None
    """Of a real cluster; a simulated one is started where this is left out."""
    cluster: str = "default"

    @property
    def access(self) -> Path:
        """The kubeconfig of the cluster that is served."""
        return self.kubeconfig or self.folder / "kubeconfig"

    def commands(self) -> dict[str, tuple[str, ...]]:
        """The arguments of each part, in the order of starting."""
        port = self.temporal_address.rpartition(":")[2]
        stored = ("--data", str(self.folder / "temporal.db"))
        found: dict[str, tuple[str, ...]] = {TEMPORAL: ("temporal", "--port", port, "--ui-port", str(self.ui_port), *stored)}
        if self.kubeconfig is None:
            where = ("--data", str(self.folder / "cluster.db"), "--write-kubeconfig", str(self.access))
            fleet = ("--fabric", self.fabric, "--racks", str(self.racks), "--port", str(self.sim_port))
            found[SIM] = ("sim", "serve", *fleet, *where)
        return found | {WORKER: ("worker",), AGENT: ("agent", "--install-crds")}

    def environment(self) -> dict[str, str]:
        """What every part, and every command beside them, needs to know."""
        return {
            "ESPALIER_TEMPORAL_ADDRESS": self.temporal_address,
            "ESPALIER_KUBECONFIG": str(self.access),
            "ESPALIER_CLUSTER": self.cluster,
        }


class Parts:
    """The processes. `told` hears of each that died and was started again."""

    def __init__(self, plan: Plan, told: Callable[[str], None]) -> None:
        self._plan, self._told = plan, told
        self._warden = Warden()
        logs = plan.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        environment: Mapping[str, str] = {**os.environ, **plan.environment(), "ESPALIER_LOG_FORMAT": "json"}
        self._processes = [
            Process(name, (sys.executable, *ENTRY, *arguments), logs / f"{name}.log", self._warden, environment)
            for name, arguments in plan.commands().items()
        ]

    async def start(self) -> None:
        """All at once, but the agent: it needs the kubeconfig of the cluster that has just been started."""
        *others, agent = self._processes
        for process in others:
            process.start()
        while not self._plan.access.exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(POLL_S)
        agent.start()

    async def watch(self) -> None:
        """Start again whatever dies, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            for process in self._processes:
                if not process.alive():
                    self._told(f"{process.name} ended and is started again; its log: {process.log}")
                    process.restart()

    def end(self) -> None:
        """The agent first and Temporal last, each given time to finish."""
        for process in reversed(self._processes):
            process.end(END_S)
        self._warden.dismiss()

    def last_words(self) -> str:
        """The end of every log."""
        return "\n".join(f"--- {process.name}\n{process.last_words()}" for process in self._processes)


@asynccontextmanager
async def running(plan: Plan, told: Callable[[str], None]) -> AsyncGenerator[Parts]:
    """All parts, watched over."""
    parts = Parts(plan, told)
    try:
        async with asyncio.timeout(START_S):
            await parts.start()
        watching = asyncio.create_task(parts.watch())
        yield parts
        watching.cancel()
    finally:
        parts.end()
