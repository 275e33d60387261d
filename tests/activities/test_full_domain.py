"""Surge in copies of which one fills its whole domain, on a cluster in memory: it comes last, and says what it waits for."""

import asyncio
from collections.abc import Mapping
from typing import Any

from activities.cluster.kube import NODES, PODS
from activities.messages import Observation
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_edits import declared, pods
from tests.activities.test_repair import ZONE, running, zones
from tests.activities.test_rollout import edit


def served(image: str, **rules: Any) -> InferenceSystem:
    """Two copies, each of two servers that fill a node, in a zone of its own."""
    container = {"name": "main", "image": image, "resources": {"requests": {"cpu": "40"}}}
    server = {"role": "server", "replicas": 2, "template": {"spec": {"containers": [container]}}}
    return declared(server, replicas=2, place={"within": "zone"}, rollout=rules)


def images(cluster: MemoryCluster) -> dict[str, str]:
    """Slot -> image, of pods that are wanted for good."""
    found = {slot: pod["spec"]["containers"][0]["image"] for slot, pod in pods(cluster).items()}
    return {slot: image for slot, image in found.items() if int(slot.rpartition("/")[2]) < 2}


def serving(cluster: MemoryCluster) -> int:
    ready = ({each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())} for pod in cluster.all(PODS))
    return sum(each.get("Ready") == "True" for each in ready)


async def until(gardener: Gardener, cluster: MemoryCluster, wanted: Mapping[str, str]) -> Observation:
    """Until pods have these images; never are fewer than four of them Ready."""
    async with asyncio.timeout(20):
        while True:
            seen = await gardener.settle()
            assert serving(cluster) >= 4
            if images(cluster) == wanted and not seen.total("surplus", "leaving", "starting", "pinned"):
                return seen
            await asyncio.sleep(0.005)


async def test_a_copy_that_fills_its_zone_does_not_hold_the_other() -> None:
    cluster = zones(2, 3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, served("server:1"))
        await gardener.until({"ready": 4})
        zone = {slot: pod["spec"]["nodeName"][:2] for slot, pod in pods(cluster).items()}
        assert zone["0/server/0"] == "z0", "the first in turn is the one without room"
        await edit(gardener, served("server:2", maxUnavailable=0, maxSurge=1))
        mixed = {slot: "server:1" if slot[0] == "0" else "server:2" for slot in zone}
        seen = await until(gardener, cluster, mixed)
        assert (seen.outdated, seen.waits[0].reason in ("ScopeFull", "InsufficientCapacity")) == (2, True)
        assert seen.gate is not None
        assert "what comes instead, 0/server/2, has no room: " in seen.gate.message
        cluster.put(NODES, spare("z0n9", "z0"))
        gardener.versions["nodes"] = cluster.version
        await until(gardener, cluster, dict.fromkeys(zone, "server:2"))


def spare(name: str, zone: str) -> dict[str, Any]:
    made = node(name)
    made["metadata"]["labels"][ZONE] = zone
    return made
