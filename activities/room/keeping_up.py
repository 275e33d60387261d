"""Keeping up: changes of the room are taken in as they come, so that whoever asks next need not wait for that."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

MOST_NOTED = 16
"""Pods that have changed: 40 us each to take in, and as many more for a trip to the thread."""
T = TypeVar("T")


class Turns(Protocol):
    """Whoever solves."""

    async def study(self, question: Callable[[], Callable[[], T]]) -> T:
        """Ask between two rounds."""
        ...


class Noting(Protocol):
    """The room of the cluster, and what is to be taken in."""

    @property
    def noted(self) -> int:
        """Pods whose changes wait."""
        ...

    def prepare(self, wanted: Sequence[Any]) -> Callable[[], object]:
        """Answer these, with all that has changed taken in."""
        ...

    def take_in(self) -> Callable[[], None]:
        """Take down what has changed; what is returned takes it in."""
        ...


class KeepingUp:
    """At the start all of it, room counted; then whenever some changes have come."""

    def __init__(self, turns: Turns, room: Noting) -> None:
        self._turns, self._room = turns, room
        self._some = asyncio.Event()

    def noted(self) -> None:
        """A change was noted. Quick."""
        if self._room.noted >= MOST_NOTED:
            self._some.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._turns.study(lambda: self._room.prepare(()))
        while True:
            await self._some.wait()
            self._some.clear()
            await self._turns.study(self._room.take_in)
