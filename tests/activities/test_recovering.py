"""Units that do not become whole again: which, since when, and what may be restarted at once. A table, then a whole life."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.agent import Clocks
from activities.cache.failures import Failure
from activities.cache.placements import Attempt
from activities.cache.pods import Node, Pod
from activities.cluster.kube import NODES, PODS
from activities.state.attempts import Attempts
from activities.state.blueprint import Blueprint, blueprint
from activities.state.digest import Ground, digest
from activities.state.recovering import Recovering, recovering
from activities.state.versions import Versions
from specs.gangs import expand
from specs.recovery import Recovery
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_digest import placement, pod
from tests.activities.test_life import running

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BORN = NOW - timedelta(hours=1)
A, B, C = "0/prefill/0", "0/prefill/1", "0/prefill/2"
CRASH = Failure("CrashLooping", "container main ended with exit code 1")


def declared(**recovery: object) -> InferenceSystem:
    """Two routers of which one must run, three prefills (two at least) of a leader and two workers, of which one must run."""
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    workers = {"role": "worker", "replicas": 2, "minAvailable": 1, "template": template}
    prefill: dict[str, Any] = {"group": "prefill", "replicas": 3, "minAvailable": 2}
    prefill["members"] = [{"role": "leader", "replicas": 1, "template": template}, workers]
    router = {"role": "router", "replicas": 2, "minAvailable": 1, "template": template}
    spec = {"members": [router, prefill], "recovery": recovery}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


def ready(slot: str) -> Pod:
    return pod(slot, name=slot, node="a", ready=True, created=BORN, bound=BORN, turned=BORN + timedelta(minutes=5))


def crashing(seconds: int) -> dict[str, Any]:
    return {"ready": False, "turned": NOW - timedelta(seconds=seconds), "failure": CRASH}


def replaced(seconds: int) -> dict[str, Any]:
    """Lost, and replaced by one that starts."""
    since = NOW - timedelta(seconds=seconds)
    return {"ready": False, "created": since, "bound": since, "turned": since, "incarnation": 1}


def seen(scope: str, changed: Mapping[str, dict[str, Any]], attempts: tuple[Attempt, ...] = ()) -> Recovering:
    system = declared(scope=scope, delay="30s", restarts=2)
    plan: Blueprint = blueprint(system, "r", {})
    slots = list(plan.seats)
    pods = [pod(slot, **{**facts(ready(slot)), **changed.get(slot, {})}) for slot in slots]
    places = {slot: "a" for slot in slots if not changed.get(slot, {}).get("gated")}
    entries = [(gang.name, gang.slots()) for gang in expand("llama", system.spec, {})]
    known = placement(places, entries, attempts=attempts)
    tried, versions = Attempts([known], system.spec.recovery, NOW), Versions(system.spec, "r", lambda _: None)
    found = digest(plan, pods, [known], Ground({"a": Node("a", open=True, ready=True)}), versions, tried)
    return recovering(plan, found, tried, versions)


def facts(each: Pod) -> dict[str, Any]:
    return {name: getattr(each, name) for name in ("name", "node", "ready", "created", "bound", "turned")}


NO_ROOM = {"ready": False, "node": "", "gated": True, "created": NOW - timedelta(seconds=60), "bound": None, "turned": None}
WAITING: dict[str, dict[str, Any]] = {f"{C}/{each}": NO_ROOM for each in ("leader/0", "worker/0", "worker/1")}
LEADERS = {f"{each}/leader/0": crashing(60) for each in (A, B)}
#                                            scope    who is in trouble                       restarted
EXAMPLES: dict[str, tuple[str, dict[str, dict[str, Any]], tuple[str, ...]]] = {
    "all is well":                          ("gang",  {},                                     ()),
    "a pod alone is its own unit":          ("pod",   {f"{A}/leader/0": crashing(60)},        ()),
    "a replica without its leader":         ("group", {f"{A}/leader/0": crashing(60)},        (A,)),
    "not before the delay is over":         ("group", {f"{A}/leader/0": crashing(29)},        ()),
    "it has its minimum of workers":        ("group", {f"{A}/worker/0": crashing(60)},        ()),
    "and now it has not":                   ("group", {f"{A}/worker/0": crashing(60), f"{A}/worker/1": crashing(31)}, (A,)),
    "since it has not":                     ("group", {f"{A}/worker/0": crashing(60), f"{A}/worker/1": crashing(29)}, ()),
    "lost, and not Ready again in time":    ("group", {f"{C}/leader/0": replaced(40)},        (C,)),
    "lost, and there is time":              ("group", {f"{C}/leader/0": replaced(20)},        ()),
    "lost in the second of being whole":    ("group", {f"{C}/leader/0": replaced(55 * 60)},   (C,)),
    "it was made in that second":           ("group", {f"{C}/leader/0": {**replaced(55 * 60), "incarnation": 0}}, ()),
    "lost, and no room for another":        ("copy",  dict.fromkeys(("0/router/0", "0/router/1"), NO_ROOM), ("0",)),
    "added, and no room for it":            ("gang",  WAITING,                                ()),
    "nor is it one by one":                 ("group", WAITING,                                ()),
    "but it is one that is missing":        ("gang",  {**WAITING, f"{A}/leader/0": crashing(60)}, ("0",)),
    "it runs in part, and waits for room":  ("gang",  {f"{C}/leader/0": NO_ROOM},             (C,)),
    "a router is no part of a group":       ("group", {"0/router/0": crashing(60), "0/router/1": crashing(60)}, ()),
    "two of three replicas are enough":     ("copy",  {f"{A}/leader/0": crashing(60)},        ()),
    "one of three is not":                  ("copy",  LEADERS,                                ("0",)),
    "one router of two is enough":          ("copy",  {"0/router/0": crashing(60)},           ()),
    "none is not":                          ("copy",  {"0/router/0": crashing(60), "0/router/1": crashing(60)}, ("0",)),
    "a gang: the replica, if enough are left":  ("gang", {f"{A}/leader/0": crashing(60)},     (A,)),
    "a gang: the copy, if not":             ("gang",  LEADERS,                                ("0",)),
}  # fmt: skip


@pytest.mark.parametrize(("scope", "changed", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_is_restarted_as_a_whole(scope: str, changed: Mapping[str, dict[str, Any]], want: tuple[str, ...]) -> None:
    assert tuple(breach.unit for breach in seen(scope, changed).due) == want


def test_all_that_start_for_the_first_time_trouble_nobody_however_long_they_take() -> None:
    starting = {"ready": False, "turned": BORN}
    slots = list(blueprint(declared(), "r", {}).seats)
    assert seen("gang", dict.fromkeys(slots, starting)) == Recovering()


def test_what_waits_says_until_when_and_is_looked_at_then() -> None:
    found = seen("group", {f"{A}/leader/0": crashing(20)})
    assert [(wait.reason, "12:00:10 UTC" in wait.message) for wait in found.waits] == [("NotWhole", True)]
    assert found.ends == (NOW + timedelta(seconds=10),)


#                                 restarted, seconds ago    in trouble since    again at, in s; None: given up
BACK_OFF = {
    "the delay counts anew":     (1, 40,                    20,                 10),
    "but the pause may be longer": (1, 5,                   5,                  25),
    "twice: given up":           (2, 600,                   60,                 None),
    "whole for ten minutes":     (2, 700,                   20,                 10),
}  # fmt: skip


@pytest.mark.parametrize(("count", "ago", "trouble", "again"), BACK_OFF.values(), ids=BACK_OFF)
def test_restarts_of_units_are_counted(count: int, ago: int, trouble: int, again: int | None) -> None:
    at = NOW - timedelta(seconds=ago)
    known = Attempt(A, count, at, at, "CrashLooping", "exit code 1", "r", 0)
    found = seen("group", {f"{A}/leader/0": crashing(trouble)}, (known,))
    assert found.ends == (() if again is None else (NOW + timedelta(seconds=again),))
    assert [wait.reason for wait in found.waits] == ["GivenUp" if again is None else "NotWhole"]


async def test_a_replica_that_is_not_whole_again_begins_anew_and_the_others_run_on() -> None:
    cluster, later = MemoryCluster(), timedelta(0)
    for index in range(12):
        cluster.put(NODES, node(f"n{index}"))
    async with running(cluster, Clocks(now=lambda: datetime.now(UTC) + later)) as (agent, kubelets):
        gardener = Gardener(agent, declared(scope="group", delay="30s"))
        await gardener.until({"ready": 11})
        before = {slot_of(each): each["metadata"]["uid"] for each in cluster.all(PODS)}
        kubelets.ready = False
        leader = next(each for each in cluster.all(PODS) if slot_of(each) == f"{A}/leader/0")
        broken = {"ready": False, "restartCount": 3, "lastState": {"terminated": {"exitCode": 1}}, "name": "main"}
        unready = [{"type": "Ready", "status": "False", "lastTransitionTime": datetime.now(UTC).isoformat()}]
        status = {"conditions": unready, "containerStatuses": [broken]}
        cluster.change(PODS, leader["metadata"]["name"], {"status": status}, "default")
        gardener.versions["pods"] = cluster.version
        watched = await gardener.until({"ready": 10, "starting": 1})
        assert 0 < (watched.again_s or 0) <= 31
        later += timedelta(seconds=32)
        kubelets.ready = True
        await gardener.until({"ready": 11})
        after = {slot_of(each): each["metadata"]["uid"] for each in cluster.all(PODS)}
    anew = {slot for slot, uid in after.items() if before[slot] != uid}
    assert anew == {f"{A}/leader/0", f"{A}/worker/0", f"{A}/worker/1"}
    assert gardener.steps.count("restart") == 1


def slot_of(found: Mapping[str, Any]) -> str:
    return str(found["metadata"]["annotations"]["espalier.dev/slot"])


def test_what_is_declared_says_how_long() -> None:
    assert (Recovery().delayed, Recovery(delay="2m").delayed) == (timedelta(seconds=30), timedelta(minutes=2))


def test_parts_are_counted_one_level_down() -> None:
    plan = blueprint(declared(), "r", {})
    assert plan.parts["0"] == 2, "routers and prefills"
    assert (plan.parts["0/router"], plan.parts["0/prefill"], plan.parts[A], plan.parts[f"{A}/worker"]) == (2, 3, 2, 2)


def test_a_cluster_that_is_lost_as_a_whole_is_judged_in_time() -> None:
    """10,000 pods in trouble: work that grew with their square would take ten seconds."""
    plan = blueprint(declared(scope="copy"), "r", {"copies": 1_000})
    pods = [pod(slot, name=slot, node="a", created=BORN, bound=BORN, **crashing(600)) for slot in plan.seats]
    held = placement({seat.slot: "a" for seat in plan.seats.values()}, [(gang.name, gang.slots()) for gang in plan.gangs])
    attempts, versions = Attempts([held], plan.system.spec.recovery, NOW), Versions(plan.system.spec, "r", lambda _: None)
    found = digest(plan, pods, [held], Ground({"a": Node("a", open=True, ready=True)}), versions, attempts)
    started = time.process_time()
    assert len(recovering(plan, found, attempts, versions).due) == 1, "its budget is one copy"
    assert time.process_time() - started < 2
