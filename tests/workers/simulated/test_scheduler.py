"""Where pods go, and what is said of those that can't."""

from typing import Any

import pytest

from specs.sections import condition
from tests.workers.simulated.making import Play, state

PIN = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}
]}}}  # fmt: skip

NOWHERE = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
BLOCKED = "Scheduling is blocked due to non-empty scheduling gates (g)"
#                       what the pod says                            where it goes, or why not
PODS: dict[str, tuple[dict[str, Any], str]] = {
    "anywhere":         ({},                                          "n0"),
    "pinned":           ({"affinity": PIN},                           "n1"),
    "selects":          ({"nodeSelector": {"disk": "fast"}},          "n0"),
    "selects nothing":  ({"nodeSelector": {"disk": "slow"}},          NOWHERE),
    "gated":            ({"schedulingGates": [{"name": "g"}]},        BLOCKED),
    "another's":        ({"schedulerName": "other"},                  ""),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "want"), PODS.values(), ids=PODS)
def test_where_a_pod_goes(spec: dict[str, Any], want: str) -> None:
    play = Play()
    play.make("one", **spec)
    pod = play.pod("one")
    assert pod is not None
    assert (pod["spec"].get("nodeName") or condition(pod, "PodScheduled").get("message", "")) == want


def test_too_large_is_said_once_and_heals_when_room_comes() -> None:
    play = Play(nodes=1)
    play.make("first", cpu="3")
    play.make("second", cpu="2")
    play.pass_(5)
    second = play.pod("second")
    assert second is not None
    assert condition(second, "PodScheduled")["message"] == "0/1 nodes are available: 1 Insufficient cpu."
    assert list(play.told("second")) == ["FailedScheduling"]
    play.delete("first")
    assert state(play.pod("second")) == "n0 Running Ready"


def test_a_cordoned_node_takes_nobody_until_it_is_open() -> None:
    play = Play(nodes=1)
    play.patch("node", "n0", {"spec": {"unschedulable": True}})
    play.make("one")
    assert state(play.pod("one")) == "Unschedulable Pending"
    play.patch("node", "n0", {"spec": {"unschedulable": None}})
    assert state(play.pod("one")) == "n0 Running Ready"


#                           priority of the other    where it is, beside a hold of 3 of 4 cpu
NOMINATED = {
    "equal":                (0,                        "Unschedulable Pending"),
    "lower":                (-1,                       "Unschedulable Pending"),
    "higher":               (1,                        "n0 Running Ready"),
}  # fmt: skip


@pytest.mark.parametrize(("priority", "want"), NOMINATED.values(), ids=NOMINATED)
def test_a_nomination_holds_against_whom_it_should(priority: int, want: str) -> None:
    play = Play(nodes=1)
    play.make("held", cpu="3", schedulingGates=[{"name": "g"}])
    play.patch("pod", "held", {"status": {"nominatedNodeName": "n0"}}, "status")
    play.make("other", cpu="2", priorityClassName=play.priority(priority))
    assert state(play.pod("other")) == want


def test_the_important_and_the_old_come_first() -> None:
    play = Play(nodes=1)
    play.make("full", cpu="4")
    for name, priority in (("old", 0), ("young", 0), ("important", 5)):
        play.pass_(2)
        play.make(name, cpu="2", priorityClassName=play.priority(priority))
    play.delete("full")
    assert [state(play.pod(name)) for name in ("important", "old", "young")] == [
        "n0 Running Ready", "n0 Running Ready", "Unschedulable Pending",
    ]  # fmt: skip
