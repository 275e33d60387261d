"""A gang that waits for room asks a node autoscaler for it, once, as a whole, and no longer than it waits."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.agent import Agent
from activities.cluster.kube import NODES, Keep, Kind, NotThere
from activities.room.provisioning import REQUESTS, TEMPLATES, Provisioner
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import node
from tests.activities.test_life import cluster_of, running

CLASS = "best-effort-atomic-scale-up.autoscaling.x-k8s.io"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.room.provisioning.PATIENCE", timedelta())
    monkeypatch.setattr("activities.room.provisioning.FOR_ROOM", ("NoRoom",))


def system() -> InferenceSystem:
    """A leader and three workers: one gang."""
    template = {"spec": {"containers": [{"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}]}}
    members = [{"role": role, "replicas": pods, "template": template} for role, pods in (("leader", 1), ("worker", 3))]
    spec: dict[str, Any] = {"members": members}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


def now() -> datetime:
    return datetime.now(UTC)


def provisioner(cluster: MemoryCluster, agent: Agent) -> Provisioner:
    return Provisioner(MemoryKube(cluster), agent.census, agent.cases.acceptances, CLASS, now)


async def test_it_asks_for_all_of_a_gang_and_takes_it_back_when_room_came() -> None:
    cluster = cluster_of(2)
    async with running(cluster) as (agent, _):
        gardener, asking = Gardener(agent, system()), provisioner(cluster, agent)
        await gardener.until({"waiting": 4})
        for _ in range(2):
            await asking.once()
        (request,) = cluster.all(REQUESTS)
        assert request["spec"]["provisioningClassName"] == CLASS
        counts = {each["podTemplateRef"]["name"]: each["count"] for each in request["spec"]["podSets"]}
        templates = {each["metadata"]["name"]: each["template"] for each in cluster.all(TEMPLATES)}
        assert templates.keys() == counts.keys()
        assert sorted(counts.values()) == [1, 3]
        assert all("schedulingGates" not in each["spec"] for each in templates.values())
        assert request["metadata"]["ownerReferences"][0]["kind"] == "InferenceSystem"
        for index in (2, 3):
            cluster.put(NODES, node(f"n{index}"))
        await gardener.until({"ready": 4})
        await asking.once()
        assert (cluster.all(REQUESTS), cluster.all(TEMPLATES)) == ([], [])


async def test_what_just_waits_a_moment_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.room.provisioning.PATIENCE", timedelta(days=10_000))
    cluster = cluster_of(2)
    async with running(cluster) as (agent, _):
        await Gardener(agent, system()).until({"waiting": 4})
        await provisioner(cluster, agent).once()
        assert cluster.all(REQUESTS) == []


class Unserved(MemoryKube):
    """A cluster without this API."""

    asked = 0

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "", keep: Keep | None = None) -> Any:
        self.asked += 1
        raise NotThere("the server could not find the requested resource", status=404)


async def test_a_cluster_without_that_api_is_asked_seldom() -> None:
    cluster = cluster_of(1)
    async with running(cluster) as (agent, _):
        kube = Unserved(cluster)
        asking = asyncio.create_task(Provisioner(kube, agent.census, agent.cases.acceptances, CLASS, now).run())
        await asyncio.sleep(0.1)
        asking.cancel()
        assert kube.asked == 1
