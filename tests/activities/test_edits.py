"""Edits of what a running system is made of, on a cluster in memory: what comes, what goes, and that all else stays."""

import asyncio
from typing import Any

from activities.cluster.kube import MEMBERS, PLACEMENTS, PODS, REVISIONS
from specs.manifests import MOST_REVISIONS
from specs.revisions import revision_hash
from specs.sections import is_true
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.test_life import running as attended
from tests.activities.test_repair import running, zones
from tests.activities.test_rollout import edit, facts, images


def role(name: str, pods: int = 1, image: str = "server:1", **more: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "resources": {"requests": {"cpu": "1"}}}
    return {"role": name, "replicas": pods, "template": {"spec": {"containers": [container]}}, **more}


def group(name: str, replicas: int, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"group": name, "replicas": replicas, "members": list(members), **more}


def declared(*members: dict[str, Any], **spec: Any) -> InferenceSystem:
    given = {"members": list(members), **spec}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": given})


def kept(before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]) -> set[str]:
    """Slots whose pods are the same, on the same node."""
    return {slot for slot in before if before[slot] == after.get(slot)}


def gangs(cluster: MemoryCluster) -> dict[str, set[str]]:
    """Gang -> slots, over all Placements."""
    found: dict[str, set[str]] = {}
    for placement in cluster.all(PLACEMENTS):
        for gang in placement["spec"]["gangs"]:
            found.setdefault(gang["name"], set()).update(gang["slots"])
    return found


def names(cluster: MemoryCluster, kind: Any) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.all(kind)}


ROUTER, DECODE = role("router"), group("decode", 2, role("leader"), role("worker"))


async def test_a_role_that_is_added_comes_beside_the_others_and_one_that_is_removed_goes() -> None:
    cluster = zones(12)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(ROUTER, DECODE))
        await gardener.until({"ready": 5})
        before = facts(cluster)
        await edit(gardener, declared(ROUTER, DECODE, role("cache", 3)))
        await gardener.until({"ready": 8})
        assert kept(before, facts(cluster)) == set(before)
        assert "llama.cache" in names(cluster, MEMBERS)
        await edit(gardener, declared(DECODE, role("cache", 3)))
        await gardener.until({"ready": 7})
        assert set(facts(cluster)) == {*before, "0/cache/0", "0/cache/1", "0/cache/2"} - {"0/router/0"}
        assert kept(before, facts(cluster)) == set(before) - {"0/router/0"}
        assert "llama.router" not in names(cluster, MEMBERS)
        assert not [slot for slots in gangs(cluster).values() for slot in slots if "router" in slot]


async def test_a_role_comes_into_every_replica_of_a_group_and_goes_from_it() -> None:
    cluster = zones(12)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(ROUTER, DECODE))
        await gardener.until({"ready": 5})
        before = facts(cluster)
        wider = group("decode", 2, role("leader"), role("worker"), role("cache"))
        await edit(gardener, declared(ROUTER, wider))
        await gardener.until({"ready": 7})
        assert kept(before, facts(cluster)) == set(before)
        await edit(gardener, declared(ROUTER, group("decode", 2, role("leader"), role("cache"))))
        await gardener.until({"ready": 5})
        assert kept(before, facts(cluster)) == {slot for slot in before if "worker" not in slot}


async def test_what_is_added_goes_where_its_copy_is_and_starts_in_its_turn() -> None:
    cluster = zones(8, 8)
    async with running(cluster) as agent:
        place = {"place": {"within": "zone"}, "start": "explicit"}
        gardener = Gardener(agent, declared(ROUTER, role("server", 2), **place))
        await gardener.until({"ready": 3})
        zone = {node[:2] for _, node in facts(cluster).values()}
        last = role("probe", after=["cache"])
        await edit(gardener, declared(ROUTER, role("server", 2), role("cache", after=["server"]), last, **place))
        await gardener.until({"ready": 5})
        assert {node[:2] for _, node in facts(cluster).values()} == zone
        assert first_ready(cluster)[-2:] == ["0/cache/0", "0/probe/0"]


async def test_what_is_added_and_has_no_room_leaves_the_others_as_they_are() -> None:
    cluster = zones(3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server", 3)))
        await gardener.until({"ready": 3})
        await edit(gardener, declared(role("server", 3), role("cache")))
        seen = await gardener.until({"ready": 3, "waiting": 1})
        assert [wait.reason for wait in seen.waits] == ["InsufficientCapacity"]
        lost = next(pod for pod in cluster.all(PODS) if "server" in pod["metadata"]["labels"]["espalier.dev/role"])
        cluster.remove(PODS, lost["metadata"]["name"], "default")
        gardener.versions["pods"] = cluster.version
        await gardener.until({"ready": 3, "waiting": 1})
        assert {slot.split("/")[1] for slot, (_, node) in facts(cluster).items() if node} == {"server"}


async def test_a_minimum_changes_what_hangs_together_and_moves_nothing() -> None:
    cluster = zones(8)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(group("decode", 3, role("worker", 2), minAvailable=1)))
        await gardener.until({"ready": 6})
        before = facts(cluster)
        assert len(gangs(cluster)) == 3
        for minimum, count in ((3, 1), (2, 2), (0, 3)):
            await edit(gardener, declared(group("decode", 3, role("worker", 2), minAvailable=minimum)))
            await gardener.until({"ready": 6})
            assert (len(gangs(cluster)), facts(cluster)) == (count, before)
        assert {each["spec"]["revision"] for each in cluster.all(PLACEMENTS)} == {revision_hash(gardener.system.spec)}


