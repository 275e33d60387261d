"""The bell: what rings together is heard once, and at once where somebody waits for an answer."""

import asyncio
import time

import pytest

from activities.room import bell
from activities.room.bell import Bell


async def test_what_rings_together_is_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "GATHER_S", 0.2)
    there = Bell()
    there.ring()
    hearing = asyncio.create_task(there.heard(lambda: False, None))
    for _ in range(3):
        await asyncio.sleep(0.01)
        there.ring()
    assert await hearing
    assert not await there.heard(lambda: False, 0.01)


async def test_who_waits_for_an_answer_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "GATHER_S", 60.0)
    there, waits = Bell(), list[str]()
    there.ring()
    hearing = asyncio.create_task(there.heard(lambda: bool(waits), None))
    await asyncio.sleep(0.01)
    assert not hearing.done()
    waits.append("somebody")
    there.ring()
    async with asyncio.timeout(1):
        assert await hearing


async def test_it_is_not_waited_for_longer_than_allowed() -> None:
    began = time.monotonic()
    assert not await Bell().heard(lambda: False, 0.01)
    assert time.monotonic() - began < 1
