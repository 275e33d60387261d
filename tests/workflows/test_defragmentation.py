"""A cluster's Defragmentation, on a real Temporal server: approved, refused, stopped, scheduled; what systems are told."""

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError

from activities.plans import MovePlan, MovesSeen, PlannedMove
from tests.workflows.declared import system
from tests.workflows.house import NAMESPACE, POLL_S, TIMEOUT_S, House
from workflows.fleet_moves import FleetMoves
from workflows.insisting import innermost
from workflows.moving import DEFRAGMENTATION, Defragmented, Stage, workflow_id
from workflows.requests import RELOCATION

SLOT, TARGET = "0/server/0", "n3"
NOTHING = MovePlan(reason="NothingWaits", message="no gang waits for room")


def plan(name: str = "a", of: str = "llama", target: str = TARGET) -> MovePlan:
    move = PlannedMove(namespace=NAMESPACE, system=of, slot=SLOT, pod="llama-0-server-0", source="n1", target=target)
    return MovePlan(id=name, namespace=NAMESPACE, system="big", gang="big-0", pods=4, moves=(move,), least=1)


async def moves_of(house: House, *plans: MovePlan) -> FleetMoves:
    house.agent.plans = list(plans)
    await house.systems.apply(system())
    await house.ready()
    return FleetMoves(house.client, house.agent.cluster, "alice")


async def until(moves: FleetMoves, stage: Stage, plan: str = "") -> Defragmented:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            found = await moves.status()
            if found.stage == stage and plan in ("", found.plan.id):
                return found
            await asyncio.sleep(POLL_S)


async def kinds(house: House) -> list[str]:
    return [each.workflow_type for each in await house.ended()]


async def test_a_plan_waits_for_its_approval_and_is_carried_out(house: House) -> None:
    moves = await moves_of(house, plan(), plan(), NOTHING)
    await moves.start()
    waits = await until(moves, "Approval")
    assert "1 move lets default/big-0 in (4 pods); waits for: espalier defragment approve" in waits.message
    assert RELOCATION not in await kinds(house)
    assert "approved by alice" in await moves.approve("a")
    await house.happens(lambda: house.agent.orders["llama"].moves == {SLOT: TARGET})
    house.agent.moves = MovesSeen(done=1, placed=True)
    ended = await until(moves, "Ended")
    assert (ended.reason, ended.moved, ended.let_in) == ("NothingWaits", 1, ("default/big-0",))
    assert RELOCATION in await kinds(house)
    await house.ready(generation=2)
    assert not house.agent.orders["llama"].moves, "once they are done nothing is left of them"


async def test_what_was_approved_is_carried_out_another_way_that_costs_no_more(house: House) -> None:
    moves = await moves_of(house, plan("a"), plan("b", target="n4"), NOTHING)
    await moves.start()
    await until(moves, "Approval")
    await moves.approve("a")
    await house.happens(lambda: house.agent.orders["llama"].moves == {SLOT: "n4"})
    house.agent.moves = MovesSeen(done=1, placed=True)
    assert (await until(moves, "Ended")).let_in == ("default/big-0",)
    await house.ready(generation=2)


def test_a_plan_is_within_another_that_lets_the_same_gang_in_and_moves_no_less() -> None:
    approved = plan()
    more = approved.model_copy(update={"moves": approved.moves * 2})
    gang = approved.model_copy(update={"gang": "big-1"})
    assert plan("b", target="n4").within(approved)
    assert approved.within(more)
    assert not any(each.within(approved) for each in (more, gang, plan(of="qwen"), NOTHING))


async def test_what_was_approved_is_not_carried_out_when_it_moves_others(house: House) -> None:
    moves = await moves_of(house, plan("a"), plan("b", of="qwen"))
    await moves.start()
    await until(moves, "Approval")
    await moves.approve("a")
    found = await until(moves, "Approval", plan="b")
    assert "the fleet has changed since the last one was approved" in found.message
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await moves.approve("a")
    assert "plan a is not the one that waits any more, which is b" in innermost(refusal.value)
    assert RELOCATION not in await kinds(house)
    await moves.stop()
    assert (await until(moves, "Ended")).reason == "Stopped"


async def test_moves_that_can_not_go_on_are_taken_back(house: House) -> None:
    moves = await moves_of(house, plan())
    house.agent.moves = MovesSeen(reason="WorldChanged", message="n3 has no room for it any more")
    await moves.start(approved=True)
    ended = await until(moves, "Ended")
    assert (ended.reason, ended.message) == ("WorldChanged", "n3 has no room for it any more")
    await house.ready(generation=2)
    assert not house.agent.orders["llama"].moves


async def test_a_system_that_is_busy_is_not_moved(house: House) -> None:
    moves = await moves_of(house, plan())
    house.agent.gate.clear()
    await house.systems.scale(NAMESPACE, "llama", {"server": 3})
    await moves.start(approved=True)
    ended = await until(moves, "Ended")
    assert "no pod of llama is moved while" in ended.message
    assert RELOCATION not in [each.workflow_type for each in await house.operations()]
    house.agent.gate.set()
    await house.ready(generation=2)


async def test_a_newer_intent_ends_moves(house: House) -> None:
    await moves_of(house, NOTHING)
    house.agent.gate.clear()
    await house.systems.move(NAMESPACE, "llama", {SLOT: TARGET}, "to let big in", "1")
    await house.until(lambda status: status.operation is not None and status.operation.kind == RELOCATION)
    await house.systems.scale(NAMESPACE, "llama", {"server": 3})
    house.agent.gate.set()
    await house.ready(generation=3)
    assert not house.agent.orders["llama"].moves


async def test_cancelled_it_takes_its_moves_back(house: House) -> None:
    moves = await moves_of(house, plan())
    house.agent.gate.clear()
    await moves.start(approved=True)
    await house.happens(lambda: house.agent.orders["llama"].moves == {SLOT: TARGET})
    handle = house.client.get_workflow_handle(workflow_id(house.agent.cluster))
    await handle.cancel()
    await house.until(lambda status: status.generation >= 3)
    house.agent.gate.set()
    await house.ready(generation=3)
    assert not house.agent.orders["llama"].moves
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


async def test_a_schedule_starts_one_under_the_id_that_all_know(house: House) -> None:
    moves = await moves_of(house, plan())
    await moves.schedule("0 3 * * *", "Europe/Berlin", approved=False)
    try:
        await house.client.get_schedule_handle(f"{workflow_id(house.agent.cluster)}/schedule").trigger()
        async with asyncio.timeout(TIMEOUT_S):
            while not await house.runs(workflow_id(house.agent.cluster)):  # noqa: ASYNC110 - Temporal is asked
                await asyncio.sleep(POLL_S)
        await until(moves, "Approval")
        found = await house.client.get_workflow_handle(workflow_id(house.agent.cluster)).describe()
        assert found.workflow_type == DEFRAGMENTATION
    finally:
        assert await moves.unschedule()
    assert not await moves.unschedule()
    await moves.stop()
    assert (await until(moves, "Ended")).reason == "Stopped"