async def test_what_is_added_is_asked_for_though_the_name_of_its_gang_is_taken() -> None:
    cluster = zones(8)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(group("decode", 2, role("worker"), minAvailable=2)))
        await gardener.until({"ready": 2})
        await edit(gardener, declared(group("decode", 2, role("worker"), minAvailable=0)))
        await gardener.until({"ready": 2})
        await edit(gardener, declared(group("decode", 2, role("worker"), minAvailable=0), ROUTER))
        await gardener.until({"ready": 3})


async def test_a_lower_minimum_lets_a_part_start_that_has_room() -> None:
    cluster = zones(2)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server", 3)))
        await gardener.until({"waiting": 3})
        await edit(gardener, declared(role("server", 3, minAvailable=1)))
        await gardener.until({"ready": 2, "waiting": 1})


async def test_another_start_order_holds_for_what_starts_from_now_on() -> None:
    cluster = zones(8)
    async with attended(cluster) as (agent, kubelets):
        gardener = Gardener(agent, declared(ROUTER, role("server", 2)))
        await gardener.until({"ready": 3})
        before = facts(cluster)
        await edit(gardener, declared(role("server", 2), ROUTER, start="inOrder"))
        await gardener.until({"ready": 3})
        assert facts(cluster) == before
        kubelets.ready = False
        lose(cluster, gardener, "0/router/0", "0/server/0")
        await gardener.until({"ready": 1, "starting": 1, "held": 1})
        assert {slot for slot, pod in pods(cluster).items() if pod["spec"].get("schedulingGates")} == {"0/router/0"}
        kubelets.ready = True
        await gardener.until({"ready": 3})
        await edit(gardener, declared(ROUTER, role("server", 2)))
        kubelets.ready = False
        lose(cluster, gardener, "0/router/0", "0/server/0")
        await gardener.until({"ready": 1, "starting": 2})


def lose(cluster: MemoryCluster, gardener: Gardener, *slots: str) -> None:
    """Their pods, at once."""
    for name in [pods(cluster)[slot]["metadata"]["name"] for slot in slots]:
        cluster.remove(PODS, name, "default", at_once=True)
    gardener.versions["pods"] = cluster.version


async def test_more_pods_and_another_image_at_once_take_away_one_unit_at_a_time() -> None:
    cluster = zones(12)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(group("decode", 3, role("worker", 2))))
        await gardener.until({"ready": 6})
        await edit(gardener, declared(group("decode", 3, role("worker", 3, image="server:2"), role("cache"))))
        assert (await gardener.observe()).updating == 1
        watch = asyncio.create_task(fewest_serving(cluster))
        await gardener.until({"ready": 12})
        watch.cancel()
        assert (await gardener.observe()).outdated == 0
        assert set(images(cluster).values()) == {"server:1", "server:2"}
        assert await watch == 2


async def fewest_serving(cluster: MemoryCluster) -> int:
    """Until cancelled: the fewest group replicas whose first two workers were Ready at once."""
    fewest = 3
    try:
        while True:
            ready = {
                slot
                for slot, pod in pods(cluster).items()
                if is_true(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]
            }
            fewest = min(fewest, sum({f"0/decode/{index}/worker/{pod}" for pod in range(2)} <= ready for index in range(3)))
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        return fewest


def first_ready(cluster: MemoryCluster) -> list[str]:
    """Slots in the order in which a pod of theirs was Ready first."""
    seen = [event.object for _, kind, event in cluster.log if kind == PODS and is_true(event.object, "Ready")]
    return list(dict.fromkeys(pod["metadata"]["annotations"]["espalier.dev/slot"] for pod in seen))


def pods(cluster: MemoryCluster) -> dict[str, Any]:
    """By slot."""
    return {pod["metadata"]["annotations"]["espalier.dev/slot"]: pod for pod in cluster.all(PODS)}


async def test_revisions_are_pruned_but_for_those_that_pods_are_made_by() -> None:
    cluster = zones(6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server"), role("router")))
        await gardener.until({"ready": 2})
        first = revision_hash(gardener.system.spec)
        for number in range(MOST_REVISIONS + 3):
            await edit(gardener, declared(role("server", image=f"server:{number}"), role("router")))
            await gardener.until({"ready": 2})
        kept_now = {each["metadata"]["labels"]["espalier.dev/revision"] for each in cluster.all(REVISIONS)}
        made_by = {pod["metadata"]["labels"]["espalier.dev/revision"] for pod in cluster.all(PODS)}
        assert made_by == {first, revision_hash(gardener.system.spec)}
        assert made_by <= kept_now
        assert len(kept_now) == MOST_REVISIONS
