"""A rollout on a cluster in memory: unit by unit, within the budget, back in its places; and what a bad one does."""

import asyncio
from typing import Any

from activities.cluster.kube import PLACEMENTS, PODS
from specs.revisions import revision_hash
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener, chosen
from tests.activities.memory_kube import MemoryCluster
from tests.activities.test_repair import running, zones

GOOD, BETTER, BAD = "server:1", "server:2", "server:broken"


def declared(image: str = GOOD, router: str = GOOD, copies: int = 1, **rollout: Any) -> InferenceSystem:
    """Two routers, and two groups of a leader and a worker."""

    def role(name: str, image: str, pods: int = 1) -> dict[str, Any]:
        container = {"name": "main", "image": image, "resources": {"requests": {"cpu": "1"}}}
        return {"role": name, "replicas": pods, "template": {"spec": {"containers": [container]}}}

    group = {"group": "decode", "replicas": 2, "members": [role("leader", GOOD), role("worker", image)]}
    spec = {"replicas": copies, "members": [role("router", router, 2), group], **({"rollout": rollout} if rollout else {})}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


def images(cluster: MemoryCluster) -> dict[str, str]:
    """Slot -> image, of the pods that stay."""
    return {
        pod["metadata"]["annotations"]["espalier.dev/slot"]: pod["spec"]["containers"][0]["image"]
        for pod in cluster.all(PODS)
        if "deletionTimestamp" not in pod["metadata"]
    }


def facts(cluster: MemoryCluster) -> dict[str, tuple[str, str]]:
    """Slot -> UID and node."""
    return {
        pod["metadata"]["annotations"]["espalier.dev/slot"]: (pod["metadata"]["uid"], pod["spec"].get("nodeName", ""))
        for pod in cluster.all(PODS)
    }


async def edit(gardener: Gardener, system: InferenceSystem) -> None:
    gardener.system, gardener.generation = system, gardener.generation + 1
    await gardener.do("record")


async def test_only_the_units_of_a_changed_role_are_replaced_each_as_a_whole_and_in_its_place() -> None:
    cluster = zones(6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 6})
        before = facts(cluster)
        await edit(gardener, declared(BETTER))
        seen = await gardener.observe()
        assert (seen.outdated, seen.updating) == (2, 1)
        told = [(each.number, each.units, each.first) for each in seen.revisions]
        assert told == [(2, 2, "0/router/0"), (1, 2, "0/decode/0")], "numbers as ControllerRevisions have them"
        assert list(seen.older_units) == ["0/decode/0", "0/decode/1"]
        await gardener.until({"ready": 6})
        assert (await gardener.observe()).revisions == ()
        after = facts(cluster)
        assert {slot: node for slot, (_, node) in after.items()} == {slot: node for slot, (_, node) in before.items()}
        same = {slot for slot in before if before[slot] == after[slot]}
        assert same == {"0/router/0", "0/router/1"}
        assert {image for slot, image in images(cluster).items() if "worker" in slot} == {BETTER}
        assert (await gardener.observe()).outdated == 0
        assert {item["spec"]["revision"] for item in cluster.all(PLACEMENTS)} >= {revision_hash(gardener.system.spec)}


async def test_a_paused_rollout_touches_nothing_and_what_is_lost_comes_back_as_it_was() -> None:
    cluster = zones(6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 6})
        before = facts(cluster)
        await edit(gardener, declared(BETTER, paused=True))
        seen = await gardener.until({"ready": 6})
        assert (seen.outdated, seen.updating, seen.waits[0].reason) == (2, 0, "Paused")
        assert facts(cluster) == before
        lost = next(pod for pod in cluster.all(PODS) if pod["metadata"]["uid"] == before["0/decode/1/worker/0"][0])
        cluster.remove(PODS, lost["metadata"]["name"], "default")
        gardener.versions["pods"] = cluster.version
        await gardener.until({"ready": 6})
        assert images(cluster)["0/decode/1/worker/0"] == GOOD
        assert facts(cluster)["0/decode/1/worker/0"][0] != before["0/decode/1/worker/0"][0]


async def test_units_below_the_partition_stay() -> None:
    cluster = zones(6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 6})
        await edit(gardener, declared(BETTER, partition=1))
        await gardener.until({"ready": 6})
        assert (images(cluster)["0/decode/0/worker/0"], images(cluster)["0/decode/1/worker/0"]) == (GOOD, BETTER)
        assert (await gardener.observe()).outdated == 0


async def test_by_copy_the_next_is_begun_once_the_one_before_is_whole() -> None:
    cluster = zones(20)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(copies=2), {"decode": 4})
        await gardener.until({"ready": 20})
        await edit(gardener, declared(BETTER, BETTER, copies=2, byCopy=True))
        ahead: list[str] = []
        while (seen := await gardener.observe()).outdated:
            if (step := chosen(seen)) is None:
                await asyncio.sleep(0.02)
                continue
            await gardener.do(step)
            now = images(cluster)
            old = {slot[0] for slot, image in now.items() if image == GOOD and "leader" not in slot}
            ahead += [slot for slot, image in now.items() if image == BETTER and slot[0] == "1" and "0" in old]
        assert ahead == []
        await gardener.until({"ready": 20})


async def test_on_delete_only_what_somebody_deletes_comes_back_of_the_new_revision() -> None:
    cluster = zones(6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 6})
        before = facts(cluster)
        await edit(gardener, declared(BETTER, BETTER, strategy="onDelete"))
        seen = await gardener.until({"ready": 6})
        assert (seen.outdated, facts(cluster)) == (0, before)
        (name,) = (pod["metadata"]["name"] for pod in cluster.all(PODS) if pod["metadata"]["uid"] == before["0/router/1"][0])
        cluster.remove(PODS, name, "default")
        gardener.versions["pods"] = cluster.version
        await gardener.until({"ready": 6})
        assert {slot for slot, image in images(cluster).items() if image == BETTER} == {"0/router/1"}
        after = facts(cluster)
        assert {slot for slot in before if before[slot] != after[slot]} == {"0/router/1"}


async def test_surge_comes_before_anything_goes_and_leaves_when_all_is_updated() -> None:
    cluster = zones(10)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 6})
        await edit(gardener, declared(BETTER, maxUnavailable=0, maxSurge=1))
        await gardener.until({"ready": 6})
        assert gardener.problems == []
        assert {image for slot, image in images(cluster).items() if "worker" in slot} == {BETTER}
        kept = {"0/router/0", "0/router/1", *(f"0/decode/{unit}/{role}/0" for unit in (0, 1) for role in ("leader", "worker"))}
        assert set(images(cluster)) == kept
        assert [each for each in cluster.writes if "create pods" in each and "decode-2" in each]
