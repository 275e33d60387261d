"""What must hold when runs are continued, operations are ended from outside, and workers die."""

import asyncio
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.messages import CREATE
from tests.workflows.declared import system
from tests.workflows.house import NAMESPACE, House, house
from workflows.requests import NUDGE

TERMINATED, FAILED, CONTINUED = (
    WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.CONTINUED_AS_NEW,
)  # fmt: skip


async def continued(house: House, times: int = 1) -> None:
    """Nudge a system until it has gone on as new."""
    async with asyncio.timeout(20):
        while sum(run.status is CONTINUED for run in await house.runs(house.entity().id)) < times:
            await asyncio.gather(*(house.entity().signal(NUDGE) for _ in range(10)))
            await asyncio.sleep(0.05)


async def test_many_updates_across_continue_as_new(eager: House) -> None:
    await eager.systems.apply(system(copies=1))
    for step in range(15):
        counts = [1 + (4 * step + each) % 6 for each in range(4)]
        await asyncio.gather(*(eager.systems.scale(NAMESPACE, "llama", {"server": count}) for count in counts))
    await eager.systems.scale(NAMESPACE, "llama", {"server": 6})
    status = await eager.until(lambda status: status.phase == "Ready" and status.seen.total("ready") == 7)
    assert status.generation <= 1 + 15 * 4 + 1
    runs = await eager.runs(eager.entity().id)
    assert len(runs) > 2


async def test_generations_count_every_change_once_across_continue_as_new(eager: House) -> None:
    eager.agent.kubelets = False
    await eager.systems.apply(system(copies=1))
    for count in range(40):
        answer = await eager.systems.scale(NAMESPACE, "llama", {"server": 2 + (count + 1) % 2})
        assert (answer.generation, answer.changed) == (count + 2, True)
    assert len(await eager.runs(eager.entity().id)) > 1
    eager.agent.kubelets = True
    await eager.agent.nudge("llama")
    await eager.ready(generation=41)


async def test_a_repeated_request_is_known_across_continue_as_new(eager: House) -> None:
    await eager.systems.apply(system(copies=1), request_id="one")
    first = await eager.systems.scale(NAMESPACE, "llama", {"server": 3}, request_id="two")
    await eager.systems.scale(NAMESPACE, "llama", {"server": 4})
    await continued(eager)
    assert await eager.systems.scale(NAMESPACE, "llama", {"server": 3}, request_id="two") == first
    assert (await eager.ready(generation=3)).counts["server"] == 4


async def test_an_operation_goes_on_while_its_system_continues_as_new(eager: House) -> None:
    eager.agent.kubelets = False
    await eager.systems.apply(system())
    (startup,) = await _until_one(eager)
    await continued(eager, 2)
    status = await eager.status()
    assert status.operation is not None
    assert status.operation.id == startup
    eager.agent.kubelets = True
    await eager.ready()
    assert {each.workflow_type for each in await eager.operations()} == {"Startup"}


async def test_an_operation_continues_as_new_under_its_own_id(eager: House) -> None:
    eager.agent.kubelets = False
    await eager.systems.apply(system())
    (startup,) = await _until_one(eager)
    async with asyncio.timeout(20):
        while len(await eager.runs(startup)) < 3:
            await eager.agent.nudge("llama")
            await asyncio.sleep(0.02)
    eager.agent.kubelets = True
    await eager.ready()


async def test_an_operation_that_an_operator_terminated_is_begun_anew(house: House) -> None:
    house.agent.kubelets = False
    await house.systems.apply(system())
    (startup,) = await _until_one(house)
    await house.client.get_workflow_handle(startup).terminate("by an operator")
    status = await house.until(lambda status: status.last is not None and not status.last.ok)
    assert status.last is not None
    assert status.last.message == "it was ended from outside"
    house.agent.kubelets = True
    await house.ready()
    first, second = await house.operations()
    assert (first.status, second.workflow_type) == (TERMINATED, "Startup")


async def test_a_terminated_operation_is_found_after_continue_as_new(eager: House) -> None:
    eager.agent.kubelets = False
    await eager.systems.apply(system())
    (startup,) = await _until_one(eager)
    await continued(eager)
    await eager.client.get_workflow_handle(startup).terminate("by an operator")
    eager.agent.kubelets = True
    await eager.ready()


async def test_a_system_whose_workflow_was_terminated_is_taken_over(house: House) -> None:
    await house.systems.apply(system())
    for count in (3, 4, 5):
        await house.systems.scale(NAMESPACE, "llama", {"server": count})
    await house.ready(generation=4)
    await house.entity().terminate("by an operator")
    await house.systems.apply(system())
    status = await house.ready(generation=5)
    assert status.counts["server"] == 2
    assert house.agent.model("llama").recorded == status.generation


@pytest.mark.parametrize("calls", [1, 2, 4, 6])
async def test_a_worker_is_killed_between_steps(temporal: str, calls: int) -> None:
    async with house(temporal, works=False) as found:
        with worker_process(temporal) as first:
            await found.systems.apply(system())
            await found.happens(lambda: len(found.agent.calls) >= calls)
            first.kill()
        with worker_process(temporal):
            await found.ready()
    assert set(found.agent.model("llama").made.values()) == {1}


@contextmanager
def worker_process(address: str) -> Generator[subprocess.Popen[bytes]]:
    """A worker that can be killed."""
    process = subprocess.Popen([sys.executable, "-m", "tests.workflows.working", address])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _until_one(house: House) -> list[str]:
    await house.happens(lambda: house.agent.count("llama", CREATE) > 0)
    return [each.id for each in await house.operations()]
