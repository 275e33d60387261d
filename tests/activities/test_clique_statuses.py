"""Which objects of a PodCliqueSet are told how they are."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.cache.accepted import Accepted
from activities.cluster.kube import CLIQUES, GANGS, GROUPS, Kind, Manifest
from activities.messages import Observation, Order, Ref
from activities.reports.clique_statuses import CliqueStatuses
from activities.state.blueprint import blueprint
from activities.state.cases import Case
from activities.state.digest import Ground, digest
from specs.grove import CliqueSystem
from specs.grove_objects import CliqueObjects
from specs.owners import Owner
from specs.reading import read
from specs.system import SystemSpec

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
                {"name": name, "spec": {"roleName": name, "replicas": 1, "podSpec": POD}} for name in ("router", "worker")
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


@pytest.mark.parametrize(("kind", "told"), KINDS.items(), ids=[kind.plural for kind in KINDS])
def test_what_is_to_go_is_left_as_it_was_told_last(kind: Kind, told: list[str]) -> None:
    system, _ = set_and_objects()
    plan = blueprint(system, "r1", NOW)
    order = Order(ref=Ref(namespace="default", name="llama"), kind="PodCliqueSet", counts=NOW)
    case = Case(order, cast(Accepted, Known(system)), plan, digest(plan, [], [], Ground({})))
    statuses = CliqueStatuses(case, Observation(), {}, datetime(2026, 1, 1, tzinfo=UTC))
    there = objects(kind)
    assert len(there) > len(told)
    assert sorted(each["metadata"]["name"] for each in there if statuses.tells_of(kind, each)) == told
