"""An agent that is killed while a system is erased, after any write: nothing of the system comes back, and the rest goes."""

import asyncio
from contextlib import suppress

import pytest
from temporalio.exceptions import ApplicationError

from activities.agent import Agent
from activities.cluster.kube import PODS, SYSTEMS
from tests.activities.counting import Counting
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import Killed, MemoryCluster, MemoryKube
from tests.activities.test_life import Told, cluster_of, running, system

PODS_OF_IT = 3


async def half_erased(cluster: MemoryCluster, writes: int) -> Gardener:
    """An agent that dies after so many calls of one erasing, or after it."""
    kube = MemoryKube(cluster)
    agent = Agent(kube, Told(), supply=Counting)
    task = asyncio.create_task(agent.run())
    await agent.ready()
    gardener = Gardener(agent, system(), uid=cluster.get(SYSTEMS, "llama", "default")["metadata"]["uid"])
    gardener.versions = {"pods": cluster.version}
    kube.fuse = writes
    gardener.deleting, gardener.generation = True, 2
    with suppress(Killed):
        await gardener.do("erase")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return gardener


@pytest.mark.parametrize("writes", range(8))
async def test_killed_while_it_erases(writes: int) -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, kubelets):
        await Gardener(agent, system()).until({"ready": PODS_OF_IT})
        kubelets.finishing = False
    gardener = await half_erased(cluster, writes)
    staying = [pod for pod in cluster.all(PODS) if "deletionTimestamp" not in pod["metadata"]]
    marked = "deletionTimestamp" in cluster.get(SYSTEMS, "llama", "default")["metadata"]
    assert marked or len(staying) == PODS_OF_IT, "who begins anew would take what is gone for lost"
    cluster.finish()
    made = len(cluster.writes)
    async with running(cluster) as (agent, _):
        gardener.agent, gardener.deleting, gardener.generation = agent, False, 1
        if marked:  # what an older intent still asks for
            with pytest.raises(ApplicationError, match="is being deleted") as refused:
                await gardener.do("create")
            assert refused.value.type == "Overtaken"
        gardener.generation = 2
        await gardener.until_gone()
    assert not [key for key in cluster.objects if key[0] not in ("nodes", "namespaces", "configmaps")]
    assert not [each for each in cluster.writes[made:] if each.startswith("create pods")]
