"""A command is sent until it is answered: its request id makes that safe, whatever became of an earlier try."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from workflows.requests import Accepted

TRIES = 8
ANSWER_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
PASSING = {RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.ABORTED, RPCStatusCode.RESOURCE_EXHAUSTED}
ENDING = {RPCStatusCode.NOT_FOUND}
"""An update-with-start that meets the very end of the workflow before it."""
OVERTAKEN = {"AcceptedUpdateCompletedWorkflow", "WorkflowUpdateAborted"}
OVERTAKEN_WORDS = ("unexpected workflow task failure", "workflow execution already completed", "update was aborted")


async def insist(send: Callable[[], Awaitable[Accepted]], *, starts: bool = False) -> Accepted:
    """Send until answered or refused. `starts`: the command starts the workflow if there is none.

    Raises TimeoutError when one try is not answered for a minute: a server that went away in the midst of it is waited for by the
    SDK for ever.
    """
    pause_s = FIRST_PAUSE_S
    for _ in range(TRIES - 1):
        try:
            return await asyncio.wait_for(send(), ANSWER_S)
        except RPCError as error:
            if error.status not in PASSING | (ENDING if starts else set()):
                raise
        except WorkflowUpdateFailedError as error:
            if not overtaken(error):
                raise
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    return await asyncio.wait_for(send(), ANSWER_S)


def overtaken(error: WorkflowUpdateFailedError) -> bool:
    """The run ended or was continued under the command: not a refusal."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in OVERTAKEN:
        return True
    return any(words in str(cause).lower() for words in OVERTAKEN_WORDS)


def chain(error: BaseException) -> str:
    """The messages of a whole chain of causes, outermost first, each said once: one sentence."""
    said: list[str] = []
    link: BaseException | None = error
    while link is not None:
        words = " ".join(str(link).split()).rstrip(".")
        if words and not any(words in earlier for earlier in said):
            said.append(words)
        link = link.__cause__
    return ": ".join(said) or type(error).__name__


def innermost(error: BaseException) -> str:
    """What the first cause of an error says, in one line: why a command was refused, or a workflow failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join((error.message if isinstance(error, ApplicationError) else str(error)).split())
