"""`espalier plan --repair`, `--preempt` and `--defragment`: what they print for a snapshot, and what they refuse."""

from typing import Any

import pytest

from specs.gangs import expand
from specs.names import GANG, SLOT, SYSTEM
from specs.system import InferenceSystem, Role
from tests.topology.test_plan import Json, pod, snapshot
from topology.planning.moves import plan_defragmentation, plan_preemption, plan_repairs
from topology.supply.snapshot import SnapshotError

A, B = "z-b-r0-0", "z-b-r0-1"
X, Y = "z-b-r1-0", "z-b-r1-1"


def system(
    name: str, replicas: int = 2, gpus: int = 4, within: str | None = "rack", least: int = 0, **spec: Any
) -> InferenceSystem:
    """One role of so many pods, all of them its minimum unless `least` says otherwise."""
    container = {"name": "server", "image": "x", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    role = {
        "role": "w", "replicas": replicas, "minAvailable": least or replicas, "place": {"within": within} if within else {},
        "template": {"spec": {"containers": [container], **spec}},
    }  # fmt: skip
    return InferenceSystem.model_validate({"metadata": {"name": name}, "spec": {"members": [role]}})


def running(of: InferenceSystem, *nodes: str, priority: int = 0) -> tuple[Json, ...]:
    """Its pods on these nodes, as Espalier makes them; "" for one that is lost."""
    name, role = of.metadata.name, of.spec.members[0]
    assert isinstance(role, Role)
    gangs = {slot: gang.name for gang in expand(name, of.spec, {}) for slot in gang.slots()}
    found: list[Json] = []
    for index, node in enumerate(nodes):
        slot = f"0/w/{index}"
        made = pod(f"{name}-{index}", node, 0)
        made["metadata"] |= {"labels": {SYSTEM: name, GANG: gangs[slot]}, "annotations": {SLOT: slot}}
        made["spec"] |= {"containers": role.template["spec"]["containers"], "priority": priority}
        found += [made] if node else []
    return tuple(found)


def priority_class(name: str, value: object, **more: str) -> Json:
    return {"kind": "PriorityClass", "metadata": {"name": name}, "value": value, **more}


URGENT = priority_class("urgent", 1000)
LOW, HIGH = system("low", gpus=4), system("high", gpus=4, priorityClassName="urgent")


def test_repair_in_place() -> None:
    found = plan_repairs([LOW], snapshot([4, 4], [4, 4], more=running(LOW, A, "")))
    assert (found["moved"], found["atLeast"]) == (0, 0)
    assert found["moves"] == [
        {"namespace": "default", "system": "low", "pod": "low-0-w-1", "why": "lost", "from": None, "to": B}
    ]  # fmt: skip
    assert found["systems"][0]["feasible"]


def test_repair_elsewhere_when_a_node_of_a_full_rack_is_taken_for_lost() -> None:
    found = plan_repairs([LOW], snapshot([4, 4], [4, 4], more=running(LOW, A, B)), [A])
    assert [(move["pod"], move["why"], move["from"], move["to"]) for move in found["moves"]] == [
        ("low-0-w-0", "lost", A, X),
        ("low-0-w-1", "moved", B, Y),
    ]
    assert (found["moved"], found["atLeast"]) == (1, 1)


def test_pods_above_the_minimum_of_a_system_leave_first() -> None:
    grown = system("grown", replicas=3, gpus=4, within=None, least=1)
    here = snapshot([4, 4], [4], more=(URGENT, *running(grown, A, B, X)))
    found = plan_preemption([system("high", 1, priorityClassName="urgent")], here)
    (each,) = found["preemptions"]
    assert (each["gang"], each["priority"], each["pods"], each["proven"]) == ("high-0", 1000, 1, True)
    assert each["victims"] == [
        {"name": "default/grown-0-w-1", "priority": 0, "minimum": False, "pods": [{"name": "grown-1", "node": B}]}
    ]  # fmt: skip
    assert found["systems"][0]["gangs"][0]["pods"][0]["node"] == B


def test_whole_gangs_leave_and_others_of_equal_priority_stay() -> None:
    equal = system("equal")
    more = (URGENT, *running(LOW, A, B), *running(equal, X, Y, priority=1000))
    found = plan_preemption([HIGH], snapshot([4, 4], [4, 4], more=more))
    assert [victim["name"] for each in found["preemptions"] for victim in each["victims"]] == ["default/low-0"]
    assert found["systems"][0]["feasible"]


def test_pods_of_others_are_single_and_daemons_stay() -> None:
    daemon = pod("daemon", A, 1)
    daemon["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": "d"}]
    found = plan_preemption(
        [system("high", 1, priorityClassName="urgent")], snapshot([4], [4], more=(URGENT, daemon, pod("x", X, 1)))
    )
    assert [victim["name"] for each in found["preemptions"] for victim in each["victims"]] == ["default/x"]


