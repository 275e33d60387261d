"""A Temporal server for one machine: the dev server, started as this project wants it."""

import os
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.failure import Failure
from workflows.visibility import SEARCH_ATTRIBUTES

# The dev server's own figure of 20 polls a second adds 40 ms to every task.
FASTER = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")
DURABLE = ("journal_mode=WAL", "synchronous=NORMAL")


@dataclass(frozen=True)
class DevServer:
    """Where a dev server listens, and where it keeps its state."""

    port: int = 7233
    ui_port: int | None = 8233
    namespace: str = "default"
    data: Path | None = None
    """SQLite file; in memory, and gone with the process, when left out."""
    host: str = "127.0.0.1"
    log_level: str = "error"

    @property
    def address(self) -> str:
        """What clients connect to."""
        return f"{self.host}:{self.port}"

    @property
    def ui(self) -> str:
        """What a browser opens; empty without UI."""
        return f"http://{self.host}:{self.ui_port}" if self.ui_port else ""

    def command(self) -> list[str]:
        """The program and its arguments. Raises `Failure` when there is no program."""
        return [
            str(program()),
            *("server", "start-dev", "--ip", self.host, "--port", str(self.port), "--namespace", self.namespace),
            *("--log-level", self.log_level),
            *(("--ui-port", str(self.ui_port)) if self.ui_port else ("--headless",)),
            *each("--dynamic-config-value", FASTER),
            *each("--search-attribute", [f"{key.name}={TYPES[int(key.indexed_value_type)]}" for key in SEARCH_ATTRIBUTES]),
            *self._storage(),
        ]

    def replace_process(self) -> None:
        """Become the server; never returns."""
        command = self.command()
        if self.data:
            self.data.parent.mkdir(parents=True, exist_ok=True)
        os.execv(command[0], command)

    def _storage(self) -> list[str]:
        return ["--db-filename", str(self.data), *each("--sqlite-pragma", DURABLE)] if self.data else []


TYPES = {1: "Text", 2: "Keyword", 3: "Int", 4: "Double", 5: "Bool", 6: "Datetime", 7: "KeywordList"}
"""Temporal's words for the types of search attributes, by number in its API."""


def each(flag: str, values: Sequence[str]) -> list[str]:
    """The same flag before every value."""
    return [word for value in values for word in (flag, value)]


def program() -> Path:
    """The `temporal` of this environment, else one on the PATH."""
    own = Path(sysconfig.get_path("scripts")) / "temporal"
    found = own if own.exists() else shutil.which("temporal")
    if found is None:
        raise Failure("there is no program called temporal", "Install it with: make install")
    return Path(found)
