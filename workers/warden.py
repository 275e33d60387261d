"""Ends processes when whoever started them dies, however it dies.

Run as a process of its own. It reads lines from its input: `+PID` watches a process group, `-PID` forgets it. When the input
closes, because the parent left or was killed, it kills every group it still watches. A pipe is used rather than
PR_SET_PDEATHSIG because that follows the starting thread instead of the process, and exists on Linux only.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO


class Warden:
    """The parent's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True)

    def watch(self, pid: int) -> None:
        """Kill this process group if the parent dies."""
        self._say(f"+{pid}")

    def forget(self, pid: int) -> None:
        """The process is gone; its number may be given to another."""
        self._say(f"-{pid}")

    def dismiss(self) -> None:
        """Kill what is still watched and leave."""
        with suppress(BrokenPipeError):
            self._pipe().close()
        self._process.wait()

    def _say(self, line: str) -> None:
        self._pipe().write(line + "\n")
        self._pipe().flush()

    def _pipe(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin


def survivors(lines: Iterable[str]) -> list[int]:
    """The groups that are still watched after these lines."""
    watched: dict[int, None] = {}
    for line in lines:
        if line.startswith("+"):
            watched[int(line[1:])] = None
        else:
            watched.pop(int(line[1:]), None)
    return list(watched)


def main() -> None:
    """Wait for the input to close, then kill what is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for group in survivors(sys.stdin):
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
