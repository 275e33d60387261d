"""What workflows ask of other workflows and of schedules: SendScale, KeepSchedules, RemoveSchedules. Served by the worker."""

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.crew import heartbeating
from activities.messages import Ref
from specs.scaling import ScaleSchedule
from workflows.client import Systems
from workflows.insisting import innermost
from workflows.requests import KEEP_SCHEDULES, REMOVE_SCHEDULES, SEND_SCALE, Accepted, KeepSchedules, Scheduled
from workflows.schedules import Schedules
from workflows.timetables import declared_in


class ScheduleActivities:
    """Safe to repeat."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=SEND_SCALE)
    async def send(self, given: Scheduled) -> Accepted:
        """Ask a system for counts, once for the workflow that it is called by. The answer's message is for a person."""
        ref, request_id = given.ref, activity.info().workflow_id or ""
        systems = Systems(self._client, ref.cluster, given.who)
        try:
            async with heartbeating():
                answer = await systems.scale(ref.namespace, ref.name, given.counts, request_id=request_id)
        except WorkflowUpdateFailedError as refusal:
            raise ApplicationError(innermost(refusal), type="Refused", non_retryable=True) from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise ApplicationError(_missing(given), type="Refused", non_retryable=True) from None
            raise
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


def _summary(given: Scheduled, answer: Accepted) -> str:
    if not answer.changed:
        return f"nothing to change: {given.words} is so already, at generation {answer.generation}"
    return f"{given.words} is wanted now, as generation {answer.generation}" + (f"; {answer.message}" if answer.message else "")


def _missing(given: Scheduled) -> str:
    ref = given.ref
    where = f"namespace {ref.namespace} of cluster {ref.cluster}"
    remedy = f"apply it, or remove its schedule with: espalier schedule remove {ref.name} {given.name}"
    return f"there is no system {ref.name!r} in {where}; {remedy}"
