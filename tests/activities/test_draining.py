"""Pods that serve are told before they go, on a cluster in memory: by scaling in, a rollout, and when they are wanted again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.agent import Clocks
from activities.cluster.kube import EVENTS, NODES, PODS
from specs.drain import Drain
from specs.revisions import edition_hash
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.port import eventually
from tests.activities.test_life import cluster_of, running
from tests.activities.test_preempting import fleet, garden, system

DRAINED, TOLD = "example.com/Drained", "espalier.dev/draining"


def declared(image: str = "server", replicas: int = 2) -> InferenceSystem:
    template = {"spec": {"containers": [{"name": "main", "image": image}]}}
    member = {"role": "server", "replicas": replicas, "minAvailable": 1, "template": template}
    spec: dict[str, Any] = {"members": [member], "drain": {"condition": DRAINED, "within": "5m"}}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


def told(cluster: MemoryCluster) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.all(PODS) if TOLD in pod["metadata"]["annotations"]]


async def is_told(cluster: MemoryCluster) -> bool:
    return bool(told(cluster))


async def is_gone(cluster: MemoryCluster, name: str) -> bool:
    return all(pod["metadata"]["name"] != name for pod in cluster.all(PODS))


def says_drained(cluster: MemoryCluster, name: str) -> None:
    conditions = [{"type": "Ready", "status": "True"}, {"type": DRAINED, "status": "True"}]
    cluster.change(PODS, name, {"status": {"conditions": conditions}}, "default")


async def scaled(gardener: Gardener, count: int, generation: int) -> None:
    gardener.counts, gardener.generation = {"server": count}, generation
    await gardener.do("record")


async def test_it_goes_once_it_says_so() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, kubelets):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 2})
        await scaled(gardener, 1, 2)
        seen = await gardener.until({"ready": 1, "surplus": 1})
        (name,) = told(cluster)
        assert (seen.draining, seen.withdrawn) == (1, 0)
        assert 290 < (seen.again_s or 0) <= 300
        assert [(wait.reason, wait.first) for wait in seen.waits] == [("Draining", "0/server/1")]
        assert f"pod {name} drains until its condition {DRAINED} is True, or " in seen.waits[0].message
        kubelets.ready = False
        says_drained(cluster, name)
        gardener.versions["pods"] = cluster.version
        await gardener.until({"ready": 1})
        assert not cluster.all(EVENTS)


async def test_its_time_is_bounded_and_an_event_says_so() -> None:
    cluster, later = cluster_of(3), timedelta(0)
    async with running(cluster, Clocks(now=lambda: datetime.now(UTC) + later)) as (agent, _):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 2})
        await scaled(gardener, 1, 2)
        await gardener.until({"ready": 1, "surplus": 1})
        (name,) = told(cluster)
        later = timedelta(minutes=5, seconds=1)
        await gardener.until({"ready": 1})
        (event,) = [each for each in cluster.all(EVENTS) if each["reason"] == "DrainTimedOut"]
        assert event["involvedObject"]["name"] == name


async def test_who_is_wanted_again_is_told_and_stays() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 2})
        before = {pod["metadata"]["uid"] for pod in cluster.all(PODS)}
        await scaled(gardener, 1, 2)
        await gardener.until({"ready": 1, "surplus": 1})
        await scaled(gardener, 2, 3)
        await gardener.until({"ready": 2})
        assert told(cluster) == []
        assert {pod["metadata"]["uid"] for pod in cluster.all(PODS)} == before


async def test_a_rollout_asks_too_one_by_one() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, kubelets):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 2})
        gardener.system, gardener.generation = declared("newer"), 2
        await gardener.do("record")
        for _ in range(2):
            await gardener.until({"ready": 1, "leaving": 1, "surplus": 1})
            (name,) = told(cluster)
            kubelets.ready = False
            says_drained(cluster, name)
            gardener.versions["pods"] = cluster.version
            await gardener.until({"ready": 1, "starting": 1})
            kubelets.ready = True
        await gardener.until({"ready": 2})
        assert {pod["spec"]["containers"][0]["image"] for pod in cluster.all(PODS)} == {"newer"}


async def test_a_rollout_that_is_taken_back_meanwhile_takes_nobody() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 2})
        before = {pod["metadata"]["uid"] for pod in cluster.all(PODS)}
        gardener.system, gardener.generation = declared("newer"), 2
        await gardener.do("record")
        await gardener.until({"ready": 1, "leaving": 1, "surplus": 1})
        gardener.system, gardener.generation = declared(), 3
        await gardener.do("record")
        await gardener.until({"ready": 2})
        assert told(cluster) == []
        assert {pod["metadata"]["uid"] for pod in cluster.all(PODS)} == before


@pytest.mark.parametrize("vanishes", [False, True])
async def test_one_that_moves_is_asked_and_comes_back_elsewhere(vanishes: bool) -> None:
    cluster = fleet(3)
    async with garden(cluster) as made:
        gardener = made.plant(declared())
        await made.until_ready(llama=2)
        node = {pod["metadata"]["annotations"]["espalier.dev/slot"]: pod["spec"]["nodeName"] for pod in cluster.all(PODS)}
        (free,) = {each["metadata"]["name"] for each in cluster.all(NODES)} - set(node.values())
        gardener.moves = {"0/server/0": free}
        await eventually(lambda: is_told(cluster), 20)
        (name,) = told(cluster)
        if vanishes:
            cluster.remove(PODS, name, "default")
        else:
            made.kubelets.ready = False
            says_drained(cluster, name)
        await eventually(lambda: is_gone(cluster, name), 20)
        made.kubelets.ready = True
        await made.until_ready(llama=2)
        assert {pod["spec"]["nodeName"] for pod in cluster.all(PODS)} == {free, node["0/server/1"]}
        assert told(cluster) == []


async def test_who_does_not_serve_is_not_asked() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, kubelets):
        kubelets.ready = False
        gardener = Gardener(agent, declared())
        await gardener.until({"starting": 2})
        await scaled(gardener, 1, 2)
        await gardener.until({"starting": 1})
        assert told(cluster) == []


async def test_who_makes_way_for_a_higher_priority_is_not_asked() -> None:
    cluster = fleet(1)
    async with garden(cluster) as made:
        batch = system("batch", "low")
        drain = Drain(condition=DRAINED, within="5m")
        made.plant(batch.model_copy(update={"spec": batch.spec.model_copy(update={"drain": drain})}))
        await made.until_ready(batch=1)
        made.plant(system("urgent", "high"))
        await made.until_ready(urgent=1)
        assert not any(TOLD in event.object["metadata"]["annotations"] for event in cluster.since(PODS, 0))


async def test_where_nothing_is_asked_any_more_nobody_stays_told() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 2})
        await scaled(gardener, 1, 2)
        await gardener.until({"ready": 1, "surplus": 1})
        spec = {key: value for key, value in gardener.system.written()["spec"].items() if key != "drain"}
        gardener.system = InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})
        gardener.edition = edition_hash(gardener.system)
        await scaled(gardener, 2, 3)
        await gardener.until({"ready": 2})
        assert told(cluster) == []
