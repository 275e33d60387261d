"""ScheduledScale: what a schedule starts at its times. It only asks for the counts; the system's own Scale does the work."""

import json
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.messages import WORKFLOW_QUEUE, Ref
from workflows.calling import HEARTBEAT, RETRY, code_of, told
from workflows.requests import KEEP_SCHEDULES, SCHEDULED_SCALE, SEND_SCALE, Accepted, KeepSchedules, Scheduled
from workflows.visibility import show

SEND_TIMEOUT, GIVE_UP = timedelta(seconds=15), timedelta(minutes=10)
KEEP_TIMEOUT, KEEP_GIVE_UP = timedelta(seconds=30), timedelta(seconds=60)
SILENCE = "the system did not answer; start a worker with: espalier worker"


@workflow.defn(name=SCHEDULED_SCALE)
class ScheduledScale:
    """Sets counts once for each scheduled time, however often it is run for that time: its workflow id is the request id."""

    @workflow.run
    async def run(self, given: Scheduled) -> Accepted:
        show(given.ref, "", given.who)
        workflow.set_current_details(f"**asks for {given.words}**")
        try:
            answer = await self._send(given)
        except ActivityError as error:
            problem = told(error) or SILENCE
            workflow.set_current_details(f"**{problem}**")
            raise ApplicationError(problem, type=code_of(error) or "Silence", non_retryable=True) from None
        workflow.set_current_details(f"**{answer.message}**")
        return answer

    async def _send(self, given: Scheduled) -> Accepted:
        answer: Accepted = await workflow.execute_activity(
            SEND_SCALE,
            given,
            result_type=Accepted,
            activity_id=SEND_SCALE,
            task_queue=WORKFLOW_QUEUE,
            summary=f"{given.words} by {given.who}",
            start_to_close_timeout=SEND_TIMEOUT,
            schedule_to_close_timeout=GIVE_UP,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
        return answer


async def keep_schedules(ref: Ref, wanted: str, generation: int) -> str:
    """Have Temporal's schedules be as a manifest declares them (JSON); why that failed, or an empty string."""
    asked = KeepSchedules(ref=ref, schedules=tuple(json.loads(wanted or "[]")))
    try:
        problem: str = await workflow.execute_activity(
            KEEP_SCHEDULES,
            asked,
            result_type=str,
            activity_id=f"{KEEP_SCHEDULES}-{generation}",
            task_queue=WORKFLOW_QUEUE,
            summary=f"{len(asked.schedules)} schedules are declared",
            start_to_close_timeout=KEEP_TIMEOUT,
            schedule_to_close_timeout=KEEP_GIVE_UP,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
    except ActivityError as error:
        return f"its schedules could not be made: {told(error) or SILENCE}"
    return problem
