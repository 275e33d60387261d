"""Systems that wait for room: a smaller one does not take what the first one needs, and goes in when that one goes."""

import asyncio

import pytest

from activities.cluster.kube import NODES
from activities.room import bell
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_life import cluster_of
from tests.activities.test_repair import running


def system(name: str, pods: int, priority: int = 0) -> InferenceSystem:
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    members = [{"role": "worker", "replicas": pods, "template": template}]
    return InferenceSystem.model_validate(
        {"metadata": {"name": name, "namespace": "default"}, "spec": {"members": members, "priority": priority}}
    )


def tight() -> MemoryCluster:
    """Four nodes for one pod each, and four that are cordoned."""
    cluster = cluster_of(4)
    for index in range(4, 8):
        cluster.put(NODES, {**node(f"n{index}"), "spec": {"unschedulable": True}})
    return cluster


async def test_the_first_in_line_is_not_held_up() -> None:
    cluster = tight()
    async with running(cluster) as agent:
        big, small = Gardener(agent, system("big", 6)), Gardener(agent, system("small", 2))
        assert [wait.reason for wait in (await big.until({"waiting": 6})).waits] == ["InsufficientCapacity"]
        (wait,) = (await small.until({"waiting": 2})).waits
        assert wait.reason == "WaitsInTurn"
        assert "gang big-0 of default/big, which comes first" in wait.message
        for index in range(4, 8):
            cluster.put(NODES, node(f"n{index}"))
        await asyncio.gather(big.until({"ready": 6}), small.until({"ready": 2}))


async def test_nodes_that_are_opened_one_after_the_other_are_room_for_whoever_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one would do for the router that is not needed; the further replica, which needs two, comes first."""
    monkeypatch.setattr(bell, "GATHER_S", 1.0)
    cluster = cluster_of(3)
    async with running(cluster) as agent:
        there = Gardener(agent, growing())
        await there.until({"ready": 3, "waiting": 3})
        for index in range(3, 5):
            cluster.put(NODES, node(f"n{index}"))
            await asyncio.sleep(0.01)
        seen = await there.until({"ready": 5, "waiting": 1})
        assert seen.roles["router"] == {"ready": 1, "waiting": 1}


def growing() -> InferenceSystem:
    """Needs three pods: a router and one replica of two. Wants one more of each."""
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    replica = {"role": "worker", "replicas": 2, "minAvailable": 2, "template": template}
    members = [
        {"role": "router", "replicas": 2, "minAvailable": 1, "template": template},
        {"group": "server", "replicas": 2, "minAvailable": 1, "members": [replica]},
    ]
    return InferenceSystem.model_validate({"metadata": {"name": "growing", "namespace": "default"}, "spec": {"members": members}})


async def test_who_waits_behind_goes_in_when_the_first_is_withdrawn() -> None:
    cluster = tight()
    async with running(cluster) as agent:
        big, small = Gardener(agent, system("big", 6)), Gardener(agent, system("small", 2))
        await big.until({"waiting": 6})
        await small.until({"waiting": 2})
        await big.until_gone()
        await small.until({"ready": 2})


async def test_who_is_raised_above_the_first_need_not_wait_for_it() -> None:
    cluster = tight()
    async with running(cluster) as agent:
        big, small = Gardener(agent, system("big", 6)), Gardener(agent, system("small", 2))
        await big.until({"waiting": 6})
        (wait,) = (await small.until({"waiting": 2})).waits
        assert wait.reason == "WaitsInTurn"
        await edited(small, system("small", 2, priority=10))
        await small.until({"ready": 2})


async def edited(gardener: Gardener, system: InferenceSystem) -> None:
    """A newer generation of intent is recorded."""
    gardener.system, gardener.generation = system, gardener.generation + 1
    await gardener.do("record")
