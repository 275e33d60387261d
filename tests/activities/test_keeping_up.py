"""Changes are taken in as they come, not when somebody asks and waits."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from activities.room.keeping_up import MOST_NOTED, KeepingUp

T = TypeVar("T")


class Turns:
    async def study(self, question: Callable[[], Callable[[], T]]) -> T:
        return question()()


class Room:
    """Remembers how much was taken in at once."""

    def __init__(self) -> None:
        self.noted = 3
        self.taken: list[int] = []

    def prepare(self, wanted: Sequence[object]) -> Callable[[], object]:
        assert not wanted
        return self.take_in()

    def take_in(self) -> Callable[[], None]:
        noted, self.noted = self.noted, 0
        return lambda: self.taken.append(noted)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_at_the_start_all_then_some_at_a_time() -> None:
    room = Room()
    keeping = KeepingUp(Turns(), room)
    running = asyncio.create_task(keeping.run())
    await turns()
    assert room.taken == [3]
    for _ in range(2 * MOST_NOTED - 1):
        room.noted += 1
        keeping.noted()
        await turns()
    assert room.taken == [3, MOST_NOTED]
    running.cancel()
