"""Nudges: at once when all was quiet, then one a second, to whoever watches, and only for what may change a next step."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.cache.census import Census
from activities.cluster.kube import PODS, Busy
from activities.listening.lookout import Ears, Lookout, called
from activities.listening.nudging import AT_ONCE, LOOKING, Nudges
from activities.messages import Observation, Order, Ref
from specs.names import ROLE, SLOT, SYSTEM
from tests.activities.test_digest import pod

ORDER = Order(ref=Ref(namespace="default", name="llama"))
ENTITY = "isys/default/default/llama"


class Temporal:
    """Knows some workflows; may be away."""

    def __init__(self, *running: str) -> None:
        self.running = set(running)
        self.heard: list[str] = []
        self.told: list[Observation | None] = []
        self.away = 0

    async def nudge(self, workflow_id: str, seen: Observation | None) -> bool:
        if self.away:
            self.away -= 1
            raise Busy("not reachable")
        if workflow_id in self.running:
            self.heard.append(workflow_id)
            self.told.append(seen)
        return workflow_id in self.running


class Slow(Temporal):
    """Needs a moment for each, and counts those that wait together."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = self.most = 0

    async def nudge(self, workflow_id: str, seen: Observation | None) -> bool:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await breath()
        self.waiting -= 1
        self.heard.append(workflow_id)
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def nudges(temporal: Temporal, clock: Clock) -> Nudges:
    return Nudges(temporal, "default", clock, look)


def look(order: Order) -> Observation:
    return Observation(question=order.question)


async def breath() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_at_once_when_all_was_quiet_then_one_a_second() -> None:
    temporal, clock = Temporal(ENTITY), Clock()
    sender = nudges(temporal, clock)
    for _ in range(100):
        sender.changed("default", "llama")
    await breath()
    assert temporal.heard == [ENTITY]
    clock.now += 1.5
    sender.changed("default", "llama")
    await breath()
    assert temporal.heard == [ENTITY] * 2
    await sender.close()


async def test_what_came_within_the_second_is_told_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.listening.nudging.INTERVAL_S", 0.05)
    temporal = Temporal(ENTITY)
    sender = Nudges(temporal, "default", asyncio.get_running_loop().time, look)
    for _ in range(5):
        sender.changed("default", "llama")
    await asyncio.sleep(0.2)
    assert temporal.heard == [ENTITY] * 2
    await sender.close()


async def test_a_thousand_systems_are_nudged_a_few_at_a_time() -> None:
    temporal = Slow()
    sender = nudges(temporal, Clock())
    for index in range(1_000):
        sender.changed("default", f"llama-{index}")
    while len(temporal.heard) < 1_000:
        await breath()
    assert temporal.most == AT_ONCE
    await sender.close()


async def test_what_is_to_be_mended_is_told_before_the_rest() -> None:
    temporal = Slow()
    sender = nudges(temporal, Clock())
    for index in range(2 * AT_ONCE):
        sender.changed("default", f"calm-{index}")
    sender.changed("default", "broken", "mend")
    while len(temporal.heard) <= 2 * AT_ONCE:
        await breath()
    assert temporal.heard.index("isys/default/default/broken") == AT_ONCE, "those under way are not called back"
    await sender.close()


async def test_what_only_begins_is_told_later_and_not_at_all_when_more_happens_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.listening.nudging.INTERVAL_S", 0.05)
    temporal = Temporal(ENTITY)
    sender = Nudges(temporal, "default", asyncio.get_running_loop().time, look)
    sender.changed("default", "llama", "later")
    await breath()
    assert temporal.heard == []
    sender.changed("default", "llama", "mend")
    await asyncio.sleep(0.1)
    assert temporal.heard == [ENTITY]
    sender.changed("default", "llama", "later")
    await asyncio.sleep(0.1)
    assert temporal.heard == [ENTITY] * 2
    await sender.close()


async def test_a_large_system_is_looked_at_less_often_unless_there_is_something_to_mend() -> None:
    temporal, clock = Temporal(ENTITY), Clock()

    def slow(order: Order) -> Observation:
        clock.now += 0.5
        return look(order)

    sender = Nudges(temporal, "default", clock, slow)
    sender.watch(ORDER.model_copy(update={"watcher": ENTITY}))
    sender.changed("default", "llama")
    await breath()
    clock.now += 2
    sender.changed("default", "llama")
    await breath()
    assert temporal.heard == [ENTITY]
    sender.changed("default", "llama", "mend")
    await breath()
    assert temporal.heard == [ENTITY] * 2
    clock.now += LOOKING * 0.5
    sender.changed("default", "llama")
    await breath()
    assert temporal.heard == [ENTITY] * 3
    await sender.close()


async def test_what_is_to_be_mended_does_not_wait_as_long_as_what_is_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.listening.nudging.INTERVAL_S", 0.02)
    monkeypatch.setattr("activities.listening.nudging.LOOKING", 1_000_000)
    temporal = Temporal(ENTITY)
    sender = Nudges(temporal, "default", asyncio.get_running_loop().time, look)
    sender.watch(ORDER.model_copy(update={"watcher": ENTITY}))
    for _ in range(2):
        sender.changed("default", "llama")
        await breath()
    assert temporal.heard == [ENTITY], "the second waits, because to look at it takes long"
    sender.changed("default", "llama", "mend")
    await asyncio.sleep(0.1)
    assert temporal.heard == [ENTITY] * 2
    await sender.close()


