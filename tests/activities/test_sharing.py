"""Shared GPUs from declared to running, on a cluster in memory."""

from specs import names
from specs.system import InferenceSystem
from activities.kube import NODES, PLACEMENTS, PODS
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import node
from tests.activities.test_life import running
from tests.activities.test_sharing_on_cluster import sharing


async def test_pods_are_told_their_devices_at_once_or_when_their_turn_comes() -> None:
    cluster = MemoryCluster()
    kube = MemoryKube(cluster)
    made = node("shared", pods=9)
    made["metadata"]["labels"] = {names.SHARES_GPUS: "true"}
    made["status"]["allocatable"] |= {"nvidia.com/gpu": "2", "memory": "8Gi"}
    await kube.create(NODES, made)
    async with running(cluster) as (agent, _):
        await Gardener(agent, sharing("default", "large", 600, 2)).until({"ready": 2})
    async with running(cluster) as (agent, _):
        await Gardener(agent, sharing("default", "small", 400, 2, start="inOrder")).until({"ready": 2})
    pods = [each["metadata"]["annotations"] for each in (await kube.list(PODS)).items]
    assert sorted((each[names.GPU_INDEX], each[names.GPU_MILLI]) for each in pods) == [
        ("0", "400"), ("0", "600"), ("1", "400"), ("1", "600"),
    ]  # fmt: skip