def test_who_may_not_preempt_waits() -> None:
    never = priority_class("urgent", 1000, preemptionPolicy="Never")
    found = plan_preemption([HIGH], snapshot([4, 4], more=(never, *running(LOW, A, B))))
    assert found["preemptions"] == []
    assert not found["systems"][0]["feasible"]


def test_pods_that_are_leaving_are_no_victims() -> None:
    leaving = running(LOW, A, B)
    for each in leaving:
        each["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = plan_preemption([HIGH], snapshot([4, 4], more=(URGENT, *leaving)))
    assert (found["preemptions"], found["systems"][0]["feasible"]) == ([], True)


def test_defragmentation_moves_those_whose_manifest_is_given() -> None:
    small = system("small", 1, gpus=1, within=None)
    here = snapshot([4, 4], [4], more=(*running(small, A), pod("other", X, 1)))
    found = plan_defragmentation([small, system("new")], here)
    (each,) = found["defragmentations"]
    assert (each["gang"], each["pods"], each["moved"], each["atLeast"]) == ("new-0", 2, 1, 1)
    assert [(move["pod"], move["from"], move["to"]) for move in each["moves"]] == [("small-0-w-0", A, X)]
    assert [found_["feasible"] for found_ in found["systems"]] == [True, True]


def test_without_its_manifest_nothing_moves() -> None:
    small = system("small", 1, gpus=1, within=None)
    found = plan_defragmentation([system("new")], snapshot([4, 4], [4], more=running(small, A)))
    assert (found["defragmentations"], found["systems"][0]["feasible"]) == ([], False)


ODD = running(LOW, A)[0] | {"metadata": {"name": "odd", "labels": {SYSTEM: "low", GANG: "g"}, "annotations": {SLOT: "x"}}}
STRANGE = running(LOW, A)[0] | {"metadata": {"name": "s", "labels": {SYSTEM: "low", GANG: "g"}, "annotations": {SLOT: "0/v/0"}}}
LOUD = pod("loud", A, 1) | {"spec": {**pod("loud", A, 1)["spec"], "priority": "high"}}
FIRST = system("two", gpus=1, priorityClassName="urgent")
OTHER = system("x").spec.members[0].model_copy(update={"role": "v"})
TWO = FIRST.model_copy(update={"spec": FIRST.spec.model_copy(update={"members": (*FIRST.spec.members, OTHER)})})
WORDS = priority_class("urgent", "x")

#                                  whom, what else is there, lost, what the sentence says
BAD: dict[str, tuple[InferenceSystem, tuple[Json, ...], str, str]] = {
    "no such class":             (HIGH, (),         "",         "'urgent', which is not in the snapshot"),
    "a class that is no number": (HIGH, (WORDS,),   "",         "value is 'x'"),
    "two priorities":            (TWO,  (URGENT,),  "",         "pods of different priority (1000 and 0)"),
    "a pod of odd priority":     (LOW,  (LOUD,),    "",         "its priority is 'high'"),
    "no such node":              (LOW,  (),         "z-b-r0-9", "no node 'z-b-r0-9'"),
    "an odd slot":               (LOW,  (ODD,),     "",         "its slot is 'x', which is none"),
    "a slot of no role":         (LOW,  (STRANGE,), "",         "is no part of this system"),
}  # fmt: skip


@pytest.mark.parametrize(("whom", "more", "lost", "says"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_sentence(whom: InferenceSystem, more: tuple[Json, ...], lost: str, says: str) -> None:
    with pytest.raises((SnapshotError, ValueError, LookupError)) as refusal:
        plan_repairs([whom], snapshot([4], more=more), [lost] if lost else [])
    assert says in refusal.value.args[0]
    assert "\n" not in refusal.value.args[0]
