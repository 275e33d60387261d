"""What workflows ask of other workflows and of schedules: SendScale, KeepSchedules, RemoveSchedules. Served by the worker."""

from collections.abc import Generator
from contextlib import contextmanager

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.cluster.crew import heartbeating
from activities.messages import Ref
from activities.plans import MoveRequest
from specs.scaling import ScaleSchedule
from workflows.client import Systems
from workflows.insisting import innermost
from workflows.moving import SEND_MOVES
from workflows.requests import KEEP_SCHEDULES, REMOVE_SCHEDULES, SEND_SCALE, Accepted, KeepSchedules, Scheduled
from workflows.schedules import Schedules
from workflows.timetables import declared_in


class ScheduleActivities:
    """Safe to repeat."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=SEND_MOVES)
    async def move(self, given: MoveRequest) -> Accepted:
        """Have pods of a system move, once for this request."""
        ref = given.ref
        systems = Systems(self._client, ref.cluster, given.who)
        with _refusing(f"there is no system {ref.name!r} in namespace {ref.namespace} any more; plan the moves again"):
            async with heartbeating():
                return await systems.move(ref.namespace, ref.name, given.moves, given.why, given.request_id)

    @activity.defn(name=SEND_SCALE)
    async def send(self, given: Scheduled) -> Accepted:
        """Ask a system for counts, once for the workflow that it is called by. The answer's message is for a person."""
        ref, request_id = given.ref, activity.info().workflow_id or ""
        systems = Systems(self._client, ref.cluster, given.who)
        with _refusing(_missing(given)):
            async with heartbeating():
                answer = await systems.scale(ref.namespace, ref.name, given.counts, request_id=request_id)
        return answer.model_copy(update={"message": _summary(given, answer)})

    @activity.defn(name=KEEP_SCHEDULES)
    async def keep(self, asked: KeepSchedules) -> str:
        """Make the schedules that a manifest declares be as it says; a sentence for those that can't be."""
        ref, declared = asked.ref, [ScaleSchedule.model_validate(each) for each in asked.schedules]
        async with heartbeating():
            return "; ".join(await Schedules(self._client, ref.cluster).keep(ref, declared_in(ref, declared)))

    @activity.defn(name=REMOVE_SCHEDULES)
    async def remove(self, ref: Ref) -> int:
        """Remove every schedule of a system; returns how many there were."""
        async with heartbeating():
            return await Schedules(self._client, ref.cluster).clear(ref.namespace, ref.name)


@contextmanager
def _refusing(missing: str) -> Generator[None]:
    """What a system refuses is not tried again, nor what asks a system that is not there."""
    try:
        yield
    except WorkflowUpdateFailedError as refusal:
        raise ApplicationError(innermost(refusal), type="Refused", non_retryable=True) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise ApplicationError(missing, type="Refused", non_retryable=True) from None


def _summary(given: Scheduled, answer: Accepted) -> str:
    if not answer.changed:
        return f"nothing to change: {given.words} is so already, at generation {answer.generation}"
    return f"{given.words} is wanted now, as generation {answer.generation}" + (f"; {answer.message}" if answer.message else "")


def _missing(given: Scheduled) -> str:
    ref = given.ref
    where = f"namespace {ref.namespace} of cluster {ref.cluster}"
    remedy = f"apply it, or remove its schedule with: espalier schedule remove {ref.name} {given.name}"
    return f"there is no system {ref.name!r} in {where}; {remedy}"
