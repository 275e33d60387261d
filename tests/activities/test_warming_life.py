"""Warm-up on a cluster in memory: its pods come first and go last, and what runs is not touched for it."""

import asyncio
from typing import Any

from activities.cluster.kube import PODS
from specs.names import WARM_UP
from specs.sections import annotation, label
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.test_repair import running, zones
from tests.activities.test_rollout import BETTER, GOOD, declared, edit

SLOT = "espalier.dev/slot"


def warmed(image: str) -> InferenceSystem:
    """Images only."""
    written: Any = declared(image).written()
    written["spec"]["warmUp"] = {"within": "60s"}
    return InferenceSystem.model_validate(written)


def split(cluster: MemoryCluster) -> tuple[set[str], set[str]]:
    """Nodes of the pods that warm up, and slots of the others."""
    warming = {pod["spec"]["nodeName"] for pod in cluster.all(PODS) if label(pod, WARM_UP)}
    return warming, {annotation(pod, SLOT) for pod in cluster.all(PODS) if annotation(pod, SLOT)}


async def test_nodes_are_warmed_up_before_anything_starts_there_or_is_taken_away() -> None:
    cluster = zones(16)
    for found in cluster.objects.values():
        if found.get("kind") == "Node":
            found["status"]["allocatable"]["pods"] = "2"
    async with running(cluster) as agent:
        gardener = Gardener(agent, warmed(GOOD))
        await gardener.until({"ready": 6})
        made = [each for each in cluster.writes if "pods" in each]
        assert gardener.problems == []
        assert any("warm" in each for each in made)
        await gardener.settle()
        assert split(cluster)[0] == set(), "they are gone once all has started"
        before = {annotation(pod, SLOT): pod["metadata"]["uid"] for pod in cluster.all(PODS)}
        await edit(gardener, warmed(BETTER))
        seen = await gardener.observe()
        while not split(cluster)[0]:
            await gardener.do("follow" if seen.behind else "support")
            seen = await gardener.observe()
        assert {annotation(pod, SLOT): pod["metadata"]["uid"] for pod in cluster.all(PODS) if annotation(pod, SLOT)} == before
        await gardener.until({"ready": 6})
        await gardener.settle()
        async with asyncio.timeout(20):
            while split(cluster)[0]:  # noqa: ASYNC110 - pretended kubelets turn by a clock of their own
                await asyncio.sleep(0.02)
        assert (await gardener.observe()).outdated == 0
