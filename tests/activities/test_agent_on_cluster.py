"""The agent on a real control plane: fake nodes of one seat each, so that every place counts."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from activities.agent import Agent
from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import BUDGETS, CRDS, PLACEMENTS, PODS, REVISIONS, SERVICES, SYSTEMS, Kind
from specs.crds import crds
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.test_life import Told
from tests.cluster.api import Api, Json
from tests.cluster.engine import Cluster
from tests.cluster.nodes import apply_nodes, cordon, remove_node, uncordon, until_nodes_ready
from workers.simulated import fleets

pytestmark = pytest.mark.cluster
ROOM = {"cpu": "4", "memory": "8Gi", "pods": "1"}


def system(namespace: str, start: str = "anyOrder", slow: str = "0s", **counts: int) -> InferenceSystem:
    container = {"name": "main", "image": "example.com/server:1", "resources": {"requests": {"memory": "1Gi"}}}
    metadata = {"annotations": {"sim.espalier.dev/ready-after": slow}}
    template = {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    members = [
        {"role": role, "replicas": pods, "template": template} for role, pods in (counts or {"router": 1, "worker": 2}).items()
    ]
    spec: dict[str, Any] = {"members": members, "start": start}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": namespace}, "spec": spec})


@asynccontextmanager
async def agent_on(cluster: Cluster) -> AsyncGenerator[Agent]:
    async with HttpKube(await from_kubeconfig(str(cluster.access.kubeconfig))) as kube:
        for definition in crds():
            await kube.apply(CRDS, definition, manager="tests")
        agent = Agent(kube, Told())
        running = asyncio.create_task(agent.run())
        await agent.ready()
        try:
            yield agent
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def nodes(api: Api, count: int) -> None:
    await apply_nodes(api, (fleets.node(f"seat-{index:02}", {}, ROOM) for index in range(count)))
    await until_nodes_ready(api, count)


async def test_from_declared_to_ready_to_gone(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 3)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        seen = await gardener.until({"ready": 3})
        assert seen.ready_copies == 1
        await gardener.until_gone()
        for kind in (PODS, SERVICES, BUDGETS, REVISIONS, PLACEMENTS, SYSTEMS):
            assert not await left(empty, kind, fresh_namespace), kind.plural


async def test_pods_start_in_order_and_are_held_until_then(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 3)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace, "inOrder", slow="2s"))
        await gardener.until({"starting": 1, "held": 2})
        held = [pod for pod in await pods(empty, fresh_namespace) if pod["spec"].get("schedulingGates")]
        assert {pod["status"]["nominatedNodeName"] for pod in held} < {"seat-00", "seat-01", "seat-02"}
        await gardener.until({"ready": 3})
        ready = {pod["metadata"]["labels"]["espalier.dev/role"]: ready_at(pod) for pod in await pods(empty, fresh_namespace)}
        assert ready["router"] < ready["worker"]


async def test_capacity_comes_and_goes(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 3)
    await cordon(empty, "seat-02")
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        await gardener.until({"waiting": 3})
        await asyncio.sleep(0.3)
        events = await empty.items(f"/api/v1/namespaces/{fresh_namespace}/events")
        assert sorted(event["type"] for event in events if event["reason"] == "Unschedulable") == ["Warning"] * 3
        await uncordon(empty, "seat-02")
        await gardener.until({"ready": 3})
        assert {pod["spec"]["nodeName"] for pod in await pods(empty, fresh_namespace)} == {"seat-00", "seat-01", "seat-02"}


@pytest.mark.long
async def test_held_places_move_when_their_nodes_close(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 5)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace, "inOrder", slow="3s"))
        await gardener.until({"starting": 1, "held": 2})
        held = [
            pod["status"]["nominatedNodeName"] for pod in await pods(empty, fresh_namespace) if pod["spec"].get("schedulingGates")
        ]
        await cordon(empty, *held)
        await gardener.until({"ready": 3})
        assert not {pod["spec"]["nodeName"] for pod in await pods(empty, fresh_namespace)} & set(held)
        assert "replace" in gardener.steps


@pytest.mark.long
async def test_a_foreign_pod_in_a_held_place_is_stepped_around(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 4)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace, "inOrder", slow="2s"))
        await gardener.until({"starting": 1, "held": 2})
        held = next(pod for pod in await pods(empty, fresh_namespace) if pod["spec"].get("schedulingGates"))
        stolen = held["status"]["nominatedNodeName"]
        thief = {"metadata": {"name": "thief"}, "spec": {"nodeName": stolen, "containers": [{"name": "main", "image": "x"}]}}
        await empty.post(f"/api/v1/namespaces/{fresh_namespace}/pods", thief)
        await gardener.until({"ready": 3})
        mine = [pod for pod in await pods(empty, fresh_namespace) if pod["metadata"]["name"] != "thief"]
        assert stolen not in {pod["spec"]["nodeName"] for pod in mine}
        assert "replace" in gardener.steps


async def test_who_is_refused_again_and_again_is_held_with_the_schedulers_sentence(
    control_plane: Cluster, empty: Api, fresh_namespace: str
) -> None:
    await nodes(empty, 6)
    needy = system(fresh_namespace, worker=1).model_dump(mode="json", by_alias=True, exclude_unset=True)
    volume = {"name": "weights", "persistentVolumeClaim": {"claimName": "not-there"}}
    needy["spec"]["members"][0]["template"]["spec"]["volumes"] = [volume]
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, InferenceSystem.model_validate(needy))
        seen = await gardener.until({"pinned": 1})
        async with asyncio.timeout(20):
            while not seen.waits:
                await asyncio.sleep(0.1)
                seen = await gardener.until({"pinned": 1})
        (wait,) = seen.waits
        assert (wait.reason, "not-there" in wait.message) == ("RefusedByScheduler", True)
        replaced = gardener.steps.count("replace")
        await asyncio.sleep(1)
        await gardener.settle()
        assert gardener.steps.count("replace") == replaced == 3


async def test_no_part_of_a_gang_is_bound_while_room_comes_and_goes(
    control_plane: Cluster, empty: Api, fresh_namespace: str
) -> None:
    await nodes(empty, 4)
    names = [f"seat-{index:02}" for index in range(4)]
    await cordon(empty, *names)
    chance = random.Random(fresh_namespace)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        await gardener.until({"waiting": 3})
        for _ in range(12):
            opened = chance.sample(names, 2)
            await uncordon(empty, *opened)
            await asyncio.sleep(chance.uniform(0, 0.3))
            await gardener.settle()
            assert not [pod for pod in await pods(empty, fresh_namespace) if pod["spec"].get("nodeName")]
            await cordon(empty, *opened)
        await uncordon(empty, *names[:3])
        await gardener.until({"ready": 3})


async def test_a_failed_pod_and_a_lost_node_are_replaced(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 4)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        await gardener.until({"ready": 3})
        gone = (await pods(empty, fresh_namespace))[0]["spec"]["nodeName"]
        await remove_node(empty, gone)
        await asyncio.sleep(0.3)
        await gardener.until({"ready": 3})
        live = [pod for pod in await pods(empty, fresh_namespace) if "deletionTimestamp" not in pod["metadata"]]
        assert len(live) == len({pod["spec"]["nodeName"] for pod in live} - {gone}) == 3


async def test_scaling_in_gives_back_exactly_what_was_added(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 6)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        await gardener.until({"ready": 3})
        before = {pod["metadata"]["uid"] for pod in await pods(empty, fresh_namespace)}
        gardener.counts, gardener.generation = {"copies": 2}, 2
        await gardener.until({"ready": 6})
        gardener.counts, gardener.generation = {"copies": 1}, 3
        await gardener.until({"ready": 3})
        async with asyncio.timeout(10):
            while (await gardener.settle()).surplus_gangs:
                await gardener.do("remove")
                await asyncio.sleep(0.1)
        assert {pod["metadata"]["uid"] for pod in await pods(empty, fresh_namespace)} == before
        assert len(await left(empty, SERVICES, fresh_namespace)) == 1


async def test_a_system_whose_namespace_is_deleted_is_erased(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 3)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        await gardener.until({"ready": 3})
        await empty.delete(f"/api/v1/namespaces/{fresh_namespace}")
        await gardener.until_gone(30)


async def test_what_the_server_refuses_is_told_in_one_sentence(control_plane: Cluster, empty: Api, fresh_namespace: str) -> None:
    await nodes(empty, 3)
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}
    await empty.post(f"/api/v1/namespaces/{fresh_namespace}/resourcequotas", quota)
    await asyncio.sleep(0.5)
    async with agent_on(control_plane) as agent:
        gardener = Gardener(agent, system(fresh_namespace))
        for step in ("record", "support", "place", "create"):
            await gardener.do(step)
        assert len(gardener.problems) == 1
        assert "exceeded quota: few" in gardener.problems[0]
        assert gardener.problems[0].endswith("Raise the namespace's ResourceQuota, or scale the system down.")


async def pods(api: Api, namespace: str) -> list[Json]:
    return await api.items(f"/api/v1/namespaces/{namespace}/pods")


def ready_at(pod: Json) -> str:
    return next(str(each["lastTransitionTime"]) for each in pod["status"]["conditions"] if each["type"] == "Ready")


async def left(api: Api, kind: Kind, namespace: str) -> list[str]:
    prefix = "/api/v1" if kind.api_version == "v1" else f"/apis/{kind.api_version}"
    return [item["metadata"]["name"] for item in await api.items(f"{prefix}/namespaces/{namespace}/{kind.plural}")]
