"""Shared GPUs from declared to running, on a cluster in memory."""

from activities.cluster.kube import NODES, PLACEMENTS, PODS
from specs import names
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.port import eventually
from tests.activities.pretend import node
from tests.activities.test_repair import running
from tests.activities.test_sharing_on_cluster import sharing


def shared(*nodes: str) -> MemoryCluster:
    """Nodes of two GPUs that pods share."""
    cluster = MemoryCluster()
    for name in nodes:
        made = node(name, pods=9)
        made["metadata"]["labels"] = {names.SHARES_GPUS: "true"}
        made["status"]["allocatable"] |= {"nvidia.com/gpu": "2", "memory": "8Gi"}
        cluster.put(NODES, made)
    return cluster


def where(cluster: MemoryCluster, system: str) -> list[tuple[str, str]]:
    """Node and GPU of each of its pods."""
    mine = [each for each in cluster.all(PODS) if each["metadata"]["labels"][names.SYSTEM] == system]
    return sorted((each["spec"].get("nodeName", ""), each["metadata"]["annotations"].get(names.GPU_INDEX, "")) for each in mine)


async def test_pods_are_told_their_devices_at_once_or_when_their_turn_comes() -> None:
    cluster = shared("one")
    async with running(cluster) as agent:
        await Gardener(agent, sharing("default", "large", 600, 2)).until({"ready": 2})
    async with running(cluster) as agent:
        await Gardener(agent, sharing("default", "small", 400, 2, start="inOrder")).until({"ready": 2})
    told = [each["metadata"]["annotations"] for each in cluster.all(PODS)]
    want = [("0", "400"), ("0", "600"), ("1", "400"), ("1", "600")]
    assert sorted((each[names.GPU_INDEX], each[names.GPU_MILLI]) for each in told) == want
    kept = [device for each in cluster.all(PLACEMENTS) for device in each["status"]["devices"].values()]
    assert sorted(kept) == ["0", "0", "1", "1"]


async def test_one_that_leaves_its_node_gets_a_gpu_of_the_next() -> None:
    """By an evacuation, and by moves that let in one that wants whole GPUs."""
    cluster = shared("a")
    async with running(cluster) as agent:
        mover = Gardener(agent, sharing("default", "mover", 600, 2))
        await mover.until({"ready": 2})
        assert where(cluster, "mover") == [("a", "0"), ("a", "1")]
        cluster.put(NODES, next(iter(shared("b").all(NODES))))
        cluster.change(NODES, "a", {"spec": {"taints": [{"key": names.EVACUATE, "value": "alice", "effect": "NoSchedule"}]}})

        async def has_moved() -> bool:
            await mover.settle()
            return where(cluster, "mover") == [("b", "0"), ("b", "1")]

        await eventually(has_moved)
        cluster.change(NODES, "a", {"spec": {"taints": []}})
        seen = await mover.observe()
        assert [(each.pod, each.node, each.gpus) for each in seen.gpus] == [("mover-0-w-0", "b", "0"), ("mover-0-w-1", "b", "1")]
        mover.moves = {"0/w/0": "a"}
        await eventually(lambda: _moved_back(mover, cluster))
        await Gardener(agent, sharing("default", "small", 400, 2)).until({"ready": 2})
    held = [device for each in cluster.all(PLACEMENTS) for device in each["status"]["devices"].values()]
    assert len(held) == 4
    filled = [*((at, 600) for at in where(cluster, "mover")), *((at, 400) for at in where(cluster, "small"))]
    assert all(sum(milli for other, milli in filled if other == at) <= 1000 for at, _ in filled)


async def _moved_back(mover: Gardener, cluster: MemoryCluster) -> bool:
    await mover.settle()
    found = where(cluster, "mover")
    return [node for node, _ in found] == ["a", "b"]
