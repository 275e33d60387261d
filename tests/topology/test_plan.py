"""`espalier plan`: what it prints, and what it refuses."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specs.fabric import Fabric
from specs.gangs import expand
from specs.names import hostname
from specs.reading import read
from specs.system import InferenceSystem
from tests.topology.fleets import LABELS, node, nodes
from topology.demand import Budget
from topology.planning.plan import plan
from topology.supply.snapshot import SnapshotError

Json = dict[str, Any]


def system(name: str = "llama", gpus: int = 4, **spec: Any) -> InferenceSystem:
    container = {"name": "server", "image": "x", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    role = {"role": "worker", "replicas": 2, "place": {"within": "rack"}, "template": {"spec": {"containers": [container]}}}
    return InferenceSystem.model_validate({"metadata": {"name": name}, "spec": {"members": [role]} | spec})


def snapshot(*free: list[int], more: tuple[Json, ...] = ()) -> Json:
    """One block of racks with these GPUs a host, as kubectl prints them."""
    tree = {"z": {"b": {f"r{index}": hosts for index, hosts in enumerate(free)}}}
    return {"apiVersion": "v1", "kind": "List", "items": [*({"kind": "Node", **each} for each in nodes(tree)), *more]}


def pod(name: str, on: str, gpus: int) -> Json:
    containers = [{"name": "c", "resources": {"requests": {"nvidia.com/gpu": str(gpus)}}}]
    return {"kind": "Pod", "metadata": {"name": name}, "spec": {"nodeName": on, "containers": containers}}


def test_prints_every_pod() -> None:
    assert plan([system()], snapshot([4, 4])) == {
        "systems": [{
            "name": "llama", "namespace": "default", "feasible": True,
            "gangs": [{
                "name": "llama-0", "minimum": True, "placed": True, "score": 1.0, "reason": None, "message": None,
                "pods": [
                    {"name": "llama-0-worker-0", "role": "worker", "node": "z-b-r0-0"},
                    {"name": "llama-0-worker-1", "role": "worker", "node": "z-b-r0-1"},
                ],
            }],
        }],
    }  # fmt: skip


def test_prints_why_not() -> None:
    (found,) = plan([system()], snapshot([4], [4]))["systems"]
    assert not found["feasible"]
    (gang,) = found["gangs"]
    assert (gang["placed"], gang["score"], gang["reason"]) == (False, None, "NoDomainFits")
    assert "no rack has room for 0/worker" in gang["message"]
    assert [each["node"] for each in gang["pods"]] == [None, None]


def test_prints_the_best_that_was_found_in_time() -> None:
    container = {"name": "server", "image": "x", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    roles = [
        {"role": f"r{index}", "replicas": pods, "place": {"within": "rack"}, "template": {"spec": {"containers": [container]}}}
        for index, pods in enumerate((5, 4, 3, 3, 3, 2))
    ]
    (found,) = plan([system(members=roles)], snapshot([1] * 10, [1] * 10), Budget(steps=1, expired=lambda: True))["systems"]
    (gang,) = found["gangs"]
    assert (gang["reason"], gang["best"]) == ("SearchLimit", {"pods": 19, "bound": 20})


def test_each_system_after_the_ones_before_it() -> None:
    first, second = plan([system("a"), system("b")], snapshot([4, 4, 4]))["systems"]
    assert (first["feasible"], second["feasible"]) == (True, False)


def test_bound_pods_count_as_used() -> None:
    (found,) = plan([system()], snapshot([4, 4], more=(pod("x", "z-b-r0-0", 1),)))["systems"]
    assert not found["feasible"]


def test_a_system_that_fits_in_part_is_feasible_if_its_base_gangs_fit() -> None:
    part = system(gpus=4)
    role = part.spec.members[0].model_copy(update={"replicas": 3, "min_available": 2})
    grown = part.model_copy(update={"spec": part.spec.model_copy(update={"members": (role,)})})
    (found,) = plan([grown], snapshot([4, 4]))["systems"]
    assert found["feasible"]
    assert [gang["placed"] for gang in found["gangs"]] == [True, False]


LEVELS = [{"name": "rack", "label": LABELS["block"]}]
BINDING = {
    "apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "t"},
    "spec": {"levels": [{"domain": "rack", "key": LABELS["block"]}, {"domain": "host", "key": "kubernetes.io/hostname"}]},
}  # fmt: skip
FABRIC = {"apiVersion": "espalier.dev/v1alpha1", "kind": "Fabric", "metadata": {"name": "default"}, "spec": {"levels": LEVELS}}


@pytest.mark.parametrize("levels", [BINDING, FABRIC], ids=["ClusterTopologyBinding", "Fabric"])
def test_levels_in_the_snapshot_count(levels: Json) -> None:
    """What they call a rack is what the labels call a block."""
    (found,) = plan([system()], snapshot([4], [4], more=(levels,)))["systems"]
    assert found["feasible"]


def test_a_declared_fabric_comes_first() -> None:
    other = {**FABRIC, "spec": {"levels": [{"name": "rack", "label": LABELS["rack"]}]}}
    (found,) = plan([Fabric.model_validate(FABRIC), system()], snapshot([4], [4], more=(other,)))["systems"]
    assert found["feasible"]


BAD_NODE = {"kind": "Node", "metadata": {"name": "a"}, "status": {"allocatable": {"cpu": "lots"}}}

#                        snapshot                                                    what the sentence says
BAD: dict[str, tuple[Any, str]] = {
    "no list":           ({"kind": "Node"},                                          "not a list of nodes and pods"),
    "not even that":     ([],                                                        "not a list of nodes and pods"),
    "no nodes":          ({"items": []},                                             "has no nodes"),
    "an odd item":       ({"items": [7]},                                            "items[0] is not an object"),
    "a nameless node":   ({"items": [{"kind": "Node"}]},                             "(Node ''): a node has no metadata.name"),
    "a bad quantity":    ({"items": [BAD_NODE]},                                     "(Node 'a'): node 'a': cpu is 'lots'"),
    "an odd node":       ({"items": [{**BAD_NODE, "status": 3}]}, "items[0] (Node 'a'): it does not look like"),
    "a node twice":      (snapshot([4], more=(snapshot([4])["items"][0],)),          "'z-b-r0-0' is listed twice"),
    "a bad fabric":      ({"items": [{**FABRIC, "spec": {}}]},                       "levels"),
    "a bad binding":     ({"items": [{**BINDING, "spec": {"levels": [{}]}}]},        "spec.levels must list a domain and a key"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "says"), BAD.values(), ids=BAD)
def test_a_bad_snapshot_is_refused_in_one_sentence(given: Any, says: str) -> None:
    with pytest.raises(SnapshotError) as refusal:
        plan([system()], given)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_bad_template_is_refused_before_it_is_planned() -> None:
    with pytest.raises(ValueError, match=r"spec.containers\[0\].resources.limits.nvidia.com/gpu is -4, not an amount"):
        system(gpus=-4)


def test_a_node_list_without_kinds_will_do() -> None:
    found = {"kind": "NodeList", "items": [node("a", 8, ("z", "b", "r"))]}
    assert plan([system()], found)["systems"][0]["feasible"]


ROLE = "node_role.e2e.grove.nvidia.com"
NODES_OF = {"zone": 28, "block": 14, "rack": 7, "host": 1}
"""Nodes of each domain, as Grove's own tests have them."""


