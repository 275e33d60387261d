"""A system's one running operation: started, told of news, cancelled, asked after."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, TemporalError, WorkflowAlreadyStartedError

from activities.messages import WORKFLOW_QUEUE, Ref
from workflows.operating import WORKING
from workflows.requests import DESCRIBE, NUDGE, RETARGET, TASK_TIMEOUT, Operation, Outcome, Retarget
from workflows.state import OperationInput
from workflows.visibility import LONGEST_KEYWORD, attributes

LOST = "it was ended from outside"
ASK_TIMEOUT, ASK_GIVE_UP = timedelta(seconds=10), timedelta(seconds=60)


class Children:
    """Knows which children this run has seen end. A child whose end it can't see (it began in an earlier run) is asked after."""

    def __init__(self) -> None:
        self._closed: set[str] = set()

    def closed(self, operation: Operation) -> bool:
        """It was seen to end, whether it said so or not."""
        return operation.id in self._closed

    async def begin(self, operation: Operation, given: OperationInput, ref: Ref) -> bool:
        """Start it; False when a workflow of that id runs already, which is then to be told of all that is wanted."""
        cause = operation.causes[-1] if operation.causes else ""
        try:
            child: workflow.ChildWorkflowHandle[object, Outcome] = await workflow.start_child_workflow(
                operation.kind,
                given,
                id=operation.id,
                result_type=Outcome,
                task_queue=WORKFLOW_QUEUE,
                task_timeout=TASK_TIMEOUT,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                static_summary=cause[:LONGEST_KEYWORD] or None,
                search_attributes=attributes(ref, WORKING[operation.kind], cause),
            )
        except WorkflowAlreadyStartedError:
            return False
        child.add_done_callback(lambda ended: self._ended(operation.id, ended))
        return True

    async def retarget(self, operation: Operation, news: Retarget) -> bool:
        """Tell it of a newer intent; False when it does not run any more."""
        return await self._signal(operation, RETARGET, news)

    async def nudge(self, operation: Operation) -> bool:
        """Pass a nudge on; False when it does not run any more."""
        return await self._signal(operation, NUDGE)

    async def cancel(self, operation: Operation) -> bool:
        """Ask it to end; that it was closed already is not always told."""
        try:
            await workflow.get_external_workflow_handle(operation.id).cancel()
        except TemporalError:
            return False
        return True

    async def runs(self, operation: Operation) -> bool:
        """Ask Temporal; True when that can't be found out."""
        try:
            found: bool = await workflow.execute_activity(
                DESCRIBE,
                operation.id,
                result_type=bool,
                task_queue=WORKFLOW_QUEUE,
                start_to_close_timeout=ASK_TIMEOUT,
                schedule_to_close_timeout=ASK_GIVE_UP,
                summary=f"does {operation.kind} still run?",
            )
        except ActivityError:
            return True
        return found

    async def _signal(self, operation: Operation, name: str, *news: Retarget) -> bool:
        try:
            await workflow.get_external_workflow_handle(operation.id).signal(name, args=news)
        except TemporalError:
            return False
        return True

    def _ended(self, operation: str, ended: "asyncio.Task[Outcome]") -> None:
        self._closed.add(operation)
        if not ended.cancelled():
            ended.exception()  # looked at, or asyncio complains that nobody did
