"""The life of a system on a cluster in memory: every step once, what it leaves behind, and that it can be repeated."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.agent import Agent, Clocks
from activities.cache.store import Key
from activities.cluster.kube import EVENTS, NODES, PLACEMENTS, PODS, SERVICES, SYSTEMS
from activities.listening.door import Admitted, TurnedDown
from activities.messages import Observation
from activities.reports.edits import Declared, Scaled
from specs.system import InferenceSystem
from tests.activities.counting import Counting
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import Kubelets, foreign, node


class Told:
    """A door to workflows that are not there: hears nudges and edits, and takes all that it is told as news."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.told: list[Observation | None] = []
        self.edits: list[Declared | Scaled] = []
        self.refusal: Exception | None = None
        self.keeps: Collection[Key] = ()

    async def declare(self, declared: Declared) -> Admitted:
        return self._taken(declared)

    async def scale(self, scaled: Scaled) -> Admitted:
        return self._taken(scaled)

    async def running(self) -> Collection[Key]:
        return self.keeps

    def _taken(self, edit: Declared | Scaled) -> Admitted:
        self.edits.append(edit)
        if self.refusal is not None:
            raise self.refusal
        return Admitted(changed=True, generation=0)

    async def nudge(self, workflow_id: str, seen: Observation | None) -> bool:
        self.heard.append(workflow_id)
        self.told.append(seen)
        return True


def system(start: str = "anyOrder", **counts: int) -> InferenceSystem:
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    members = [
        {"role": role, "replicas": pods, "template": template} for role, pods in (counts or {"router": 1, "worker": 2}).items()
    ]
    spec: dict[str, Any] = {"members": members, "start": start}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


@asynccontextmanager
async def running(
    cluster: MemoryCluster, clocks: Clocks | None = None, door: Told | None = None, kube: MemoryKube | None = None
) -> AsyncGenerator[tuple[Agent, Kubelets]]:
    agent = Agent(kube or MemoryKube(cluster), door or Told(), clocks=clocks, supply=Counting)
    kubelets = Kubelets(cluster)
    tasks = [asyncio.create_task(agent.run()), asyncio.create_task(kubelets.run())]
    await agent.ready()
    try:
        yield agent, kubelets
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def cluster_of(nodes: int) -> MemoryCluster:
    cluster = MemoryCluster()
    for index in range(nodes):
        cluster.put(NODES, node(f"n{index}"))
    return cluster


@pytest.mark.asyncio
async def test_from_declared_to_ready_to_gone() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        seen = await gardener.until({"ready": 3})
        assert (seen.copies, seen.ready_copies, seen.granted, seen.waiting) == (1, 1, 1, 0)
        assert {pod["spec"]["nodeName"] for pod in cluster.all(PODS)} == {"n0", "n1", "n2"}
        await gardener.until_gone()
    assert not [key for key in cluster.objects if key[0] not in ("nodes", "namespaces", "configmaps")]


async def test_what_is_recorded_is_told_before_a_revision_is_known() -> None:
    """A workflow that takes over with another template must learn how far the cluster is."""
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        gardener.generation = 7
        await gardener.until({"ready": 3})
        seen = await agent.observe.observe(gardener.order.model_copy(update={"revision": "unheard-of", "generation": 1}))
        assert (seen.exists, seen.recorded) == (True, 7)


async def test_an_object_that_is_being_deleted_is_told() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        cluster.remove(SYSTEMS, "llama", "default")
        async with asyncio.timeout(5):
            while not (seen := await gardener.observe()).leaving:  # noqa: ASYNC110 - the cache is asked
                await asyncio.sleep(0.01)
        assert not seen.exists


@pytest.mark.parametrize("kept", [True, False])
async def test_what_leaves_with_a_manifest_that_nobody_accepts_is_let_go_if_no_workflow_keeps_it(kept: bool) -> None:
    cluster, door = cluster_of(3), Told()
    async with running(cluster, door=door) as (agent, _):
        await Gardener(agent, system()).until({"ready": 3})
        door.refusal = TurnedDown("BadManifest", "spec.members: none; add one")
        door.keeps = {("default", "llama")} if kept else set()
        cluster.change(SYSTEMS, "llama", {"spec": {"members": []}}, "default")
        cluster.remove(SYSTEMS, "llama", "default")
        await asyncio.sleep(0.05)
        await agent.sweep.once()
        await asyncio.sleep(1.5)
    left = [key for key in cluster.objects if key[0] not in ("nodes", "namespaces", "configmaps", "events")]
    assert bool(left) is kept


async def test_what_is_gone_before_it_was_recorded_is_not_waited_for() -> None:
    async with running(cluster_of(3)) as (agent, _):
        gardener = Gardener(agent, system(), uid="declared with kubectl, and deleted")
        with pytest.raises(ApplicationError, match="is gone") as caught:
            await gardener.do("record")
        assert caught.value.non_retryable


async def test_pods_whose_node_is_gone_do_not_hold_up_the_end() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, kubelets):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        kubelets.finishing = kubelets.ready = False
        for name in ("n0", "n1", "n2"):
            cluster.remove(NODES, name)
        await gardener.until_gone()
    assert not cluster.all(PODS)


