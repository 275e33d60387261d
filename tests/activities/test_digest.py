"""Which class a slot is in: a table for one slot, then what follows for gangs, order, surplus and size."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from activities.cache.accepted import Accepted
from activities.cache.placements import Entry, Placement, Refusal, Waiting
from activities.cache.pods import Node, Pod
from activities.messages import Deviant, Observation, Order, PodClass, Ref
from activities.state.blueprint import Blueprint, blueprint
from activities.state.cases import Case
from activities.state.digest import Ground, classed, digest
from activities.state.refusals import LONGEST, excluded, held, in_force, with_refusals
from activities.state.standing import Digest
from activities.steps.observing import bounded, observed
from specs.system import InferenceSystem
from tests.activities.test_life import system

NODES = {
    "a": Node("a", open=True, ready=True),
    "b": Node("b", open=True, ready=True),
    "cordoned": Node("cordoned", open=False, ready=True),
    "silent": Node("silent", open=True, ready=False),
    "unready": Node("unready", open=True, ready=False),
}
GROUND = Ground(NODES, silent={"silent"}, refused={("worker", "b")})


def pod(slot: str = "0/worker/0", name: str = "pod", **facts: Any) -> Pod:
    known: dict[str, Any] = {
        "namespace": "default", "name": name, "uid": name, "system": "llama", "slot": slot, "role": slot.split("/")[1],
        "incarnation": 0, "node": "", "pin": "", "nominated": "", "gated": False, "done": False, "ready": False, "leaving": False,
        "refusal": "",
    }  # fmt: skip
    return Pod(**{**known, **facts})


#                                        pod                              granted  due    leaving  class
ONE_SLOT: dict[str, tuple[Pod | None, str, bool, bool, PodClass]] = {
    "nothing yet":                      (None,                               "",  False, False, "bare"),
    "a place and no pod":               (None,                               "a", False, False, "missing"),
    "the old pod is still going":       (None,                               "a", True,  True,  "leaving"),
    "gated without a place":            (pod(gated=True),                    "",  False, False, "waiting"),
    "gated, its place not yet held":    (pod(gated=True),                    "a", False, False, "unheld"),
    "held elsewhere than granted":      (pod(gated=True, nominated="b"),     "a", False, False, "unheld"),
    "held, and its place taken back":   (pod(gated=True, nominated="a"),     "",  False, False, "unheld"),
    "held":                             (pod(gated=True, nominated="a"),     "a", False, False, "held"),
    "its turn, though held":            (pod(gated=True, nominated="a"),     "a", True,  False, "due"),
    "let go":                           (pod(pin="a"),                       "a", True,  False, "pinned"),
    "let go and refused":               (pod(pin="a", refusal="no room"),    "a", True,  False, "refused"),
    "bound":                            (pod(pin="a", node="a"),             "a", True,  False, "starting"),
    "bound after a refusal":            (pod(node="a", refusal="no room"),   "a", True,  False, "starting"),
    "ready":                            (pod(node="a", ready=True),          "a", True,  False, "ready"),
    "ready on a cordoned node":         (pod(node="cordoned", ready=True),   "cordoned", True, False, "ready"),
    "on a node that is unready awhile": (pod(node="unready"),                "unready", True, False, "starting"),
    "on a node silent for too long":    (pod(node="silent", ready=True),     "silent", True, False, "lost"),
    "on a node that is gone":           (pod(node="gone", ready=True),       "gone", True, False, "lost"),
    "ended by itself":                  (pod(node="a", done=True),           "a", True,  False, "failed"),
    "ended on a node that is gone":     (pod(node="gone", done=True),        "gone", True, False, "failed"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "node", "due", "leaving", "want"), ONE_SLOT.values(), ids=ONE_SLOT)
def test_class_of_one_slot(found: Pod | None, node: str, due: bool, leaving: bool, want: PodClass) -> None:
    assert classed(found, node, due, leaving, GROUND) == want


def placement(nodes: dict[str, str], entries: Sequence[tuple[str, Sequence[str]]], name: str = "p0", **facts: Any) -> Placement:
    known: dict[str, Any] = {
        "namespace": "default", "name": name, "uid": name, "version": 1, "created": name, "system": "llama", "owner": "u",
        "revision": "r", "pod_priority": 0, "priority": 0, "nodes": nodes, "waiting": {}, "refusals": (), "leaving": False,
        "entries": tuple(Entry(gang, minimum=True, slots=tuple(slots)) for gang, slots in entries),
    }  # fmt: skip
    return Placement(**{**known, **facts})


R, W0, W1 = "0/router/0", "0/worker/0", "0/worker/1"
BASE = ("llama-0", (R, W0, W1))


def plan(start: str = "anyOrder", **counts: int) -> Blueprint:
    return blueprint(system(start), "r", counts)


def seen(plan: Blueprint, pods: Sequence[Pod], placements: Sequence[Placement], ground: Ground = GROUND) -> Digest:
    return digest(plan, pods, placements, ground)


def counted(found: Digest) -> dict[str, int]:
    return {name: len(standings) for name, standings in found.members.items() if standings}


def test_nothing_asked_yet_is_unplanned() -> None:
    found = seen(plan(), [], [])
    assert (counted(found), found.unplanned, found.waiting, found.granted) == ({"bare": 3}, [0], [], 0)


def test_asked_and_unanswered_waits() -> None:
    found = seen(plan(), [], [placement({}, [BASE], waiting={"llama-0": Waiting("NoRoom", "add nodes")})])
    assert (counted(found), found.unplanned, found.waiting) == ({"bare": 3}, [], [0])
    assert found.grants.waiting["llama-0"].message == "add nodes"


def test_nothing_is_due_while_a_part_of_the_gang_has_no_room() -> None:
    found = seen(plan(), [pod(W0, gated=True)], [placement({R: "a", W0: "a"}, [BASE])])
    assert counted(found) == {"missing": 1, "unheld": 1, "bare": 1}
    assert not any(standing.due for standings in found.members.values() for standing in standings)


def test_start_order_holds_the_later_role_until_the_earlier_is_ready() -> None:
    granted = [placement({R: "a", W0: "a", W1: "a"}, [BASE])]
    waiting = [pod(W0, gated=True, nominated="a", name="w0"), pod(W1, gated=True, nominated="a", name="w1")]
    before = seen(plan("inOrder"), [pod(R, node="a", name="r"), *waiting], granted)
    after = seen(plan("inOrder"), [pod(R, node="a", ready=True, name="r"), *waiting], granted)
    assert (counted(before), counted(after)) == ({"starting": 1, "held": 2}, {"ready": 1, "due": 2})
    assert sum(before.undue.values()) == 2
    assert not after.undue


def test_of_two_pods_in_a_slot_the_later_incarnation_counts() -> None:
    pods = [pod(R, name="new", incarnation=4, node="a", ready=True), pod(R, name="old", incarnation=3, node="a", ready=True)]
    found = seen(plan(), pods, [placement({R: "a", W0: "a", W1: "a"}, [BASE])])
    assert [standing.pod.name for standing in found.members["surplus"] if standing.pod] == ["old"]
    assert [standing.pod.name for standing in found.members["ready"] if standing.pod] == ["new"]


def test_a_pod_that_nobody_wants_is_surplus_until_it_leaves() -> None:
    stray = pod("7/worker/0", name="stray", node="a")
    leaving = pod("8/worker/0", name="leaving", node="a", leaving=True)
    assert counted(seen(plan(), [stray, leaving], [])) == {"bare": 3, "surplus": 1}


def test_a_moved_pod_goes_before_its_slot_starts_anew() -> None:
    granted = [placement({R: "a", W0: "a", W1: "a"}, [BASE])]
    found = seen(plan(), [pod(R, node="b", ready=True)], granted)
    assert counted(found) == {"surplus": 1, "leaving": 1, "missing": 2}


def test_a_pod_leaving_a_lost_node_keeps_nobody_waiting() -> None:
    granted = [placement({R: "a", W0: "a", W1: "a"}, [BASE])]
    stays, goes = pod(R, name="stays", node="a", leaving=True), pod(W0, name="goes", node="gone", leaving=True)
    assert counted(seen(plan(), [stays, goes], granted)) == {"leaving": 1, "missing": 2}


def test_places_that_can_serve_no_more_are_displaced_unless_a_pod_runs_there() -> None:
    nodes = {R: "cordoned", W0: "gone", W1: "b"}
    idle = seen(plan(), [], [placement(nodes, [BASE])])
    assert {standing.slot for standing in idle.displaced} == {R, W0, W1}, "cordoned, gone, and refused to the role"
    running = seen(plan(), [pod(R, node="cordoned", ready=True)], [placement(nodes, [BASE])])
    assert {standing.slot for standing in running.displaced} == {W0, W1}


def test_a_gang_that_must_leave_keeps_its_nodes_until_its_last_pod_is_gone() -> None:
    slots, two = [W0, W1], blueprint(system(worker=2), "r", {})
    why = {"llama-0": Waiting("Preempted", "it made way for another")}
    held = placement(dict(zip(slots, "ab", strict=True)), [("llama-0", slots)], displaced=why)
    runs = [pod(slot, f"p{index}", node="ab"[index], ready=True) for index, slot in enumerate(slots)]
    found = seen(two, runs, [held])
    assert counted(found) == {"surplus": 2, "leaving": 2}
    assert (len(found.evicted), len(found.displaced)) == (2, 0)
    found = seen(two, [replace(runs[0], leaving=True)], [held])
    assert (len(found.evicted), len(found.displaced)) == (0, 0)
    found = seen(two, [], [held])
    assert sorted(each.node for each in found.displaced) == ["a", "b"]
    assert counted(found) == {"leaving": 2}, "nobody is to be created before the nodes are given back"
    found = seen(two, [], [replace(held, nodes={})])
    assert counted(found) == {"bare": 2}


def test_a_slot_held_twice_belongs_to_the_older_placement() -> None:
    older, newer = placement({R: "a", W0: "a", W1: "a"}, [BASE], "p0"), placement({R: "b"}, [("llama-0", (R,))], "p1")
    found = seen(plan(), [], [older, newer])
    assert found.grants.node[R] == "a"
    assert [(surplus.placement.name, surplus.slots) for surplus in found.grants.surplus] == [("p1", frozenset({R}))]


def test_a_placement_that_nobody_wants_any_more_is_idle() -> None:
    found = seen(plan(copies=1), [], [placement({}, [BASE]), placement({}, [("llama-9", ("9/router/0",))], "p9")])
    assert [each.name for each in found.grants.idle] == ["p9"]


def test_copies_count_as_ready_with_their_base_gang() -> None:
    pods = [pod(slot, name=slot, node="a", ready=True) for slot in (R, W0, W1)]
    found = seen(plan(copies=2), pods, [placement({R: "a", W0: "a", W1: "a"}, [BASE])])
    assert (found.copies, found.ready_copies) == (2, 1)


class TestTenThousandPods:
    """Half of them waiting for room with long sentences, half refused with long sentences: the worst to tell."""

    def declared(self) -> InferenceSystem:
        return system(router=1, worker=1)

    def found(self) -> tuple[Blueprint, Digest, float]:
        plan = blueprint(self.declared(), "r", {"copies": 5_000})
        nodes = {f"node-{index:05}": Node(f"node-{index:05}", open=True, ready=True) for index in range(5_000)}
        long = "0/5000 nodes are available: " + "5000 node(s) did not have free ports for the requested pod ports, " * 20
        pods = [
            pod(slot, f"llama-{slot}", pin=f"node-{index:05}", refusal=f"{index} {long}")
            for index, slot in enumerate(f"{copy}/router/0" for copy in range(5_000))
        ]
        granted = {slot.slot: slot.pin for slot in pods}
        gangs = [(gang.name, gang.slots()) for gang in plan.gangs]
        waiting = {name: Waiting("NoRoom", f"{name} {long}") for name, _ in gangs}
        placements = [
            placement({s: granted[s] for _, slots in gangs[at : at + 256] for s in slots if s in granted}, gangs[at : at + 256],
                      f"p{at:05}", waiting=waiting)
            for at in range(0, 5_000, 256)
        ]  # fmt: skip
        started = time.process_time()
        return plan, digest(plan, pods, placements, Ground(nodes)), time.process_time() - started

    def test_it_takes_no_longer_than_budgeted(self) -> None:
        took_s = min(self.found()[2] for _ in range(3))
        assert took_s < 0.1 * 3, "0.1 s on an idle machine; this one may be busy"

    def test_it_is_told_in_32_kb(self) -> None:
        plan, found, _ = self.found()
        order = Order(ref=Ref(namespace="default", name="llama"))
        case = Case(order, cast(Accepted, SimpleNamespace(spec=plan.system.spec)), plan, found)
        told = Observation.model_validate(observed(case))
        assert told.total("refused", "bare") == 10_000
        assert (len(told.deviants), told.waits[0].gangs) == (50, 5_000)
        assert len(told.model_dump_json()) < 32_768

    @pytest.mark.parametrize("roles", [2, 64])
    def test_many_roles_and_long_names_leave_less_room_for_pods_by_name(self, roles: int) -> None:
        classes: dict[PodClass, int] = {"ready": 1_000, "failed": 1_000, "missing": 1_000}
        deviants = tuple(
            Deviant(slot="s" * 60, pod="p" * 60, node="n" * 250, state="failed", message="m" * 160) for _ in range(50)
        )
        seen = Observation(roles={f"{'r' * 60}{index}": classes for index in range(roles)}, deviants=deviants)
        told = bounded(seen)
        assert told.roles == seen.roles
        assert 0 < len(told.deviants) <= 50
        assert len(told.model_dump_json()) < 32_768


def test_who_was_refused_too_often_stays_where_it_is() -> None:
    refused = pod(pin="a", refusal="no volume here")
    assert classed(refused, "a", due=True, leaving=False, ground=Ground(NODES)) == "refused"
    assert classed(refused, "a", due=True, leaving=False, ground=Ground(NODES, held={refused.role})) == "pinned"


def test_room_that_comes_lifts_a_refusal_but_not_one_that_recurs() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    early, at_once = {"a": now + timedelta(seconds=5)}, {"a": now}
    once = placement({}, [BASE], refusals=with_refusals((), {("worker", "a"): "full"}, now))
    later = now + timedelta(seconds=6)
    assert in_force([once], later, {"b": later, **at_once}), "what left before it was refused is no news"
    assert not in_force([once], later, early)
    known = once.refusals
    for _ in range(2):
        known = with_refusals(known, {("worker", "a"): "full"}, now)
    assert in_force([placement({}, [BASE], refusals=known)], later, early)


def test_refusals_count_and_grow() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first = with_refusals((), {("worker", "a"): "full"}, now)
    second = with_refusals(first, {("worker", "a"): "full", ("worker", "b"): "full"}, now)
    assert [(each.node, each.count, each.until - now) for each in second] == [
        ("a", 2, timedelta(seconds=60)),
        ("b", 1, timedelta(seconds=30)),
    ]
    many = second
    for _ in range(20):
        many = with_refusals(many, {("worker", "a"): "full"}, now)
    assert max(each.until for each in many) == now + LONGEST
    refusing = placement({}, [BASE], refusals=second)
    assert set(excluded(in_force([refusing], now, {}))) == {("worker", "a"), ("worker", "b")}
    assert set(excluded(in_force([refusing], now + timedelta(seconds=45), {}))) == {("worker", "a")}
    assert held(in_force([refusing], now, {})) == {"worker"}, "three in all"
    assert held(in_force([refusing], now + timedelta(seconds=45), {})) == frozenset()
    assert with_refusals((Refusal("worker", "a", now, 5, ""),), {}, now + timedelta(hours=2)) == ()
