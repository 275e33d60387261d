"""Edits that need other places, on a cluster in memory: they are found before the old pods go, else those run on."""

import asyncio
from typing import Any

from activities.cluster.kube import NODES, PODS
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_edits import declared, group, kept, pods
from tests.activities.test_repair import running, zones
from tests.activities.test_rollout import edit, facts


def role(name: str, pods: int, cpus: int, **more: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": str(cpus)}}}
    selector = {"nodeSelector": more.pop("selector")} if "selector" in more else {}
    return {"role": name, "replicas": pods, "template": {"spec": {"containers": [container], **selector}}, **more}


def where(cluster: MemoryCluster) -> dict[str, str]:
    return {slot: node for slot, (_, node) in facts(cluster).items()}


def add_big(cluster: MemoryCluster, count: int) -> None:
    """Nodes with four times the CPUs."""
    for index in range(count):
        big = node(f"big{index}")
        cluster.put(NODES, {**big, "status": {**big["status"], "allocatable": {"pods": "1", "cpu": "256", "memory": "1Ti"}}})


async def test_what_still_fits_where_it_is_stays_there() -> None:
    cluster = zones(6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server", 3, 1)))
        await gardener.until({"ready": 3})
        before = facts(cluster)
        await edit(gardener, declared(role("server", 3, 60)))
        await gardener.until({"ready": 3})
        assert where(cluster) == {slot: node for slot, (_, node) in before.items()}
        assert not kept(before, facts(cluster))


async def test_what_does_not_fit_where_it_is_goes_elsewhere_one_unit_at_a_time() -> None:
    cluster = zones(3)
    add_big(cluster, 3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server", 3, 1, selector={})))
        await gardener.until({"ready": 3})
        await edit(gardener, declared(role("server", 3, 100)))
        seen = await gardener.observe()
        assert (seen.outdated, seen.updating) == (3, 1)
        await gardener.until({"ready": 3})
        assert {node[:3] for node in where(cluster).values()} == {"big"}


async def test_without_room_for_what_it_is_to_be_a_unit_runs_on_and_says_so() -> None:
    cluster = zones(3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server", 2, 1)))
        await gardener.until({"ready": 2})
        before = facts(cluster)
        await edit(gardener, declared(role("server", 2, 100)))
        seen = await gardener.until({"ready": 2})
        assert facts(cluster) == before
        assert (seen.outdated, seen.updating, seen.waits[0].reason) == (2, 0, "InsufficientCapacity")
        assert "runs on as it is until there is room for it" in seen.waits[0].message
        lost = next(iter(before))
        await lose(cluster, gardener, lost)
        await gardener.until({"ready": 2})
        assert where(cluster)[lost], "what is lost comes back as it was"
        add_big(cluster, 2)
        gardener.versions["nodes"] = cluster.version
        await until(gardener, {"big0", "big1"}, cluster)


async def lose(cluster: MemoryCluster, gardener: Gardener, slot: str) -> None:
    cluster.remove(PODS, pods(cluster)[slot]["metadata"]["name"], "default")
    gardener.versions["pods"] = cluster.version


async def until(gardener: Gardener, nodes: set[str], cluster: MemoryCluster) -> None:
    async with asyncio.timeout(10):
        while set(where(cluster).values()) != nodes:
            await gardener.settle()
            await asyncio.sleep(0.01)


def packed(within: str | None, cpus: int = 1, **more: Any) -> InferenceSystem:
    place = {"place": {"within": within}} if within else {}
    return declared(role("router", 1, cpus), role("server", 3, cpus), **place, **more)


async def test_what_satisfies_a_new_rule_already_does_not_move() -> None:
    cluster = zones(6, 6)
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed("zone"))
        await gardener.until({"ready": 4})
        before = facts(cluster)
        for edited in (packed(None), packed("zone"), packed(None, placeAll={"within": "zone"}), packed("zone", cpus=1)):
            await edit(gardener, edited)
            await gardener.until({"ready": 4})
            assert facts(cluster) == before


async def test_only_what_breaks_a_new_rule_moves() -> None:
    cluster = zones(6, 6)
    for index in range(5):  # three in zone 0, one in zone 1
        cluster.put(NODES, {**cluster.get(NODES, f"z1n{index}"), "spec": {"unschedulable": True}})
    for index in range(3):
        cluster.put(NODES, {**cluster.get(NODES, f"z0n{index}"), "spec": {"unschedulable": True}})
    async with running(cluster) as agent:
        gardener = Gardener(agent, packed(None))
        await gardener.until({"ready": 4})
        before = facts(cluster)
        assert sorted(node[:2] for _, node in before.values()) == ["z0", "z0", "z0", "z1"]
        for name in [each["metadata"]["name"] for each in cluster.all(NODES)]:
            cluster.put(NODES, {**cluster.get(NODES, name), "spec": {}})
        gardener.versions["nodes"] = cluster.version
        await edit(gardener, packed("zone"))
        assert (await gardener.observe()).outdated == 1
        await gardener.until({"ready": 4})
        assert {node[:2] for node in where(cluster).values()} == {"z0"}
        assert len(kept(before, facts(cluster))) == 3


async def test_who_must_be_kept_apart_from_now_on_goes_one_by_one() -> None:
    cluster = zones(3, 3, 3)
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(role("server", 3, 1, place={"prefer": "zone"})))
        await gardener.until({"ready": 3})
        before = facts(cluster)
        assert len({node[:2] for _, node in before.values()}) == 1
        await edit(gardener, declared(role("server", 3, 1, place={"spread": {"over": "zone", "strength": "required"}})))
        await gardener.until({"ready": 3})
        assert len({node[:2] for node in where(cluster).values()}) == 3
        assert len(kept(before, facts(cluster))) == 1


async def test_sets_that_are_to_be_together_come_together() -> None:
    cluster = zones(4, 4)
    members = (group("left", 2, role("worker", 1, 1)), group("right", 2, role("worker", 1, 1)))
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(*members))
        await gardener.until({"ready": 4})
        await edit(gardener, declared(*members, together=[{"members": ["left", "right"], "within": "zone"}]))
        await gardener.until({"ready": 4})
        at = {slot: node[:2] for slot, node in where(cluster).items()}
        assert all(at[f"0/left/{index}/worker/0"] == at[f"0/right/{index}/worker/0"] for index in range(2))
