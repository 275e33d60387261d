"""Repair by the fleet's real room, on a cluster in memory: two zones of one-seat nodes, and a gang that must share a zone."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from activities.agent import Agent
from activities.cluster.kube import NODES, PLACEMENTS, PODS
from specs.sections import section
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import Kubelets, foreign, node
from tests.activities.test_life import Told
from tests.chaos.witness import Witness

ZONE = "topology.kubernetes.io/zone"


def zones(*sizes: int) -> MemoryCluster:
    cluster = MemoryCluster()
    for zone, size in enumerate(sizes):
        for index in range(size):
            made = node(f"z{zone}n{index}")
            made["metadata"]["labels"][ZONE] = f"z{zone}"
            cluster.put(NODES, made)
    return cluster


def packed(pods: int = 3, minimum: int | None = None) -> InferenceSystem:
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}
    member = {"role": "worker", "replicas": pods, "template": {"spec": {"containers": [container]}}}
    least = {} if minimum is None else {"minAvailable": minimum}
    spec = {"place": {"within": "zone"}, "members": [{**member, **least}]}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


def paired(pods: int) -> InferenceSystem:
    """One set of `left` and `right`, that must share a zone, and grows."""
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}
    template = {"spec": {"containers": [container]}}
    members = [{"role": role, "replicas": pods // 2, "minAvailable": 0, "template": template} for role in ("left", "right")]
    together = [{"members": ["left", "right"], "within": "zone", "ratio": {"left": 2, "right": 1}}]
    spec = {"members": members, "together": together}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


@asynccontextmanager
async def running(cluster: MemoryCluster) -> AsyncGenerator[Agent]:
    agent = Agent(MemoryKube(cluster), Told())
    tasks = [asyncio.create_task(agent.run()), asyncio.create_task(Kubelets(cluster).run())]
    await agent.ready()
    try:
        yield agent
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def where(cluster: MemoryCluster) -> set[str]:
    """Nodes of the pods that stay."""
    there = (pod for pod in cluster.all(PODS) if "deletionTimestamp" not in pod["metadata"])
    return {pod["spec"]["nodeName"] for pod in there if "nodeName" in pod["spec"]}


def running_on(cluster: MemoryCluster) -> set[str]:
    """Nodes of all pods, those that are leaving too."""
    return {pod["spec"]["nodeName"] for pod in cluster.all(PODS) if "nodeName" in pod["spec"]}


async def lose(cluster: MemoryCluster, gardener: Gardener, name: str) -> None:
    cluster.remove(NODES, name)
    gardener.versions["nodes"] = cluster.version


async def test_a_lost_place_is_made_good_in_the_same_zone() -> None:
    cluster = zones(4, 4)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed())
        await gardener.until({"ready": 3})
        zone = min(where(cluster))[:2]
        stay = {pod["metadata"]["uid"] for pod in cluster.all(PODS) if pod["spec"]["nodeName"] != f"{zone}n0"}
        await lose(cluster, gardener, f"{zone}n0")
        await gardener.until({"ready": 3})
        assert {name[:2] for name in where(cluster)} == {zone}
        assert stay <= {pod["metadata"]["uid"] for pod in cluster.all(PODS)}


async def test_a_pod_lost_on_a_closed_node_gets_another_place_and_the_rest_keeps_its_own() -> None:
    """Seen by the witness of the chaos tests: between two commits two of three have room, and nothing starts then."""
    cluster = zones(4)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed())
        await gardener.until({"ready": 3})
        victim = cluster.all(PODS)[0]
        closed = victim["spec"]["nodeName"]
        cluster.change(NODES, closed, {"spec": {"unschedulable": True}})
        cluster.remove(PODS, victim["metadata"]["name"], "default", at_once=True)
        gardener.versions["pods"] = cluster.version
        await gardener.until({"ready": 3})
        assert len(where(cluster) - {closed}) == 3
    witness = Witness(dict.fromkeys(cluster_nodes(cluster), 0), dict.fromkeys(cluster_nodes(cluster), "z0"))
    for _, kind, event in cluster.log:
        seen = {"type": event.type, "object": event.object}
        if kind in (PODS, PLACEMENTS):
            (witness.pod_seen if kind == PODS else witness.placement_seen)(seen)
    granted = [len(section(event.object, "status", "nodes")) for event in cluster.since(PLACEMENTS, 0)]
    assert 2 in granted, "this is the case that was meant"
    assert witness.broken == []


def cluster_nodes(cluster: MemoryCluster) -> list[str]:
    return [each["metadata"]["name"] for each in cluster.all(NODES)]


async def test_without_room_in_its_zone_the_whole_gang_moves() -> None:
    cluster = zones(3, 3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed())
        await gardener.until({"ready": 3})
        zone = min(where(cluster))[:2]
        await lose(cluster, gardener, f"{zone}n1")
        await gardener.until({"ready": 3})
        assert len(where(cluster)) == 3
        assert {name[:2] for name in where(cluster)} == {"z0", "z1"} - {zone}


async def test_without_room_anywhere_what_runs_stays_and_the_rest_waits() -> None:
    cluster = zones(3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed())
        await gardener.until({"ready": 3})
        await lose(cluster, gardener, "z0n1")
        seen = await gardener.until({"ready": 2, "waiting": 1})
        assert seen.waits
        assert where(cluster) == {"z0n0", "z0n2"}
        back = node("z0n9")
        back["metadata"]["labels"][ZONE] = "z0"
        cluster.put(NODES, back)
        await gardener.until({"ready": 3})


async def test_what_is_added_later_stays_in_the_zone_that_was_chosen() -> None:
    cluster = zones(4, 9)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed(pods=2, minimum=2))
        await gardener.until({"ready": 2})
        zone = min(where(cluster))[:2]
        gardener.counts, gardener.generation = {"worker": 4}, 2
        await gardener.until({"ready": 4})
        assert {name[:2] for name in where(cluster)} == {zone}


async def test_a_lost_placement_is_asked_for_again_where_its_pods_run() -> None:
    cluster = zones(4, 4)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed())
        await gardener.until({"ready": 3})
        before = where(cluster)
        cluster.remove(PLACEMENTS, cluster.all(PLACEMENTS)[0]["metadata"]["name"], "default")
        gardener.versions["placements"] = cluster.version
        await gardener.until({"ready": 3})
        assert (where(cluster), "remove" in gardener.steps) == (before, False)
        assert set(cluster.all(PLACEMENTS)[0]["status"]["nodes"].values()) == before


async def test_growth_never_moves_what_runs() -> None:
    cluster = zones(3, 9)
    async with running(cluster) as agent:
        gardener = Gardener(agent, paired(2))
        await gardener.until({"ready": 2})
        zone = next(iter(where(cluster)))[:2]
        for name in [f"{zone}n{index}" for index in range(9)]:
            if ("nodes", "", name) in cluster.objects and name not in where(cluster):
                cluster.put(PODS, foreign(f"thief-{name}", name))
        before = where(cluster)
        gardener.counts, gardener.generation = {"left": 2}, 2
        await gardener.until({"ready": 2, "waiting": 1})
        assert where(cluster) >= before


async def test_a_moved_gang_starts_when_its_old_pods_are_gone() -> None:
    cluster = zones(3, 3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed())
        await gardener.until({"ready": 3})
        zone = min(where(cluster))[:2]
        await lose(cluster, gardener, f"{zone}n1")
        for _ in range(200):
            seen = await gardener.settle()
            old = {name for name in running_on(cluster) if name.startswith(zone) and name != f"{zone}n1"}
            new = {name for name in running_on(cluster) if not name.startswith(zone)}
            assert not (old and new), "two halves of a gang in two zones"
            if seen.total("ready") == 3:
                break
            await asyncio.sleep(0.005)
        assert {name[:2] for name in where(cluster)} == {"z0", "z1"} - {zone}


async def test_a_pod_whose_place_was_taken_back_does_not_keep_itself_out_of_it() -> None:
    """It was held there: what it was promised counts neither against others nor against itself."""
    cluster = zones(2)
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}
    member = {"role": "worker", "replicas": 2, "template": {"spec": {"containers": [container]}}}
    spec = {"start": "inOrder", "members": [{**member, "role": "first", "replicas": 1}, {**member, "replicas": 1}]}
    system = InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})
    agent, kubelets = Agent(MemoryKube(cluster), Told()), Kubelets(cluster)
    kubelets.ready = False
    tasks = [asyncio.create_task(each) for each in (agent.run(), kubelets.run())]
    try:
        await agent.ready()
        gardener = Gardener(agent, system)
        await gardener.until({"starting": 1, "held": 1})
        (held,) = (pod for pod in cluster.all(PODS) if pod["spec"].get("schedulingGates"))
        for closed in (True, False):
            cluster.change(NODES, held["status"]["nominatedNodeName"], {"spec": {"unschedulable": closed}})
            await gardener.until({"starting": 1, "waiting" if closed else "held": 1})
            (pod,) = (pod for pod in cluster.all(PODS) if pod["spec"].get("schedulingGates"))
            assert bool(section(pod, "status").get("nominatedNodeName")) != closed
        kubelets.ready = True
        await gardener.until({"ready": 2})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
