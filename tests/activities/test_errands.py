"""Errands: one at a time of each, done once more when asked for meanwhile, and tried again when they fail."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from activities.listening.errands import Errands


class Desk:
    """Does errands as it is told to, and remembers."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []
        self.failures: list[Exception] = []
        self.said: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.now = self.most = 0

    async def do(self, name: str, anyhow: bool) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.open.wait()
            if self.failures:
                raise self.failures.pop(0)
            self.done.append((name, anyhow))
        finally:
            self.now -= 1

    def say(self, name: str, error: Exception) -> None:
        self.said.append(f"{name}: {error}")


@asynccontextmanager
async def running(desk: Desk, side_by_side: int = 4) -> AsyncGenerator[Errands[str]]:
    errands = Errands(desk.do, desk.say)
    task = asyncio.create_task(errands.run(side_by_side))
    try:
        yield errands
    finally:
        task.cancel()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for is a list
            await asyncio.sleep(0)


async def test_asked_for_while_it_waits_it_is_done_once_and_anyhow_if_anybody_said_so() -> None:
    desk = Desk()
    async with running(desk) as errands:
        for anyhow in (False, True, False):
            errands.ask("a", anyhow)
        errands.ask("b")
        await until(lambda: len(desk.done) == 2)
    assert desk.done == [("a", True), ("b", False)]


async def test_asked_for_while_it_is_done_it_is_done_once_more_and_never_twice_at_a_time() -> None:
    desk = Desk()
    async with running(desk) as errands:
        desk.open.clear()
        errands.ask("a")
        await until(lambda: desk.now == 1)
        for _ in range(3):
            errands.ask("a")
        desk.open.set()
        await until(lambda: len(desk.done) == 2)
        await until(lambda: desk.now == 0)
    assert (desk.most, desk.done) == (1, [("a", False)] * 2)


async def test_so_many_are_done_side_by_side() -> None:
    desk = Desk()
    async with running(desk, side_by_side=3) as errands:
        desk.open.clear()
        for name in "abcdef":
            errands.ask(name)
        await until(lambda: desk.now == 3)
        desk.open.set()
        await until(lambda: len(desk.done) == 6)
    assert desk.most == 3


async def test_what_fails_is_said_and_done_again_after_a_pause_as_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.listening.errands.FIRST_PAUSE_S", 0.01)
    desk = Desk()
    desk.failures = [ValueError("no"), ValueError("not yet")]
    async with running(desk) as errands:
        errands.ask("a", anyhow=True)
        errands.ask("b")
        await until(lambda: len(desk.done) == 2)
    assert sorted(desk.done) == [("a", True), ("b", False)]
    assert sorted(desk.said) == ["a: no", "b: not yet"]
