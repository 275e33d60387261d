"""`Espalier`: the product as its users run it, three processes beside a control plane: Temporal, a worker, an agent."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster.ports import free_ports
from workers.process import Process
from workers.warden import Warden

TEMPORAL, WORKER, AGENT = "temporal", "worker", "agent"
UP_TIMEOUT_S = 30.0
QUIET = {"ESPALIER_LOG_LEVEL": "warning", "PYTHONUNBUFFERED": "1"}


class Espalier:
    """with Espalier(kubeconfig) as house: ...

    Every process can be killed, frozen and started again by name; state lives in `folder` and in the cluster.
    """

    def __init__(self, kubeconfig: Path, environment: Mapping[str, str] | None = None, *, installs_crds: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="espalier-running-"))
        self.port, self.ui_port = free_ports(2)
        self._warden = Warden()
        self._environment = {**os.environ, **QUIET, **self.settings(kubeconfig), **(environment or {})}
        storage = ("--data", str(self.folder / "temporal.db"))
        self._processes = {
            TEMPORAL: self._process(TEMPORAL, "temporal", "--port", str(self.port), "--ui-port", str(self.ui_port), *storage),
            WORKER: self._process(WORKER, "worker"),
            AGENT: self._process(AGENT, "agent", *(("--install-crds",) if installs_crds else ())),
        }

    @property
    def address(self) -> str:
        """Temporal's."""
        return f"127.0.0.1:{self.port}"

    def settings(self, kubeconfig: Path) -> dict[str, str]:
        """What every process and the command line need to know, as environment."""
        return {"ESPALIER_TEMPORAL_ADDRESS": self.address, "ESPALIER_KUBECONFIG": str(kubeconfig)}

    @property
    def environment(self) -> dict[str, str]:
        """For commands run beside it."""
        return dict(self._environment)

    def process(self, name: str) -> Process:
        """One of the three."""
        return self._processes[name]

    def start(self) -> Self:
        """Start all; returns when Temporal answers. The others wait for what they need by themselves."""
        for process in self._processes.values():
            process.start()
            if process.name == TEMPORAL:
                self.wait_for_temporal()
        return self

    def wait_for_temporal(self) -> None:
        """Until its port answers."""
        deadline = time.monotonic() + UP_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Temporal does not answer\n{self.logs()}") from None
                time.sleep(0.05)
            else:
                return

    def another_agent(self, name: str, kubeconfig: Path) -> Process:
        """Start one more, which reaches the cluster in its own way."""
        added = self._processes[name] = self._process(name, "agent", environment=self.settings(kubeconfig))
        added.start()
        return added

    def stop(self) -> None:
        """Kill all."""
        for process in reversed(self._processes.values()):
            process.kill()
        self._warden.dismiss()

    def logs(self) -> str:
        """The end of every log."""
        return "\n".join(f"--- {process.name} ({process.log})\n{process.last_words()}" for process in self._processes.values())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _process(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        command = (sys.executable, "-c", "from workers.cli import main; main()", *arguments)
        return Process(
            name, command, self.folder / f"{name}.log", self._warden, environment={**self._environment, **(environment or {})}
        )
