"""Several ClusterTopologyBindings, or schedulers, in one cluster: a PodCliqueSet goes by the one that it names."""

from typing import Any, cast

import pytest

from activities.agent import FOLLOWED, Agent
from activities.cache.accepted import Acceptances
from activities.cache.cache import Cache
from activities.cluster.kube import BINDINGS, FABRICS, REVISIONS, Kind, Manifest
from activities.listening.door import Door
from specs.declaring import declared_system
from specs.manifests import revision
from specs.owners import Owner
from specs.revisions import revision_hash
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.topology.fleets import node
from tests.workers.grove_set import declared
from topology.supply.hosts import read_host

OLD = {"rack": "old/rack"}
NEW = {"block": "new/block", "rack": "new/rack"}
#                                  a Fabric, bindings                  the set's, within      labels that a node of its must have
EXAMPLES: dict[str, tuple[bool, dict[str, dict[str, str]], tuple[str, str], set[str]]] = {
    "one binding":                 (False, {"a": OLD},                  ("a", "rack"),         set()),
    "the first of two":            (False, {"a": OLD, "b": NEW},        ("a", "rack"),         {"old/rack"}),
    "the second of two":           (False, {"a": OLD, "b": NEW},        ("b", "rack"),         {"new/rack"}),
    "one that is not there":       (False, {"a": OLD, "b": NEW},        ("c", "rack"),         set()),
    "a level that it has not":     (False, {"a": OLD, "b": NEW},        ("a", "block"),        set()),
    "a Fabric comes first":        (True,  {"a": OLD, "b": NEW},        ("b", "rack"),         set()),
}  # fmt: skip


def cache_of(*objects: tuple[Kind, Manifest]) -> Cache:
    cache, cluster = Cache(MemoryKube(MemoryCluster()), FOLLOWED), MemoryCluster()
    for kind, manifest in objects:
        cache.note_written(kind, cluster.put(kind, manifest))
    return cache


def binding(name: str, levels: dict[str, str]) -> tuple[Kind, Manifest]:
    listed = [{"domain": domain, "key": key} for domain, key in levels.items()]
    return BINDINGS, {"metadata": {"name": name}, "spec": {"levels": listed}}


@pytest.mark.parametrize(("fabric", "bindings", "named", "wanted"), EXAMPLES.values(), ids=EXAMPLES)
def test_goes_to_the_nodes_of_its_own(
    fabric: bool, bindings: dict[str, dict[str, str]], named: tuple[str, str], wanted: set[str]
) -> None:
    made = declared()
    made["spec"]["template"]["topologyConstraint"] = {"topologyName": named[0], "pack": {"required": named[1]}}
    system = declared_system(made)
    kept = revision(Owner("llama", "default", "u", "PodCliqueSet"), system, 1)
    levels: list[dict[str, Any]] = [{"name": "rack", "label": "any"}]
    whole = [(FABRICS, {"metadata": {"name": "default"}, "spec": {"levels": levels}})] if fabric else []
    cache = cache_of((REVISIONS, kept), *whole, *(binding(*each) for each in bindings.items()))
    accepted = Acceptances(cache).of("default", "llama", revision_hash(system.spec))
    assert accepted is not None
    labels = {"old/rack": "r", "new/rack": "r", "new/block": "b"}
    for shape in accepted.shapes.values():
        for missing in labels:
            left = {key: value for key, value in labels.items() if key != missing}
            obstacle = shape.rule.obstacle(read_host(node("n", 8, labels=left)))
            assert bool(obstacle) == (missing in wanted), missing


@pytest.mark.parametrize("named", ["kai-scheduler", None])
def test_pods_go_to_the_scheduler_that_an_agent_was_told_of(named: str | None) -> None:
    agent = Agent(MemoryKube(MemoryCluster()), cast(Door, None), schedulers=(named,) if named else ())
    system = declared_system(declared())
    kept = MemoryCluster().put(REVISIONS, revision(Owner("llama", "default", "u", "PodCliqueSet"), system, 1))
    agent.cache.note_written(REVISIONS, kept)
    accepted = agent.cases.acceptances.of("default", "llama", revision_hash(system.spec))
    assert accepted is not None
    assert accepted.maker.pod("0/router/0", 0)["spec"].get("schedulerName") == named
