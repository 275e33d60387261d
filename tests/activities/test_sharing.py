"""Shared GPUs from declared to running, on a cluster in memory."""

from activities.cluster.kube import NODES, PLACEMENTS, PODS
from specs import names
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_repair import running
from tests.activities.test_sharing_on_cluster import sharing


async def test_pods_are_told_their_devices_at_once_or_when_their_turn_comes() -> None:
    cluster = MemoryCluster()
    made = node("shared", pods=9)
    made["metadata"]["labels"] = {names.SHARES_GPUS: "true"}
    made["status"]["allocatable"] |= {"nvidia.com/gpu": "2", "memory": "8Gi"}
    cluster.put(NODES, made)
    async with running(cluster) as agent:
        await Gardener(agent, sharing("default", "large", 600, 2)).until({"ready": 2})
    async with running(cluster) as agent:
        await Gardener(agent, sharing("default", "small", 400, 2, start="inOrder")).until({"ready": 2})
    told = [each["metadata"]["annotations"] for each in cluster.all(PODS)]
    want = [("0", "400"), ("0", "600"), ("1", "400"), ("1", "600")]
    assert sorted((each[names.GPU_INDEX], each[names.GPU_MILLI]) for each in told) == want
    kept = [device for each in cluster.all(PLACEMENTS) for device in each["status"]["devices"].values()]
    assert sorted(kept) == ["0", "0", "1", "1"]
