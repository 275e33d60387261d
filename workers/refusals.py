"""Turns what libraries raise into what a person reads. Nothing leaves a command as a traceback."""

from typing import cast

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from typer.exceptions import TyperException

from activities.cluster.kube import Busy, Refused
from workers.failure import BAD_USAGE, Failure, innermost, sentences
from workflows.schedules import CannotSchedule

NO_WORKER = "Is a worker running? Start one with: espalier worker"
SILENCE = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}


def explained(error: Exception) -> Failure:
    """One sentence and a remedy for any error."""
    if isinstance(error, ExceptionGroup):
        return explained(cast(ExceptionGroup[Exception], error).exceptions[0])
    if isinstance(error, Failure):
        return error
    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, RPCError):
        return _temporal(error)
    if isinstance(error, WorkflowUpdateFailedError | CannotSchedule):
        return Failure(refusal(error))
    if isinstance(error, TimeoutError | WorkflowUpdateRPCTimeoutOrCancelledError):
        return Failure("Temporal took the command, but no worker answered in time", NO_WORKER)
    if isinstance(error, Busy | Refused):
        return Failure(f"the cluster refused: {sentences(error)}", "Check --kubeconfig and --context")
    return Failure(
        f"{type(error).__name__}: {sentences(error)}", "This is a defect; ESPALIER_TRACEBACK=1 shows where, please report it"
    )


def refusal(error: WorkflowUpdateFailedError | CannotSchedule) -> str:
    """Why a system or a schedule refused a command: the innermost cause says it."""
    cause = innermost(error)
    return " ".join((cause.message if isinstance(cause, ApplicationError) else str(cause)).split())


def _usage(error: TyperException) -> Failure:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "espalier"
    message = " ".join(error.format_message().split()).replace("Value error, ", "").replace("Input should", "should")
    return Failure(message[:1].lower() + message[1:], f"See: {path} --help", BAD_USAGE)


def _temporal(error: RPCError) -> Failure:
    if error.status is RPCStatusCode.NOT_FOUND:
        return Failure("no such system", "List them with: espalier get")
    if error.status in SILENCE:
        return Failure("Temporal took the command, but no worker answered in time", NO_WORKER)
    if error.status is RPCStatusCode.UNAVAILABLE:
        return Failure("Temporal is not reachable", "Start one with: espalier temporal; or name another with --temporal-address")
    return Failure(f"Temporal refused: {sentences(error)}", "Check --temporal-namespace and the server's log")
