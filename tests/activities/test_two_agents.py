"""Two agents on one real control plane, without election: nothing is given twice, whoever is killed."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from activities.agent import Agent
from activities.cache.placements import Placement, read_placement
from activities.cluster.kube import PLACEMENTS
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.test_agent_on_cluster import agent_on, nodes, system
from tests.cluster.api import Api
from tests.cluster.engine import Cluster

pytestmark = pytest.mark.cluster
SEATS, SYSTEMS, PODS_EACH = 20, 10, 3


def named(declared: InferenceSystem, name: str) -> InferenceSystem:
    return declared.model_copy(update={"metadata": declared.metadata.model_copy(update={"name": name})})


@asynccontextmanager
async def watching(api: Api, namespace: str) -> AsyncGenerator[list[Counter[str]]]:
    """At every change of any Placement: the pods granted to each node."""
    seen: list[Counter[str]] = []

    async def watch() -> None:
        now: dict[str, Placement] = {}
        async for event in api.watch(f"/apis/espalier.dev/v1alpha1/namespaces/{namespace}/{PLACEMENTS.plural}"):
            found = read_placement(event["object"])
            now[found.name] = found
            if event["type"] == "DELETED":
                del now[found.name]
            seen.append(Counter(node for each in now.values() for node in each.nodes.values()))

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def grown(gardener: Gardener) -> str:
    """Until the system runs or waits as a whole."""
    async with asyncio.timeout(60):
        while True:
            seen = await gardener.settle()
            for state in ("ready", "waiting"):
                if seen.total("ready" if state == "ready" else "waiting") == PODS_EACH:
                    return state
            await asyncio.sleep(0.05)


async def contend(first: Agent, second: Agent, namespace: str) -> Counter[str]:
    gardeners = [Gardener((first, second)[index % 2], named(system(namespace), f"llama{index}")) for index in range(SYSTEMS)]
    return Counter(await asyncio.gather(*map(grown, gardeners)))


async def test_ten_systems_contend_for_the_room_of_six(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, SEATS)
    async with agent_on(control_plane) as first, agent_on(control_plane) as second, watching(empty, fresh_namespace) as seen:
        found = await contend(first, second, fresh_namespace)
        await asyncio.sleep(0.2)
    assert found == {"ready": SEATS // PODS_EACH, "waiting": SYSTEMS - SEATS // PODS_EACH}
    assert max(pods for granted in seen for pods in granted.values()) == 1
