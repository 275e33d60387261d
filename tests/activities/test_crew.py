"""A step of many writes: so many at a time, heard by Temporal meanwhile, told in one sentence when refused."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.cluster.crew import AGAIN_DELAY, REFUSALS_ENOUGH, Outdated, Tally, each, heartbeating, translating
from activities.cluster.kube import PODS, Busy, NotThere, Overtaken, Refused


async def test_no_more_than_so_many_at_a_time() -> None:
    now = most = 0

    async def work(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    await each(range(50), work, Tally(), at_once=7)
    assert most == 7


async def test_after_some_refusals_no_more_are_tried() -> None:
    tally, tried = Tally(), 0

    async def work(item: int) -> None:
        nonlocal tried
        tried += 1
        await asyncio.sleep(0)
        tally.refuse(f"pod {item}", Refused("exceeded quota: few", status=403))

    await each(range(1_000), work, tally, at_once=4)
    assert REFUSALS_ENOUGH <= tried <= REFUSALS_ENOUGH + 4
    assert tally.as_written().problem.startswith("pod 0: exceeded quota: few. Raise the namespace's ResourceQuota")


async def test_busy_ends_the_step_and_says_when_to_come_back() -> None:
    async def work(_: int) -> None:
        raise Busy("too many requests", timedelta(seconds=7))

    with pytest.raises(ApplicationError) as caught, translating():
        await each(range(100), work, Tally())
    assert (caught.value.type, caught.value.next_retry_delay, caught.value.non_retryable) == ("Busy", timedelta(seconds=7), False)


async def test_who_was_overtaken_by_another_writer_looks_again() -> None:
    with pytest.raises(ApplicationError) as caught, translating():
        raise Overtaken("the object has been modified", status=409)
    assert (caught.value.type, caught.value.next_retry_delay, caught.value.non_retryable) == ("Busy", AGAIN_DELAY, False)


ERRORS = {
    "refused": (Refused("the API server says no", status=422), "Refused"),
    "a newer intent": (Outdated("a newer intent is carried out"), "Overtaken"),
    "no namespace": (NotThere('namespaces "x" not found', status=404), "Refused"),
}


@pytest.mark.parametrize(("error", "kind"), ERRORS.values(), ids=ERRORS)
def test_other_errors_are_not_repeated(error: Refused, kind: str) -> None:
    with pytest.raises(ApplicationError) as caught, translating():
        raise error
    assert (caught.value.type, caught.value.non_retryable) == (kind, True)


async def test_it_beats_while_it_works_and_stops_when_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.cluster.crew.HEARTBEAT_S", 0.01)
    environment, beats = ActivityEnvironment(), 0
    ended = asyncio.Event()

    def beat(*_: object) -> None:
        nonlocal beats
        beats += 1
        if beats == 5:
            environment.cancel()

    environment.on_heartbeat = beat

    async def work() -> None:
        try:
            async with heartbeating():
                await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(asyncio.CancelledError):
        await environment.run(work)
    assert ended.is_set()
    assert beats >= 5


def test_a_tally_tells_the_newest_version_of_each_kind() -> None:
    tally = Tally()
    for version in ("7", "9", "8"):
        tally.wrote(PODS, {"metadata": {"resourceVersion": version}})
    assert (tally.as_written().written, tally.as_written().versions) == (3, {"pods": 9})
