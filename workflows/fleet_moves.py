"""`FleetMoves`: a cluster's Defragmentation, started, approved and stopped through a Temporal client, or scheduled."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import WORKFLOW_QUEUE, Ref
from workflows.client import RPC_TIMEOUT
from workflows.moving import (
    APPROVE,
    DEFRAGMENTATION,
    SCHEDULED_DEFRAGMENTATION,
    STOP,
    Approve,
    Defragment,
    Defragmented,
    Stop,
    workflow_id,
)
from workflows.requests import STATUS, TASK_TIMEOUT
from workflows.timetables import CATCH_UP_S, CRON
from workflows.visibility import attributes


class FleetMoves:
    """Of one cluster, which has one Defragmentation at a time. Raises `RPCError` with NOT_FOUND where there is none."""

    def __init__(self, client: Client, cluster: str = "default", who: str = "") -> None:
        self._client, self._cluster, self._who = client, cluster, who

    async def start(self, *, approved: bool = False, most: int = 100) -> None:
        """Plan now; one that runs already goes on as it is."""
        given = self._given(approved, most)
        start = self._client.start_workflow  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        await start(
            DEFRAGMENTATION,
            given,
            id=workflow_id(self._cluster),
            task_queue=WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"asked for by {self._who or 'somebody'}",
            search_attributes=attributes(self._ref, "Planning"),
            rpc_timeout=RPC_TIMEOUT,
        )

    async def status(self) -> Defragmented:
        """How far the last one is, or how it ended."""
        found: Defragmented = await self._handle.query(STATUS, result_type=Defragmented, rpc_timeout=RPC_TIMEOUT)
        return found

    async def approve(self, plan: str) -> str:
        """Have this plan carried out (`MovePlan.id`). Raises `WorkflowUpdateFailedError` when another one waits, or none."""
        return await self._say(APPROVE, Approve(who=self._who, plan=plan))

    async def stop(self) -> str:
        """Plan no more, and have those stay that have not moved yet."""
        return await self._say(STOP, Stop(who=self._who))

    async def schedule(self, cron: str, time_zone: str, *, approved: bool, most: int = 100) -> None:
        """Start one at these times, unless one is at work; it takes the place of an earlier schedule."""
        late = timedelta(seconds=CATCH_UP_S)
        wanted = Schedule(
            action=ScheduleActionStartWorkflow(
                SCHEDULED_DEFRAGMENTATION,
                self._given(approved, most),
                id=self._schedule_id,
                task_queue=WORKFLOW_QUEUE,
                task_timeout=TASK_TIMEOUT,
                static_summary=f"scheduled by {self._who or 'somebody'}",
                typed_search_attributes=attributes(self._ref, "Planning"),
            ),
            spec=ScheduleSpec(cron_expressions=[cron], time_zone_name=time_zone),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=late),
        )
        try:
            await self._client.create_schedule(self._schedule_id, wanted, memo={CRON: cron}, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            await self.unschedule()
            await self._client.create_schedule(self._schedule_id, wanted, memo={CRON: cron}, rpc_timeout=RPC_TIMEOUT)

    async def unschedule(self) -> bool:
        """Start none by the clock any more; whether there was a schedule."""
        try:
            await self._client.get_schedule_handle(self._schedule_id).delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _say(self, name: str, said: Approve | Stop) -> str:
        update = self._handle.execute_update  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        answer: str = await update(name, said, result_type=str, rpc_timeout=RPC_TIMEOUT)
        return answer

    def _given(self, approved: bool, most: int) -> Defragment:
        return Defragment(cluster=self._cluster, who=self._who, approved=approved, most=most)

    @property
    def _handle(self) -> WorkflowHandle[object, object]:
        return self._client.get_workflow_handle(workflow_id(self._cluster))

    @property
    def _schedule_id(self) -> str:
        return f"{workflow_id(self._cluster)}/schedule"

    @property
    def _ref(self) -> Ref:
        return Ref(cluster=self._cluster, namespace="", name="")
