"""What steps answer, and whom they turn away."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from activities.agent import Agent
from activities.cluster.kube import PLACEMENTS, PODS, REVISIONS, SYSTEMS, Busy
from activities.messages import ERASE, HOLD, REMOVE
from specs.names import SYSTEM, SYSTEM_UID
from specs.sections import section
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.test_life import Told, cluster_of, running, system


async def test_a_step_answers_with_what_it_brought_about_and_a_zombie_is_told_nothing() -> None:
    cluster = cluster_of(3)
    door = Told()
    async with running(cluster, door=door) as (agent, _):
        gardener = Gardener(agent, system(), generation=7)
        await gardener.until({"ready": 3})
        order = gardener.order.model_copy(update={"watcher": "isys/default/default/llama"})
        held = await agent.steps.take(HOLD, order)
        assert held.seen is not None
        assert (held.seen.question, held.seen.total("ready")) == (order.question, 3)
        assert held.seen.covers(gardener.versions)
        agent.nudges.changed("default", "llama", at_once=True)
        await asyncio.sleep(0.05)
        assert door.told[-1] == held.seen
        agent.nudges.watch(order.model_copy(update={"generation": 6}))
        agent.nudges.changed("default", "llama", at_once=True)
        await asyncio.sleep(0.05)
        assert door.told[-1] is None
        erased = await agent.steps.take(ERASE, order.model_copy(update={"deleting": True}))
        assert (erased.written > 0, erased.seen) == (True, None), "nobody knows yet when what was deleted is gone"


async def test_what_is_erased_late_is_not_the_next_system_of_that_name() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        first, second = Gardener(agent, system()), Gardener(agent, system())
        await first.until({"ready": 3})
        await first.until_gone()
        await second.until({"ready": 3})
        before = {kind: cluster.all(kind) for kind in (PODS, REVISIONS, PLACEMENTS)}
        await agent.steps.take(ERASE, first.order)
        await asyncio.sleep(0.05)
        assert {kind: cluster.all(kind) for kind in before} == before
        await second.until_gone()


async def test_what_was_made_before_there_was_the_label_of_its_uid_goes_too() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        for kind in (PODS, PLACEMENTS):
            for each in cluster.all(kind):
                cluster.change(kind, each["metadata"]["name"], {"metadata": {"labels": {SYSTEM_UID: None}}}, "default")
        await gardener.until_gone()
        assert [cluster.all(kind) for kind in (PODS, PLACEMENTS, REVISIONS, SYSTEMS)] == [[], [], [], []]


async def test_a_revision_that_somebody_deleted_is_written_anew_and_no_pod_goes() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        pods, revision = cluster.all(PODS), cluster.all(REVISIONS)[0]["metadata"]["name"]
        cluster.remove(REVISIONS, revision, "default")
        await asyncio.sleep(0.05)
        assert not (await gardener.observe()).exists
        await gardener.until({"ready": 3})
        assert [each["metadata"]["name"] for each in cluster.all(REVISIONS)] == [revision]
        assert cluster.all(PODS) == pods


async def test_an_older_intent_is_refused() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system(), generation=7)
        await gardener.until({"ready": 3})
        zombie = gardener.order.model_copy(update={"generation": 6})
        with pytest.raises(Exception, match="generation 6 of default/llama is no longer wanted") as caught:
            await agent.steps.take(REMOVE, zombie)
        assert getattr(caught.value, "type", "") == "Overtaken"


async def test_a_revision_that_cannot_be_read_stops_that_system_alone_and_it_can_be_deleted() -> None:
    cluster = cluster_of(6)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system())
        await gardener.until({"ready": 3})
        name = cluster.all(REVISIONS)[0]["metadata"]["name"]
        cluster.remove(REVISIONS, name, "default")
        garbage = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": {"spec": {"members": 5}}, "revision": 1}
        owned = {"name": name, "namespace": "default", "labels": {SYSTEM: "llama"}}
        cluster.put(REVISIONS, garbage | {"metadata": owned})
        await asyncio.sleep(0.05)
        with pytest.raises(ApplicationError, match=r"can't be read by this version of Espalier: .*Delete the system") as caught:
            await gardener.observe()
        assert (caught.value.type, caught.value.non_retryable) == ("Refused", True)
        other = system()
        other = other.model_copy(update={"metadata": other.metadata.model_copy(update={"name": "other"})})
        await Gardener(agent, other).until({"ready": 3})
        await gardener.until_gone()


async def test_a_problem_stays_in_the_status_while_the_activity_is_tried_again() -> None:
    cluster = cluster_of(3)
    kube = MemoryKube(cluster)
    agent = Agent(kube, Told())
    background = asyncio.create_task(agent.run())
    await agent.ready()
    try:
        gardener = Gardener(agent, system())
        for step in ("record", "place"):
            await gardener.do(step)
        kube.refusals["create", PODS.plural] = Busy("the webhook does not answer")
        with pytest.raises(ApplicationError, match="the webhook does not answer"):
            await gardener.do("create")
        assert await shown(cluster, "CreatePodsFailed") == "the webhook does not answer"
        # The next try begins, which knows nothing of the last, and meanwhile something is seen to change.
        agent.nudges.watch(gardener.order.model_copy(update={"watcher": "isys/default/default/llama"}))
        agent.nudges.changed("default", "llama", at_once=True)
        await asyncio.sleep(1.5)
        assert await shown(cluster, "CreatePodsFailed") == "the webhook does not answer"
        kube.refusals.clear()
        await gardener.do("create")
        await shown(cluster, "")
    finally:
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)


async def shown(cluster: MemoryCluster, reason: str) -> str:
    """The message of the status, once it says this reason."""
    async with asyncio.timeout(5):
        while True:
            status = section(cluster.get(SYSTEMS, "llama", "default"), "status")
            if status and status.get("reason", "") == reason:
                return str(status.get("message", ""))
            await asyncio.sleep(0.05)
