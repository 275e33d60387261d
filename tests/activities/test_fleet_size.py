"""What an agent does for one system costs the same however many others there are. Counted in bytecodes, not timed."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest_asyncio

from activities.agent import Agent
from activities.cluster.kube import NODES, PLACEMENTS, PODS, REVISIONS, SYSTEMS, Kind, Manifest
from activities.messages import PLACE, Order, Ref
from activities.state.blueprint import Blueprints
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import node
from tests.activities.test_life import Told, cluster_of, running, system

FEW, MANY = 20, 200
MOST_GROWTH, ROUNDS = 1.1, 5
KINDS = (SYSTEMS, REVISIONS, PLACEMENTS, PODS)


@dataclass
class Count:
    """Bytecodes that were carried out."""

    opcodes: int = 0


@contextmanager
def counted() -> Generator[Count]:
    """All Python of this thread meanwhile, whichever task it belongs to."""
    count, before = Count(), sys.gettrace()

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        del arg
        frame.f_trace_opcodes = True
        count.opcodes += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


@pytest_asyncio.fixture(name="one")
async def settled() -> list[tuple[Kind, Manifest]]:
    """All that the cluster has of one system that is Ready."""
    cluster = cluster_of(1)
    async with running(cluster) as (agent, _):
        await Gardener(agent, system(worker=1)).until({"ready": 1})
    return [(kind, each) for kind in KINDS for each in cluster.all(kind)]


def fleet(one: list[tuple[Kind, Manifest]], size: int) -> MemoryCluster:
    """So many like it, each with a node of its own."""
    cluster = MemoryCluster()
    for index in range(size):
        cluster.put(NODES, node(f"n{index}"))
        for kind, found in one:
            text = json.dumps(found).replace("llama", f"llama-{index}").replace('"n0"', f'"n{index}"')
            cluster.put(kind, json.loads(text))
    return cluster


@asynccontextmanager
async def serving(cluster: MemoryCluster) -> AsyncGenerator[Agent]:
    """An agent that has taken it all in."""
    door = Told()
    door.keeps = [("default", each["metadata"]["name"]) for each in cluster.all(SYSTEMS)]
    agent = Agent(MemoryKube(cluster), door)
    task = asyncio.create_task(agent.run())
    await agent.ready()
    await agent.solver.answer()
    try:
        yield agent
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def order_for(agent: Agent, name: str) -> Order:
    found = agent.cache.get(SYSTEMS, "default", name)
    placement = next(iter(agent.cache.of_system(PLACEMENTS, "default", name)))
    assert found is not None
    ref, revision = Ref(namespace="default", name=name), placement["spec"]["revision"]
    return Order(ref=ref, uid=found["metadata"]["uid"], revision=revision, generation=1)


async def cost_of(one: list[tuple[Kind, Manifest]], size: int) -> dict[str, int]:
    """Of what happens all the time, in a fleet of this size."""
    cluster = fleet(one, size)
    async with serving(cluster) as agent:
        order = order_for(agent, "llama-3")
        assert (await agent.observe.observe(order)).total("ready") == 1
        return {
            "a look, after a node's heartbeat": await of_a_look(cluster, agent, order),
            "a pod's change": of_a_change(agent),
            "a round of the solver in which somebody waits": await of_a_round(agent, order),
        }


async def of_a_look(cluster: MemoryCluster, agent: Agent, order: Order) -> int:
    beaten = cluster.change(NODES, "n7", {"metadata": {"annotations": {"beat": "1"}}})
    await agent.cache.reached(NODES, int(beaten["metadata"]["resourceVersion"]))
    with counted() as count:
        await agent.observe.observe(order)
    return count.opcodes


def of_a_change(agent: Agent) -> int:
    pod = next(iter(agent.cache.of_system(PODS, "default", "llama-3")))
    ill = {**pod, "status": {**pod["status"], "conditions": [{"type": "Ready", "status": "False"}]}}
    with counted() as count:
        agent.lookout.changed(PODS, pod, ill)
        agent.lookout.changed(PODS, ill, pod)
    return count.opcodes


async def of_a_round(agent: Agent, order: Order) -> int:
    """The least of some: other tasks have something to do now and then."""
    await agent.steps.take(PLACE, order.model_copy(update={"counts": {"worker": 2}}))
    waiting = [each.waiting for each in agent.census.placements(("default", "llama-3"))]
    assert any(waiting)
    counts: list[int] = []
    for _ in range(ROUNDS):
        agent.solver.room_may_be_free()
        with counted() as count:
            await agent.solver.answer()
        counts.append(count.opcodes)
    return min(counts)


async def test_what_happens_all_the_time_costs_the_same_in_any_fleet(one: list[tuple[Kind, Manifest]]) -> None:
    few, many = await cost_of(one, FEW), await cost_of(one, MANY)
    assert all(few.values())
    assert {what: many[what] for what in few if many[what] > MOST_GROWTH * few[what]} == {}, few


def test_all_systems_of_a_large_fleet_keep_their_blueprints() -> None:
    """Else each look expands its system anew."""
    systems = [system(worker=1).model_copy() for _ in range(1_000)]
    kept = Blueprints()
    first = [kept.of(each, "r", {}) for each in systems]
    assert all(kept.of(each, "r", {}) is plan for each, plan in zip(systems, first, strict=True))


def test_blueprints_do_not_grow_beyond_their_bound() -> None:
    kept, small = Blueprints(kept=100), system(worker=1)
    first = kept.of(small, "r", {})
    kept.of(system(worker=99), "r", {})
    assert kept.of(small, "r", {}) is not first
