"""One Event a pod: written once, refreshed when the reason changes, sooner than figures, and before it is forgotten."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from activities.cache.pods import Pod, written_time
from activities.cluster.kube import EVENTS
from activities.reports.events import Events
from activities.room.explaining import AGAIN_AFTER, FIGURES_AFTER, REFRESH_AFTER, Explainer, Note
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.test_digest import pod


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def explaining(cluster: MemoryCluster, clock: Clock) -> AsyncGenerator[Explainer]:
    explainer = Explainer(Events(MemoryKube(cluster), clock), clock)
    running = asyncio.create_task(explainer.run())
    try:
        yield explainer
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def note(message: str, of: Pod | None = None) -> Note:
    return Note(of or pod(gated=True), "NoRoom", message)


def messages(cluster: MemoryCluster) -> list[str]:
    return [event["message"] for event in cluster.all(EVENTS)]


async def test_said_once_however_often_it_is_asked_for() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        for _ in range(5):
            explainer.explain([note("no room; add nodes")])
            await asyncio.sleep(0.01)
    assert messages(cluster) == ["no room; add nodes"]
    assert len(cluster.writes) == 1
    event = cluster.all(EVENTS)[0]
    assert (event["type"], event["reason"], event["involvedObject"]["uid"]) == ("Warning", "Unschedulable", "pod")


SECOND = timedelta(seconds=1)
#                                    asked for then                      after                    heard
LATER: dict[str, tuple[tuple[str, str], timedelta, bool]] = {
    "another reason, too soon":     (("WaitsInTurn", "behind another"),  REFRESH_AFTER - SECOND,  False),
    "another reason":               (("WaitsInTurn", "behind another"),  REFRESH_AFTER,           True),
    "another figure, too soon":     (("NoRoom", "2 nodes missing"),      FIGURES_AFTER - SECOND,  False),
    "another figure":               (("NoRoom", "2 nodes missing"),      FIGURES_AFTER,           True),
    "the same, too soon":           (("NoRoom", "3 nodes missing"),      AGAIN_AFTER - SECOND,    False),
    "before the server forgets it": (("NoRoom", "3 nodes missing"),      AGAIN_AFTER,             True),
}  # fmt: skip


@pytest.mark.parametrize(("then", "after", "heard"), LATER.values(), ids=LATER)
async def test_when_it_is_said_anew(then: tuple[str, str], after: timedelta, heard: bool) -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        explainer.explain([note("3 nodes missing")])
        await asyncio.sleep(0.01)
        clock.now += after
        explainer.explain([Note(pod(gated=True), *then)])
        await asyncio.sleep(0.01)
    (event,) = cluster.all(EVENTS)
    assert len(cluster.writes) == 1 + heard
    assert event["message"] == (then[1] if heard else "3 nodes missing")
    assert event["lastTimestamp"] == written_time(clock.now if heard else clock.now - after)


async def test_another_agent_said_it_before() -> None:
    cluster, clock = MemoryCluster(), Clock()
    for _ in range(2):
        async with explaining(cluster, clock) as explainer:
            explainer.explain([note("no room")])
            await asyncio.sleep(0.01)
    assert messages(cluster) == ["no room"]


async def test_the_server_forgot_it() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        explainer.explain([note("no room")])
        await asyncio.sleep(0.01)
        cluster.remove(EVENTS, cluster.all(EVENTS)[0]["metadata"]["name"], "default")
        clock.now += timedelta(hours=1)
        explainer.explain([note("still no room")])
        await asyncio.sleep(0.01)
    assert messages(cluster) == ["still no room"]


async def test_many_pods_at_once() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        explainer.explain(note("no room", pod(name=f"pod-{index}", gated=True)) for index in range(100))
        await asyncio.sleep(0.1)
    assert len(messages(cluster)) == 100
