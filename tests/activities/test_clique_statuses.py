"""What the objects of a PodCliqueSet say of themselves, and which of them are told at all."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.cache.accepted import Accepted
from activities.cache.pods import Pod
from activities.cluster.kube import CLIQUE_SETS, CLIQUES, GANGS, GROUPS, Kind, Manifest
from activities.messages import Observation, Order, Ref, Wait
from activities.reports.clique_statuses import CliqueStatuses
from activities.state.blueprint import blueprint
from activities.state.cases import Case
from activities.state.digest import digest
from activities.state.rolling import NOTHING, Rolling
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


def set_and_objects(level: str = "") -> tuple[CliqueSystem, CliqueObjects]:
    """`level`: that each replica of the set is packed into."""
    packed = {"topologyConstraint": {"topologyName": "fabric", "pack": {"required": level}}} if level else {}
    template = {**CLIQUE_SET["spec"]["template"], **packed}
    (system,) = read(json.dumps({**CLIQUE_SET, "spec": {**CLIQUE_SET["spec"], "template": template}}), "set.json")
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


def statuses(
    found: Collection[Pod] = (),
    rolling: Rolling = NOTHING,
    failed: str = "",
    level: str = "",
    bindings: Mapping[str, Collection[str]] | None = None,
) -> CliqueStatuses:
    """Of the set at the counts of now, all of whose pods have a node."""
    system, _ = set_and_objects(level)
    plan = blueprint(system, "r1", NOW)
    held = placement(dict.fromkeys(plan.seats, "a"), [("llama-0", list(plan.seats))])
    ref = Ref(namespace="default", name="llama")
    order = Order(ref=ref, kind="PodCliqueSet", counts=NOW, revision="r1", number=2, failed=failed)
    case = Case(order, cast(Accepted, Known(system)), plan, digest(plan, found, [held], GROUND), rolling)
    return CliqueStatuses(case, Observation(copies=1), bindings or {}, datetime(2026, 1, 1, tzinfo=UTC))


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


#                  pods                    its clique, and the gang, which has another clique, are at rest
AT_REST: dict[str, tuple[list[Pod], bool]] = {
    "no pod":        (routers(),              False),
    "they start":    (routers(STARTS, READY), False),
    "all are Ready": (routers(READY, READY),  True),
}  # fmt: skip


@pytest.mark.parametrize(("pods", "rests"), AT_REST.values(), ids=AT_REST)
def test_a_clique_is_at_rest_when_all_of_its_pods_are_ready(pods: list[Pod], rests: bool) -> None:
    made, router = statuses(pods), next(each for each in objects(CLIQUES) if each["metadata"]["name"] == "llama-0-router")
    assert made.rests(CLIQUES, router) == rests
    others = [*objects(GROUPS)[:1], *(each for each in objects(GANGS) if each["metadata"]["name"] == "llama-0")]
    assert [made.rests(kind, each) for kind, each in zip((GROUPS, GANGS), others, strict=True)] == [False, False]
    workers = [pod(f"0/decode/0/worker/{index}", f"w{index}", **READY) for index in range(2)]
    whole = statuses([*pods, *workers])
    assert [whole.rests(kind, each) for kind, each in zip((GROUPS, GANGS), others, strict=True)] == [True, rests]


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


def conditions(status: Manifest) -> dict[str, tuple[str, str, str]]:
    return {each["type"]: (each["status"], each["reason"], each["message"]) for each in status["conditions"]}


def the_set(**status: Any) -> Manifest:
    return {**CLIQUE_SET, "metadata": {**CLIQUE_SET["metadata"], "generation": 1}, "status": status}


NO_BINDING = "there is no ClusterTopologyBinding 'fabric'"
NO_LEVEL = "the ClusterTopologyBinding has no level 'rack'"
#                          packed  levels of bindings             status     reason                              message
LEVELS: dict[str, tuple[str, dict[str, list[str]], str, str, str]] = {
    "packed into nothing": ("",     {},                           "False",   "AllClusterTopologyLevelsAvailable", ""),
    "all are there":       ("rack", {"fabric": ["zone", "rack"]}, "False",   "AllClusterTopologyLevelsAvailable", ""),
    "its level is gone":   ("rack", {"fabric": ["zone"]},         "True",    "ClusterTopologyLevelsUnavailable",  NO_LEVEL),
    "of another binding":  ("rack", {"other": ["rack"]},          "Unknown", "ClusterTopologyNotFound",           NO_BINDING),
    "no binding":          ("rack", {},                           "Unknown", "ClusterTopologyNotFound",           NO_BINDING),
}  # fmt: skip


@pytest.mark.parametrize(("level", "bindings", "status", "reason", "message"), LEVELS.values(), ids=LEVELS)
def test_a_set_says_whether_its_levels_are_there(
    level: str, bindings: dict[str, list[str]], status: str, reason: str, message: str
) -> None:
    told = statuses(level=level, bindings=bindings).of(CLIQUE_SETS, the_set(), None)
    found = conditions(told)["TopologyLevelsUnavailable"]
    assert (found[:2], message in found[2]) == ((status, reason), True)


def everyone(**state: Any) -> list[Pod]:
    workers = [pod(f"0/decode/0/worker/{index}", f"w{index}", **state) for index in range(2)]
    return [*routers(state, state), *workers]


#          pods                        phase
PHASES: dict[str, tuple[list[Pod], str]] = {
    "none":                 ([],                                    "Pending"),
    "held":                 (everyone(**HELD),                      "Pending"),
    "but for a clique":     (routers(READY, READY),                 "Pending"),
    "on nodes":             (everyone(**STARTS),                    "Starting"),
    "but for one Ready":    ([*everyone(**READY)[:3], pod("0/decode/0/worker/1", "w1", **STARTS)], "Starting"),
    "Ready":                (everyone(**READY),                     "Running"),
}  # fmt: skip


@pytest.mark.parametrize(("pods", "phase"), PHASES.values(), ids=PHASES)
def test_a_gang_is_as_far_as_the_least_of_its_cliques(pods: list[Pod], phase: str) -> None:
    (found,) = (each for each in objects(GANGS) if each["metadata"]["name"] == "llama-0")
    status = statuses(pods).of(GANGS, {**found, "metadata": {**found["metadata"], "generation": 1}}, None)
    assert status["phase"] == phase
    assert conditions(status) == {"Initialized": ("True", "PodGangInitialized", "")}


STALE = Rolling(at="0", stale=frozenset({"0/router/0"}))
HELD_UP = Rolling(at="0", stale=STALE.stale, gate=Wait(reason="Budget", message="one of router may be away"))
LATE = "nothing got further for 10m"
OLD, NEW = {"currentGenerationHash": "r0"}, {"currentGenerationHash": "r1"}
BEGUN = {**NEW, "updateProgress": {"updateStartedAt": "2025-01-01T00:00:00Z"}}
STUCK = ("Unknown", "ProgressDeadlineExceeded", LATE)
#                     said before  to do    failed  condition
UPDATES: dict[str, tuple[dict[str, Any], Rolling, str, tuple[str, str, str]]] = {
    "nothing to update": (NEW,     NOTHING, "",     ("False", "NoUpdate", "")),
    "begins":            (OLD,     STALE,   "",     ("True", "RollingUpdate", "")),
    "is held":           (BEGUN,   HELD_UP, "",     ("True", "RollingUpdate", "one of router may be away")),
    "gets no further":   (BEGUN,   STALE,   LATE,   STUCK),
    "has ended":         (BEGUN,   NOTHING, "",     ("False", "UpdateEnded", "")),
}  # fmt: skip


@pytest.mark.parametrize(("said", "rolling", "failed", "wanted"), UPDATES.values(), ids=UPDATES)
def test_a_set_says_how_its_update_gets_on(
    said: dict[str, Any], rolling: Rolling, failed: str, wanted: tuple[str, str, str]
) -> None:
    told = statuses(everyone(**READY), rolling, failed).of(CLIQUE_SETS, the_set(**said), None)
    assert conditions(told)["UpdateInProgress"] == wanted


def test_while_a_clique_is_updated_nobody_knows_whether_it_is_breached() -> None:
    found = {each["metadata"]["name"]: each for each in [*objects(CLIQUES), *objects(GROUPS)]}
    told = statuses(routers(READY), STALE).of(CLIQUES, found["llama-0-router"], None)
    assert conditions(told)["MinAvailableBreached"][:2] == ("Unknown", "UpdateInProgress")
    group = Rolling(at="0", stale=frozenset({"0/decode/0/worker/0"}))
    told = statuses((), group).of(GROUPS, found["llama-0-decode"], None)
    assert conditions(told)["MinAvailableBreached"][:2] == ("Unknown", "UpdateInProgress")
    elsewhere = statuses(routers(READY), Rolling(at="1", stale=STALE.stale)).of(CLIQUES, found["llama-0-router"], None)
    assert conditions(elsewhere)["MinAvailableBreached"][0] == "True", "another replica's turn excuses nothing here"
