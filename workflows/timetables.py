"""A schedule as its user has it, and as Temporal has it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import WORKFLOW_QUEUE, Message, Ref
from specs.cron import in_words, parse
from specs.scaling import ScaleSchedule
from workflows.client import RPC_TIMEOUT
from workflows.insisting import innermost
from workflows.requests import SCHEDULED_SCALE, Accepted, Scheduled
from workflows.visibility import attributes

CATCH_UP_S = 600.0
CRON, DECLARED = "cron", "declared"
"""Keys of a schedule's memo. Temporal compiles cron into calendars, and forgets how it was written."""

OUTCOMES = {
    WorkflowExecutionStatus.RUNNING: "Running",
    WorkflowExecutionStatus.COMPLETED: "Completed",
    WorkflowExecutionStatus.FAILED: "Failed",
    WorkflowExecutionStatus.CANCELED: "Canceled",
    WorkflowExecutionStatus.TERMINATED: "Terminated",
    WorkflowExecutionStatus.TIMED_OUT: "TimedOut",
}


class Ran(Message):
    """One time that a schedule was due."""

    due: datetime
    workflow_id: str
    outcome: str = ""
    """As Temporal has it: Running, Completed, Failed, TimedOut; empty once Temporal has forgotten it."""
    message: str = ""


class Timetable(Message):
    """One schedule, and how it gets on."""

    scheduled: Scheduled
    cron: str
    """Empty for one that was made elsewhere, without saying it."""
    time_zone: str = "UTC"
    catch_up_s: float = CATCH_UP_S
    declared: bool = False
    """In the system's manifest: kept as it says there."""
    paused: bool = False
    note: str = ""
    next: tuple[datetime, ...] = ()
    last: Ran | None = None
    runs: int = 0
    missed: int = 0
    """Times that were due while Temporal was away, and too old when it was back."""
    overlapped: int = 0
    """Times that found the one before still at work."""

    @property
    def same(self) -> tuple[object, ...]:
        """What makes two of them one."""
        return (self.scheduled, self.cron, self.time_zone, self.catch_up_s)

    @property
    def when(self) -> str:
        """`every day at 22:00 Europe/Berlin`."""
        return f"{in_words(parse(self.cron)) if self.cron else 'at times of its own'} {self.time_zone}"


def declared_in(ref: Ref, schedules: Iterable[ScaleSchedule]) -> tuple[Timetable, ...]:
    """The schedules that a manifest asks for."""
    return tuple(
        Timetable(
            scheduled=Scheduled(ref=ref, name=each.name, counts=dict(each.counts)),
            cron=parse(each.cron).text,
            time_zone=each.time_zone,
            catch_up_s=each.catch_up_s,
            declared=True,
        )
        for each in schedules
    )


def prefix(cluster: str, namespace: str = "", name: str = "") -> str:
    """What the ids of schedules begin with: of a system, a namespace, a cluster."""
    return "/".join(["isys", cluster, *([namespace] if namespace else []), *([name, "schedule"] if name else []), ""])


def schedule_id(ref: Ref, name: str) -> str:
    """`isys/CLUSTER/NAMESPACE/SYSTEM/schedule/NAME`."""
    return f"{ref.workflow_id}/schedule/{name}"


def is_schedule_id(found: str) -> bool:
    """Whether an id is one of ours."""
    parts = found.split("/")
    return len(parts) == 6 and parts[0] == "isys" and parts[4] == "schedule"


def to_temporal(wanted: Timetable) -> Schedule:
    """What Temporal is given. Every run's workflow id is the schedule's id and the time that it is for."""
    scheduled, late = wanted.scheduled, timedelta(seconds=wanted.catch_up_s)
    summary = f"{scheduled.words} by {scheduled.who}"
    action = ScheduleActionStartWorkflow(
        SCHEDULED_SCALE,
        scheduled,
        id=schedule_id(scheduled.ref, scheduled.name),
        task_queue=WORKFLOW_QUEUE,
        execution_timeout=late,  # what no worker took in time is not done at another time of day
        static_summary=summary,
        static_details=f"{scheduled.words} {wanted.when}",
        typed_search_attributes=attributes(scheduled.ref, "", scheduled.who),
    )
    return Schedule(
        action=action,
        spec=ScheduleSpec(cron_expressions=[wanted.cron], time_zone_name=wanted.time_zone),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=late),
        state=ScheduleState(note=wanted.note or f"{scheduled.words} {wanted.when}"),
    )


async def read(client: Client, found: ScheduleDescription) -> Timetable:
    """What Temporal tells of a schedule, and how its last run went. Raises LookupError for one that starts something else."""
    schedule, info, memo = found.schedule, found.info, await found.memo()
    return Timetable(
        scheduled=await _scheduled(client, found),
        cron=str(memo.get(CRON, "")),
        declared=bool(memo.get(DECLARED, False)),
        time_zone=schedule.spec.time_zone_name or "UTC",
        catch_up_s=(schedule.policy.catchup_window or timedelta()).total_seconds(),
        paused=schedule.state.paused,
        note=schedule.state.note or "",
        next=tuple(info.next_action_times),
        last=await _last(client, found),
        runs=info.num_actions,
        missed=info.num_actions_missed_catchup_window,
        overlapped=info.num_actions_skipped_overlap,
    )


def runs_of(found: ScheduleDescription) -> Sequence[tuple[Ran, str]]:
    """What it started last, each with its run id, oldest first."""
    return [
        (Ran(due=each.scheduled_at, workflow_id=each.action.workflow_id), each.action.first_execution_run_id)
        for each in found.info.recent_actions
        if isinstance(each.action, ScheduleActionExecutionStartWorkflow)
    ]


async def _scheduled(client: Client, found: ScheduleDescription) -> Scheduled:
    action = found.schedule.action
    if not isinstance(action, ScheduleActionStartWorkflow) or action.workflow != SCHEDULED_SCALE:
        raise LookupError(found.id)
    (given,) = await client.data_converter.decode(action.args, [Scheduled])
    return Scheduled.model_validate(given)


async def _last(client: Client, found: ScheduleDescription) -> Ran | None:
    if not (ran_lately := runs_of(found)):
        return None
    ran, run_id = ran_lately[-1]
    handle = client.get_workflow_handle(ran.workflow_id, run_id=run_id, result_type=Accepted)
    try:
        status = (await handle.describe(rpc_timeout=RPC_TIMEOUT)).status
        message = "" if status is WorkflowExecutionStatus.RUNNING else await _said(handle)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return ran
    return ran.model_copy(update={"outcome": OUTCOMES.get(status, "") if status else "", "message": message})


async def _said(run: WorkflowHandle[object, Accepted]) -> str:
    """What a run that has ended answered, or failed with."""
    try:
        return (await run.result(rpc_timeout=RPC_TIMEOUT)).message
    except WorkflowFailureError as failure:
        return innermost(failure)
