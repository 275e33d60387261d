"""What the objects of a PodCliqueSet say of themselves, and which of them are told at all."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.cache.accepted import Accepted
from activities.cache.pods import Pod
from activities.cluster.kube import CLIQUES, GANGS, GROUPS, Kind, Manifest
from activities.messages import Observation, Order, Ref
from activities.reports.clique_statuses import CliqueStatuses
from activities.state.blueprint import blueprint
from activities.state.cases import Case
from activities.state.digest import digest
from specs.grove import CliqueSystem
from specs.grove_objects import CliqueObjects
from specs.owners import Owner
from specs.reading import read
from specs.system import SystemSpec
from tests.activities.test_digest import GROUND, placement, pod

BEFORE, NOW = {"copies": 3, "0/decode": 2}, {"copies": 1, "0/decode": 1}
POD = {"containers": [{"name": "main", "image": "server"}]}
CLIQUE_SET: dict[str, Any] = {
    "apiVersion": "grove.io/v1alpha1",
    "kind": "PodCliqueSet",
    "metadata": {"name": "llama", "namespace": "default"},
    "spec": {
        "replicas": 1,
        "template": {
            "cliques": [
                {"name": name, "spec": {"roleName": name, "replicas": 2, "podSpec": POD}} for name in ("router", "worker")
            ],
            "podCliqueScalingGroups": [{"name": "decode", "cliqueNames": ["worker"]}],
        },
    },
}


@dataclass(frozen=True)
class Known:
    """As much of an accepted set as a status needs."""

    system: CliqueSystem

    @property
    def spec(self) -> SystemSpec:
        return self.system.spec


def set_and_objects() -> tuple[CliqueSystem, CliqueObjects]:
    (system,) = read(json.dumps(CLIQUE_SET), "set.json")
    assert isinstance(system, CliqueSystem)
    return system, CliqueObjects(Owner("llama", "default", "u", "PodCliqueSet"), system, BEFORE)


def objects(kind: Kind) -> list[Manifest]:
    """Of a kind, at the counts of before."""
    _, made = set_and_objects()
    return made.gangs({}, {}) if kind == GANGS else [each for each in made.scaled() if each["kind"] == kind.kind]


#         kind     of it                  those that are told of when it is scaled in
KINDS = {
    CLIQUES: ["llama-0-decode-0-worker", "llama-0-router"],
    GROUPS: ["llama-0-decode"],
    GANGS: ["llama-0"],
}  # fmt: skip


def statuses(found: Collection[Pod] = ()) -> CliqueStatuses:
    """Of the set at the counts of now, all of whose pods have a node."""
    system, _ = set_and_objects()
    plan = blueprint(system, "r1", NOW)
    held = placement(dict.fromkeys(plan.seats, "a"), [("llama-0", list(plan.seats))])
    order = Order(ref=Ref(namespace="default", name="llama"), kind="PodCliqueSet", counts=NOW)
    case = Case(order, cast(Accepted, Known(system)), plan, digest(plan, found, [held], GROUND))
    return CliqueStatuses(case, Observation(), {}, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("kind", "told"), KINDS.items(), ids=[kind.plural for kind in KINDS])
def test_what_is_to_go_is_left_as_it_was_told_last(kind: Kind, told: list[str]) -> None:
    there = objects(kind)
    assert len(there) > len(told)
    assert sorted(each["metadata"]["name"] for each in there if statuses().tells_of(kind, each)) == told


def routers(*states: dict[str, Any]) -> list[Pod]:
    return [pod(f"0/router/{index}", f"p{index}", **state) for index, state in enumerate(states)]


READY, STARTS, HELD = {"node": "a", "ready": True}, {"node": "a"}, {"gated": True, "nominated": "a"}
WAS_READY = {"type": "MinAvailableBreached", "status": "False", "reason": "SufficientReadyPods"}

SCHEDULED, NOT_YET = ("True", "SufficientScheduledPods"), ("False", "InsufficientScheduledPods")
FEW = ("True", "ScheduledReplicasBelowMinAvailable")

#                       pods                     said before  scheduled  breached
STATES: dict[str, tuple[list[Pod], list[Manifest], tuple[str, str], tuple[str, str]]] = {
    "no pod":           (routers(),              [],          NOT_YET,   FEW),
    "one is held":      (routers(READY, HELD),   [],          NOT_YET,   FEW),
    "they start":       (routers(STARTS, READY), [],          SCHEDULED, ("False", "PodsStarting")),
    "all are Ready":    (routers(READY, READY),  [],          SCHEDULED, ("False", "SufficientReadyPods")),
    "one is not again": (routers(READY, STARTS), [WAS_READY], SCHEDULED, ("True", "InsufficientReadyPods")),
}  # fmt: skip


@pytest.mark.parametrize(("pods", "said", "scheduled", "breached"), STATES.values(), ids=STATES)
def test_conditions_of_a_clique(
    pods: list[Pod], said: list[Manifest], scheduled: tuple[str, str], breached: tuple[str, str]
) -> None:
    found = next(each for each in objects(CLIQUES) if each["metadata"]["name"] == "llama-0-router")
    found |= {"status": {"conditions": [{**each, "lastTransitionTime": "2025-01-01T00:00:00Z"} for each in said]}}
    status = statuses(pods).of(CLIQUES, found, None)
    told = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
    assert (told["PodCliqueScheduled"], told["MinAvailableBreached"]) == (scheduled, breached)
    assert status["hpaPodSelector"] == "grove.io/podclique=llama-0-router"


@pytest.mark.parametrize(("ready", "breached"), [(2, "SufficientAvailable"), (1, "InsufficientAvailable")])
def test_a_group_is_breached_while_one_of_its_cliques_is(ready: int, breached: str) -> None:
    (found,) = (each for each in objects(GROUPS) if each["metadata"]["name"] == "llama-0-decode")
    workers = [pod(f"0/decode/0/worker/{index}", f"p{index}", node="a", ready=index < ready) for index in range(2)]
    status = statuses(workers).of(GROUPS, found, None)
    reasons = {each["type"]: each["reason"] for each in status["conditions"]}
    assert reasons["MinAvailableBreached"] == f"{breached}PodCliqueScalingGroupReplicas"
    assert (status["replicas"], status["scheduledReplicas"], status["availableReplicas"]) == (1, 1, ready // 2)
    assert status["selector"] == "grove.io/podcliquescalinggroup=llama-0-decode"
