"""A program as an operating-system process that can be started, killed, frozen and read."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers.warden import Warden

SHOWN_LINES = 12
SHOWN_COLUMNS = 240


@dataclass
class Process:
    """A command that can be started again on the same files and ports; its output is appended to `log`.

    `environment` is that of the parent where None.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    warden: Warden = field(repr=False)
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    _running: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def start(self) -> None:
        """Start it in a process group of its own, so that a Ctrl-C at the terminal is the parent's to handle."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self.environment,
            )
        self.warden.watch(self._running.pid)

    @property
    def pid(self) -> int:
        """The process id. Raises `ProcessLookupError` when it is not running."""
        if self._running is None:
            raise ProcessLookupError(f"{self.name} is not running; start it first")
        return self._running.pid

    def alive(self) -> bool:
        """Whether it runs (a frozen one does)."""
        return self._running is not None and self._running.poll() is None

    def kill(self) -> None:
        """kill -9, and wait until it is gone. Nothing happens when it is gone already."""
        if self._running is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()
        self.warden.forget(self._running.pid)
        self._running = None

    def end(self, patience_s: float) -> None:
        """SIGTERM, and kill -9 when that takes longer than `patience_s`."""
        if self._running is not None and self.alive():
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(patience_s)
        self.kill()

    def restart(self) -> None:
        """kill -9 and start anew."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was."""
        os.killpg(self.pid, signal.SIGCONT)

    def last_words(self) -> str:
        """The end of its log, long lines cut short; all of it is in `log`."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(line[:SHOWN_COLUMNS] for line in lines[-SHOWN_LINES:])