def grove_snapshot() -> Json:
    """28 labelled and tainted nodes of 150 Mi, and the levels as Grove has them."""
    items: list[Json] = []
    for index in range(28):
        labels = {f"kubernetes.io/{level}": f"{level}-{index // nodes}" for level, nodes in NODES_OF.items()}
        labels |= {"kubernetes.io/hostname": f"n{index}", ROLE: "agent", "type": "kwok"}
        taint = {"key": ROLE, "value": "agent", "effect": "NoSchedule"}
        found = node(f"n{index}", 0, labels=labels, holds={"memory": "150Mi", "pods": "110", "cpu": "4"}, taints=[taint])
        items.append({"kind": "Node", **found})
    keys = {"host": "kubernetes.io/hostname"}
    levels = [{"domain": level, "key": keys.get(level, f"kubernetes.io/{level}")} for level in NODES_OF]
    items.append({
        "apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "grove-topology"},
        "spec": {"levels": levels},
    })  # fmt: skip
    return {"apiVersion": "v1", "kind": "List", "items": items}


def workloads() -> Iterator[Path]:
    folder = Path(os.environ.get("ESPALIER_DATA", "/nonexistent")) / "manifests" / "workloads"
    yield from sorted(folder.glob("tas-*.yaml"))


@pytest.mark.skipif(not list(workloads()), reason="ESPALIER_DATA names no folder that holds Grove's own manifests")
def test_their_own_manifests_are_planned() -> None:
    for path in workloads():
        (system,) = read(path.read_text(), path.name)
        assert isinstance(system, InferenceSystem)
        (found,) = plan([system], grove_snapshot())["systems"]
        nodes = {each["name"]: each["node"] for gang in found["gangs"] for each in gang["pods"]}
        assert found["feasible"] is (path.stem != "tas-insuffic"), path.stem
        assert all((node is not None) is found["feasible"] for node in nodes.values()), path.stem
        for gang in expand(system.metadata.name, system.spec, {}) if found["feasible"] else ():
            for scope, slots in gang.domains():
                on = {int(nodes[hostname(system.metadata.name, slot)][1:]) // NODES_OF[scope.level] for slot in slots}
                assert len(on) == 1, (path.stem, scope)
