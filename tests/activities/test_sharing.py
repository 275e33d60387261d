"""Shared GPUs from declared to running, on a cluster in memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from activities.agent import Agent
from activities.cluster.kube import NODES, PLACEMENTS, PODS
from specs import names
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import Kubelets, node
from tests.activities.test_life import Told
from tests.activities.test_sharing_on_cluster import sharing


@asynccontextmanager
async def agent_in(cluster: MemoryCluster) -> AsyncGenerator[Agent]:
    agent = Agent(MemoryKube(cluster), Told())
    tasks = [asyncio.create_task(agent.run()), asyncio.create_task(Kubelets(cluster).run())]
    await agent.ready()
    try:
        yield agent
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_pods_are_told_their_devices_at_once_or_when_their_turn_comes() -> None:
    cluster = MemoryCluster()
    made = node("shared", pods=9)
    made["metadata"]["labels"] = {names.SHARES_GPUS: "true"}
    made["status"]["allocatable"] |= {"nvidia.com/gpu": "2", "memory": "8Gi"}
    cluster.put(NODES, made)
    async with agent_in(cluster) as agent:
        await Gardener(agent, sharing("default", "large", 600, 2)).until({"ready": 2})
    async with agent_in(cluster) as agent:
        await Gardener(agent, sharing("default", "small", 400, 2, start="inOrder")).until({"ready": 2})
    told = [each["metadata"]["annotations"] for each in cluster.all(PODS)]
    want = [("0", "400"), ("0", "600"), ("1", "400"), ("1", "600")]
    assert sorted((each[names.GPU_INDEX], each[names.GPU_MILLI]) for each in told) == want
    kept = [device for each in cluster.all(PLACEMENTS) for device in each["status"]["devices"].values()]
    assert sorted(kept) == ["0", "0", "1", "1"]
