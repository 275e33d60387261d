"""Errands: things to be done, each by its name, one at a time of each and some side by side.

| asked for while it        | what becomes of it                        |
|---------------------------|-------------------------------------------|
| waits for its turn        | it is done once                           |
| is being done             | it is done once more                      |
| rests because it failed   | it is done at once, and the pause is over |
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""After it failed once, and after it failed often: doubled each time."""
Name = TypeVar("Name", bound=Hashable)


@dataclass
class _Errand:
    asked: bool = False
    """Not yet begun, or to be done once more."""
    anyhow: bool = False
    busy: bool = False
    pause_s: float = 0.0
    """After the last failure; 0 when it did not fail."""


class Errands(Generic[Name]):
    """`do` is told the name, and whether it is to be done anyhow. Whatever it raises `say` is told; it is tried again."""

    def __init__(self, do: Callable[[Name, bool], Awaitable[None]], say: Callable[[Name, Exception], None]) -> None:
        self._do, self._say = do, say
        self._errands: dict[Name, _Errand] = {}
        self._turns: asyncio.Queue[Name] = asyncio.Queue()

    def ask(self, name: Name, anyhow: bool = False) -> None:
        """Have it done. Never waits."""
        errand = self._errands.setdefault(name, _Errand())
        errand.anyhow = errand.anyhow or anyhow
        if not errand.asked:
            errand.asked = True
            if not errand.busy:
                self._turns.put_nowait(name)

    async def run(self, side_by_side: int) -> None:
        """Do them until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(side_by_side):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            name = await self._turns.get()
            errand = self._errands[name]
            await self._once(name, errand)
            if errand.asked:
                self._turns.put_nowait(name)
            elif not errand.pause_s:
                del self._errands[name]

    async def _once(self, name: Name, errand: _Errand) -> None:
        anyhow = errand.anyhow
        errand.asked, errand.anyhow, errand.busy = False, False, True
        try:
            await self._do(name, anyhow)
            errand.pause_s = 0.0
        except Exception as error:  # noqa: BLE001 - whatever one is, the others must go on
            self._say(name, error)
            errand.pause_s = min(errand.pause_s * 2 or FIRST_PAUSE_S, LONGEST_PAUSE_S)
            asyncio.get_running_loop().call_later(errand.pause_s, self.ask, name, anyhow)
        errand.busy = False