async def test_pods_that_a_silent_node_does_not_stop_are_named() -> None:
    cluster, later = cluster_of(3), timedelta(0)
    clocks = Clocks(now=lambda: datetime.now(UTC) + later)
    async with running(cluster, clocks) as (agent, kubelets):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        kubelets.finishing = False
        unready = [{"type": "Ready", "status": "Unknown"}]
        cluster.change(NODES, "n1", {"status": {"conditions": unready}})
        (stuck,) = [pod["metadata"]["name"] for pod in cluster.all(PODS) if pod["spec"]["nodeName"] == "n1"]
        gardener.deleting = True
        await gardener.do("erase")
        gardener.versions |= {"nodes": cluster.version, "pods": cluster.version}
        assert (await gardener.observe()).waits == ()
        later += timedelta(minutes=2)
        (wait,) = (await gardener.observe()).waits
        assert wait.reason == "NodeDoesNotAnswer"
        assert wait.message.startswith(f"pod {stuck} on node n1 can't be stopped")


@pytest.mark.asyncio
async def test_in_order_pods_are_held_on_their_nodes_until_their_turn() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, kubelets):
        kubelets.ready = False
        gardener = Gardener(agent, system("inOrder"))
        await gardener.until({"starting": 1, "held": 2})
        held = [pod for pod in cluster.all(PODS) if pod["spec"].get("schedulingGates")]
        assert {pod["status"]["nominatedNodeName"] for pod in held} <= {"n0", "n1", "n2"}
        kubelets.ready = True
        await gardener.until({"ready": 3})
    assert gardener.steps == ["record", "support", "place", "create", "support", "release", "support"]


@pytest.mark.asyncio
async def test_without_room_pods_wait_gated_and_say_why_until_room_comes() -> None:
    cluster = cluster_of(2)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        seen = await gardener.until({"waiting": 3})
        assert [(wait.reason, wait.gangs) for wait in seen.waits] == [("NoRoom", 1)]
        await asyncio.sleep(0.05)
        events = cluster.all(EVENTS)
        assert [(event["reason"], event["type"], event["message"]) for event in events] == [
            ("Unschedulable", "Warning", "1 seats missing; add nodes")
        ] * 3
        cluster.put(NODES, node("n2"))
        await gardener.until({"ready": 3})
        assert not cluster.all(PLACEMENTS)[0]["status"]["waiting"]


@pytest.mark.asyncio
async def test_a_failed_pod_comes_back_where_it_was() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        old = cluster.all(PODS)[0]
        cluster.change(PODS, old["metadata"]["name"], {"status": {"phase": "Failed", "conditions": []}}, "default")
        gardener.versions["pods"] = cluster.version
        await gardener.until({"ready": 3})
        names = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in cluster.all(PODS)}
        assert old["metadata"]["name"] not in names
        assert old["spec"]["nodeName"] in names.values()


@pytest.mark.asyncio
async def test_a_pod_on_a_lost_node_starts_on_another() -> None:
    cluster = cluster_of(4)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        cluster.remove(NODES, "n0")
        gardener.versions["nodes"] = cluster.version
        await gardener.until({"ready": 3})
        live = [pod for pod in cluster.all(PODS) if "deletionTimestamp" not in pod["metadata"]]
        assert {pod["spec"]["nodeName"] for pod in live} == {"n1", "n2", "n3"}


@pytest.mark.asyncio
async def test_a_refused_pod_goes_elsewhere_and_the_node_is_avoided() -> None:
    cluster = cluster_of(4)
    async with running(cluster) as (agent, kubelets):
        gardener = Gardener(agent, system("inOrder"))
        kubelets.ready = False
        await gardener.until({"starting": 1, "held": 2})
        held = next(pod for pod in cluster.all(PODS) if pod["spec"].get("schedulingGates"))
        stolen = held["status"]["nominatedNodeName"]
        cluster.put(PODS, foreign("thief", stolen))
        kubelets.ready = True
        await gardener.until({"ready": 3})
        assert "replace" in gardener.steps
        refusals = cluster.all(PLACEMENTS)[0]["status"]["refusals"]
        assert [(each["role"], each["node"], each["count"]) for each in refusals] == [("worker", stolen, 1)]


@pytest.mark.asyncio
async def test_scaling_in_takes_the_highest_and_gives_their_room_back() -> None:
    cluster = cluster_of(4)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system(worker=2), {"copies": 2})
        await gardener.until({"ready": 4})
        gardener.counts, gardener.generation = {"copies": 1}, 2
        seen = await gardener.until({"ready": 2})
        while seen.surplus_gangs:
            await gardener.do("remove")
            seen = await gardener.settle()
        assert {pod["metadata"]["annotations"]["espalier.dev/slot"] for pod in cluster.all(PODS)} == {"0/worker/0", "0/worker/1"}
        assert [gang["name"] for placement in cluster.all(PLACEMENTS) for gang in placement["spec"]["gangs"]] == ["llama-0"]
        assert len(cluster.all(SERVICES)) == 1


@pytest.mark.asyncio
async def test_the_object_says_how_it_is() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        await asyncio.sleep(1.1)
        await gardener.observe()
        await asyncio.sleep(0.1)
        status = cluster.all(SYSTEMS)[0]["status"]
        assert (status["phase"], status["pods"], status["readyPods"], status["readyCopies"]) == ("Ready", 3, 3, 1)
        assert {each["type"]: each["status"] for each in status["conditions"]} == {
            "Accepted": "True",
            "Placed": "True",
            "Progressing": "True",
            "Ready": "True",
        }


@pytest.mark.asyncio
async def test_erasing_goes_on_where_the_object_is_gone_already() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        cluster.change(SYSTEMS, "llama", {"metadata": {"finalizers": None}}, "default")
        cluster.remove(SYSTEMS, "llama", "default")
        await gardener.until_gone()
    assert not cluster.all(PODS)
