"""Moves that let a gang in, on a cluster in memory: planned, carried out unit by unit, given up when the world has changed."""

import asyncio

import pytest

from activities.cluster.kube import NODES
from activities.plans import FollowRequest, MovePlan, MovesSeen, PlanRequest
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.port import eventually
from tests.activities.test_preempting import Garden, broken_rules, fleet, garden, nodes_of, of, system

ONE_A_NODE = 4


async def fragmented(made: Garden, cluster: MemoryCluster) -> tuple[Gardener, Gardener]:
    """Two zones of four nodes that take one pod each; two pods in each, and a gang of four that must have a zone to itself."""
    first = made.plant(system("first", "", pods=2, within="zone"))
    await made.until_ready(first=2)
    taken = min(nodes_of(cluster, "first"))[:2]
    for index in range(ONE_A_NODE):
        cluster.change(NODES, f"{taken}n{index}", {"spec": {"unschedulable": True}})
    second = made.plant(system("second", "", copies=2))
    await made.until_ready(first=2, second=2)
    for index in range(ONE_A_NODE):
        cluster.change(NODES, f"{taken}n{index}", {"spec": {"unschedulable": False}})
    await waits(made)
    return first, second


async def waits(made: Garden) -> Gardener:
    """A gang of four that must have a zone to itself."""
    big = made.plant(system("big", "", pods=4, within="zone"))
    await made.until_told("big", "NoDomainFits")
    return big


async def plan_of(made: Garden) -> MovePlan:
    found: MovePlan = await made.agent.defragmenting.plan(PlanRequest())
    return found


async def followed(made: Garden, plan: MovePlan, done: int = -1) -> MovesSeen:
    found: MovesSeen = await made.agent.defragmenting.follow(FollowRequest(plan=plan, done=done))
    return found


def told_to_move(plan: MovePlan, *gardeners: Gardener) -> None:
    for each in gardeners:
        each.moves = plan.by_system.get(("default", each.system.metadata.name), {})


async def test_a_gang_gets_in_by_the_moves_that_were_planned() -> None:
    cluster = fleet(4, 4)
    async with garden(cluster) as made:
        gardeners = await fragmented(made, cluster)
        plan = await plan_of(made)
        assert (plan.name, plan.pods, len(plan.moves), plan.least) == ("default/big-0", 4, 2, 2)
        assert len({move.target[:2] for move in plan.moves}) == 1
        before = {pod["metadata"]["uid"] for name in ("first", "second") for pod in of(cluster, name)}
        told_to_move(plan, *gardeners)
        await made.until_ready(first=2, second=2, big=4)
        after = {pod["metadata"]["uid"] for name in ("first", "second") for pod in of(cluster, name)}
        assert len(after - before) == len(plan.moves), "no other pod moves"
        assert {pod["spec"]["nodeName"] for name in ("first", "second") for pod in of(cluster, name)} >= {
            move.target for move in plan.moves
        }
        assert not broken_rules(cluster)
        seen = await followed(made, plan)
        assert (seen.done, seen.placed, seen.reason) == (2, True, "")


async def test_one_unit_at_a_time() -> None:
    cluster = fleet(4, 4)
    async with garden(cluster) as made:
        for zone in ("z0", "z1"):
            for index in (2, 3):
                cluster.change(NODES, f"{zone}n{index}", {"spec": {"unschedulable": True}})
        small = made.plant(system("small", "", copies=4))
        await made.until_ready(small=4)
        for zone in ("z0", "z1"):
            for index in (2, 3):
                cluster.change(NODES, f"{zone}n{index}", {"spec": {"unschedulable": False}})
        await waits(made)
        plan, least = await plan_of(made), 4
        assert len(plan.moves) == 2
        told_to_move(plan, small)
        while made.ready().get("big", 0) < 4:
            await made.pause()
            least = min(least, made.ready().get("small", 0))
        assert least == 3, "copies go one by one, as the budget is one"


async def test_where_the_target_is_taken_since_it_stays_and_says_so() -> None:
    cluster = fleet(4, 4)
    async with garden(cluster) as made:
        gardeners = await fragmented(made, cluster)
        plan = await plan_of(made)
        before = {pod["metadata"]["uid"] for name in ("first", "second") for pod in of(cluster, name)}
        for move in plan.moves:
            cluster.change(NODES, move.target, {"spec": {"unschedulable": True}})
        told_to_move(plan, *gardeners)
        seen = await followed(made, plan, done=0)
        assert seen.reason == "WorldChanged"
        assert "has no room for it any more; plan the moves again" in seen.message
        assert before == {pod["metadata"]["uid"] for name in ("first", "second") for pod in of(cluster, name)}
        told_to_move(MovePlan(), *gardeners)
        await eventually(lambda: nothing_left(gardeners))


@pytest.mark.parametrize(("pods", "reason"), [(5, "NoMovesHelp"), (0, "NothingWaits")])
async def test_why_there_is_no_plan(pods: int, reason: str) -> None:
    cluster = fleet(4, 4)
    async with garden(cluster) as made:
        made.plant(system("first", "", pods=2))
        await made.until_ready(first=2)
        if pods:
            made.plant(system("big", "", pods=pods, within="zone"))
            await made.until_told("big", "NoDomainFits")
        plan = await plan_of(made)
        assert (plan.moves, plan.reason) == ((), reason)
        assert plan.message


async def nothing_left(gardeners: tuple[Gardener, ...]) -> bool:
    seen = await asyncio.gather(*(each.observe() for each in gardeners))
    return not any(each.planned for each in seen)


async def test_who_waits_is_told_what_would_let_it_in() -> None:
    cluster = fleet(2, 2)
    async with garden(cluster) as made:
        made.plant(system("small", "", copies=3))
        await made.until_ready(small=3)
        big = made.plant(system("big", "", pods=2, within="zone"))
        await made.until_told("big", "InsufficientCapacity")
        await eventually(lambda: advised(big, "free 1 node in ", "it runs default/small-", " at the same priority"))


async def advised(gardener: Gardener, *words: str) -> bool:
    seen = await gardener.observe()
    fits = [fit for wait in seen.waits for fit in wait.fits]
    return any(all(word in fit for word in words) for fit in fits)
