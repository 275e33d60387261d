"""One Event a pod: written once, refreshed when the sentence changes (but not all the time), never multiplied."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from activities.cluster.kube import EVENTS
from activities.reports.events import Events
from activities.room.explaining import REFRESH_AFTER, Explainer, Note
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


def messages(cluster: MemoryCluster) -> list[str]:
    return [event["message"] for event in cluster.all(EVENTS)]


async def test_said_once_however_often_it_is_asked_for() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        for _ in range(5):
            explainer.explain([Note(pod(gated=True), "no room; add nodes")])
            await asyncio.sleep(0.01)
    assert messages(cluster) == ["no room; add nodes"]
    assert len(cluster.writes) == 1
    event = cluster.all(EVENTS)[0]
    assert (event["type"], event["reason"], event["involvedObject"]["uid"]) == ("Warning", "Unschedulable", "pod")


async def test_a_new_sentence_takes_the_place_of_the_old_after_a_while() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        explainer.explain([Note(pod(gated=True), "3 nodes missing")])
        await asyncio.sleep(0.01)
        explainer.explain([Note(pod(gated=True), "2 nodes missing")])
        await asyncio.sleep(0.01)
        assert messages(cluster) == ["3 nodes missing"]
        clock.now += REFRESH_AFTER + timedelta(seconds=1)
        explainer.explain([Note(pod(gated=True), "1 node missing")])
        await asyncio.sleep(0.01)
    assert messages(cluster) == ["1 node missing"]


async def test_another_agent_said_it_before() -> None:
    cluster, clock = MemoryCluster(), Clock()
    for _ in range(2):
        async with explaining(cluster, clock) as explainer:
            explainer.explain([Note(pod(gated=True), "no room")])
            await asyncio.sleep(0.01)
    assert messages(cluster) == ["no room"]


async def test_the_server_forgot_it() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        explainer.explain([Note(pod(gated=True), "no room")])
        await asyncio.sleep(0.01)
        cluster.remove(EVENTS, cluster.all(EVENTS)[0]["metadata"]["name"], "default")
        clock.now += timedelta(hours=1)
        explainer.explain([Note(pod(gated=True), "still no room")])
        await asyncio.sleep(0.01)
    assert messages(cluster) == ["still no room"]


async def test_many_pods_at_once() -> None:
    cluster, clock = MemoryCluster(), Clock()
    async with explaining(cluster, clock) as explainer:
        explainer.explain(Note(pod(name=f"pod-{index}", gated=True), "no room") for index in range(100))
        await asyncio.sleep(0.1)
    assert len(messages(cluster)) == 100
