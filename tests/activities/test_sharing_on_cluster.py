"""Shared GPUs on a real control plane: every pod is told its device, and a new agent knows what the old one gave."""

from typing import Any

import pytest

from specs import names
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.port import eventually
from tests.activities.test_agent_on_cluster import agent_on, pods
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.cluster.nodes import NODES, apply_nodes, until_nodes_ready
from workers.simulated import fleets

pytestmark = pytest.mark.cluster
ROOM = {"cpu": "4", "memory": "8Gi", "pods": "9", "nvidia.com/gpu": "2"}


def sharing(namespace: str, name: str, milli: int, count: int, start: str = "anyOrder") -> InferenceSystem:
    container = {"name": "main", "image": "example.com/server:1", "resources": {"requests": {"memory": "1Gi"}}}
    metadata = {"annotations": {names.GPU_MILLI: str(milli)}}
    template = {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    spec: dict[str, Any] = {"members": [{"role": "w", "replicas": count, "template": template}], "start": start}
    return InferenceSystem.model_validate({"metadata": {"name": name, "namespace": namespace}, "spec": spec})


async def test_pods_that_share_get_devices_and_none_is_overfull(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await apply_nodes(empty, [fleets.node("shared", {names.SHARES_GPUS: "true"}, ROOM)])
    await until_nodes_ready(empty, 1)
    async with agent_on(control_plane) as agent:
        await Gardener(agent, sharing(fresh_namespace, "large", 600, 2)).until({"ready": 2})
    async with agent_on(control_plane) as agent:
        await Gardener(agent, sharing(fresh_namespace, "small", 400, 2)).until({"ready": 2})
    held: dict[str, int] = {}
    for pod in await pods(empty, fresh_namespace):
        annotations = pod["metadata"]["annotations"]
        device = annotations[names.GPU_INDEX]
        held[device] = held.get(device, 0) + int(annotations[names.GPU_MILLI])
    assert held == {"0": 1000, "1": 1000}


async def test_one_that_leaves_its_node_is_told_its_new_gpu(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await apply_nodes(empty, [fleets.node("first", {names.SHARES_GPUS: "true"}, ROOM)])
    await until_nodes_ready(empty, 1)
    async with agent_on(control_plane) as agent:
        mover = Gardener(agent, sharing(fresh_namespace, "mover", 600, 2))
        await mover.until({"ready": 2})
        await apply_nodes(empty, [fleets.node("second", {names.SHARES_GPUS: "true"}, ROOM)])
        await until_nodes_ready(empty, 2)
        taint = {"key": names.EVACUATE, "value": "test", "effect": "NoSchedule"}
        await empty.patch(f"{NODES}/first", {"spec": {"taints": [taint]}})

        async def has_moved() -> bool:
            await mover.settle()
            told = [
                (each["spec"].get("nodeName", ""), each["metadata"]["annotations"].get(names.GPU_INDEX, ""))
                for each in await pods(empty, fresh_namespace)
            ]
            return sorted(told) == [("second", "0"), ("second", "1")]

        await eventually(has_moved)
