"""A command is sent until it is answered or refused."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from workflows import insisting
from workflows.insisting import TRIES, chain, insist
from workflows.requests import Accepted


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insisting, "FIRST_PAUSE_S", 0)


def rpc(status: RPCStatusCode) -> RPCError:
    return RPCError("unexpected workflow task failure", status, b"")


def update(message: str, kind: str = "") -> WorkflowUpdateFailedError:
    return WorkflowUpdateFailedError(ApplicationError(message, type=kind))


def failing(*errors: Exception) -> tuple[Callable[[], Awaitable[Accepted]], list[Exception]]:
    left = list(errors)

    async def send() -> Accepted:
        if left:
            raise left.pop(0)
        return Accepted(generation=1)

    return send, left


PASSING = {
    "the run was continued": rpc(RPCStatusCode.FAILED_PRECONDITION),
    "too many at once": rpc(RPCStatusCode.RESOURCE_EXHAUSTED),
    "continued after it was accepted": update("ended", "AcceptedUpdateCompletedWorkflow"),
    "in other words": update("Workflow Update was aborted"),
}
FINAL = {
    "a refusal": update("there is no role 'x'", "BadCount"),
    "no such system": rpc(RPCStatusCode.NOT_FOUND),
    "silence": rpc(RPCStatusCode.DEADLINE_EXCEEDED),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
async def test_sent_again(error: Exception) -> None:
    send, left = failing(error, error)
    assert (await insist(send)).generation == 1
    assert left == []


@pytest.mark.parametrize("error", FINAL.values(), ids=FINAL)
async def test_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        await insist(failing(error)[0])


async def test_a_start_that_meets_the_end_is_sent_again() -> None:
    assert (await insist(failing(rpc(RPCStatusCode.NOT_FOUND))[0], starts=True)).generation == 1


async def test_not_for_ever() -> None:
    send, left = failing(*[rpc(RPCStatusCode.ABORTED)] * (TRIES + 1))
    with pytest.raises(RPCError):
        await insist(send)
    assert len(left) == 1


def test_a_chain_of_causes_is_one_sentence() -> None:
    inner, outer = ValueError("'serve' is no part; did you mean 'server'?"), update("Workflow update failed")
    outer.cause.__cause__ = inner  # pyright: ignore[reportOptionalMemberAccess]
    assert chain(outer) == "Workflow update failed: 'serve' is no part; did you mean 'server'?"


async def test_a_server_that_went_away_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insisting, "ANSWER_S", 0.01)

    async def never() -> Accepted:
        await asyncio.Event().wait()
        return Accepted(generation=1)

    with pytest.raises(TimeoutError):
        await insist(never)