async def test_a_milestone_does_not_wait() -> None:
    temporal = Temporal(ENTITY)
    sender = nudges(temporal, Clock())
    sender.changed("default", "llama")
    sender.changed("default", "llama", at_once=True)
    await breath()
    assert temporal.heard == [ENTITY] * 2
    await sender.close()


def raw(index: int, *, leaving: bool = False) -> dict[str, Any]:
    """A Ready pod as the API server shows it."""
    slot = f"0/server/{index}"
    metadata = {
        "name": f"llama-{index}", "namespace": "default", "uid": slot,
        "labels": {SYSTEM: "llama"}, "annotations": {SLOT: slot, ROLE: "server"},
    }  # fmt: skip
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": {"nodeName": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}


class Deaf:
    """Hears nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def hear(*_: object) -> None:
            return None

        return hear


async def test_a_storm_of_leaving_pods_is_told_when_the_first_is_gone_and_when_the_last_is() -> None:
    temporal = Temporal(ENTITY)
    sender = nudges(temporal, Clock())
    lookout = Lookout(Census(lambda: datetime.now(UTC)), sender, cast("Ears", Deaf()))
    here, leaving = [raw(index) for index in range(100)], [raw(index, leaving=True) for index in range(100)]
    for pod_ in here:
        lookout.changed(PODS, None, pod_)
    for old, new in zip(here, leaving, strict=True):
        lookout.changed(PODS, old, new)
    for pod_ in leaving:
        lookout.changed(PODS, pod_, None)
    await breath()
    assert len(temporal.heard) == 2
    await sender.close()


async def test_systems_do_not_wait_for_each_other() -> None:
    other = "isys/default/default/other"
    temporal = Temporal(ENTITY, other)
    sender = nudges(temporal, Clock())
    sender.changed("default", "llama")
    sender.changed("default", "other")
    await breath()
    assert sorted(temporal.heard) == [ENTITY, other]
    await sender.close()


async def test_the_watcher_is_told_and_when_it_has_ended_the_system_itself() -> None:
    temporal, clock = Temporal(ENTITY, "operation/1"), Clock()
    sender = nudges(temporal, clock)
    sender.watch(ORDER.model_copy(update={"watcher": "operation/1"}))
    sender.changed("default", "llama")
    await breath()
    temporal.running.discard("operation/1")
    for _ in range(2):
        clock.now += 2
        sender.changed("default", "llama")
        await breath()
    assert temporal.heard == ["operation/1", ENTITY, ENTITY]
    assert [seen is not None for seen in temporal.told] == [True, True, False], "what it watched for is told, then forgotten"
    await sender.close()


async def test_nobody_is_there_and_nothing_happens() -> None:
    sender = nudges(Temporal(), Clock())
    sender.changed("default", "llama")
    await breath()
    await sender.close()


async def test_a_nudge_that_was_not_taken_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.listening.nudging.RETRY_S", 0.0)
    monkeypatch.setattr("activities.listening.nudging.INTERVAL_S", 0.0)
    temporal = Temporal(ENTITY)
    temporal.away = 2
    sender = nudges(temporal, Clock())
    sender.changed("default", "llama")
    await asyncio.sleep(0.05)
    assert temporal.heard == [ENTITY]
    await sender.close()


RUNS: dict[str, Any] = {"node": "a", "pin": "a"}
CALLS = {
    "made":                    (None,                              {"gated": True},                 None),
    "reserved":                ({"gated": True},                   {"gated": True, "nominated": "a"}, None),
    "its reservation is lost": ({"gated": True, "nominated": "a"}, {"gated": True},                 "mend"),
    "let go":                  ({"gated": True, "nominated": "a"}, {"pin": "a", "nominated": "a"},  None),
    "bound":                   ({"pin": "a"},                      RUNS,                            None),
    "refused":                 ({"pin": "a"},                      {"pin": "a", "refusal": "full"}, "mend"),
    "refused with other words": ({"pin": "a", "refusal": "full"},  {"pin": "a", "refusal": "busy"}, None),
    "ready":                   (RUNS,                              {**RUNS, "ready": True},         "tell"),
    "no longer ready":         ({**RUNS, "ready": True},           RUNS,                            "tell"),
    "failed":                  (RUNS,                              {**RUNS, "done": True},          "mend"),
    "leaving":                 (RUNS,                              {**RUNS, "leaving": True},       "later"),
    "gone":                    (RUNS,                              None,                            "mend"),
}  # fmt: skip


@pytest.mark.parametrize(("was", "now", "want"), CALLS.values(), ids=CALLS)
def test_what_a_change_calls_for(was: dict[str, Any] | None, now: dict[str, Any] | None, want: str | None) -> None:
    old = None if was is None else pod(**was)
    new = None if now is None else pod(**now)
    assert called(old, new) == want
