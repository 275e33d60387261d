"""The entity: one workflow per system. It keeps what is wanted, answers commands, and has one operation at a time at work."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities.messages import WORKFLOW_QUEUE
from workflows.driver import Driver
from workflows.operations import OPERATIONS, WORKING, OperationInput
from workflows.requests import (
    APPLY, DELETE, DONE, NUDGE, RETARGET, SCALE_UPDATE, STATUS, SYSTEM_WORKFLOW, Accepted, Apply, Delete, Operation, OperationKind,
    Outcome, Phase, Retarget, Scale, Status,
)  # fmt: skip
from workflows.state import CannotChange, SystemState
from workflows.visibility import upsert

RESYNC_HEALTHY = timedelta(minutes=15)
LOST_OPERATION_CHECK = timedelta(seconds=30)
ASK_TIMEOUT = timedelta(seconds=10)
INLINE_TURNS = 20


@workflow.defn(name=SYSTEM_WORKFLOW)
class SystemWorkflow:
    """Handlers record what is wanted; only `run` acts. One writer, so no lock."""

    @workflow.init
    def __init__(self, state: SystemState) -> None:
        self._state = state
        self._nudged = True
        self._shown = ""
        self._driver: Driver | None = None

    @workflow.run
    async def run(self, state: SystemState) -> Status:
        while True:
            await self._once()
            self._show()
            if self._gone and workflow.all_handlers_finished():
                return self.status()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._state)

    async def _once(self) -> None:
        if self._state.operation is not None:
            await self._follow(self._state.operation)
        elif self._state.behind:
            await self._begin(self._kind_of_change(), self._state.cause)
        elif self._state.started:
            await self._keep()
        else:
            await workflow.wait_condition(lambda: self._state.behind)

    # What is asked

    @workflow.update(name=APPLY)
    async def apply(self, request: Apply) -> Accepted:
        """Declare the system, or change it."""
        return self._answer(request.request_id, lambda: self._state.applied(request))

    @apply.validator
    def _check_apply(self, request: Apply) -> None:
        self._check(request.request_id, lambda: self._state.applied(request))

    @workflow.update(name=SCALE_UPDATE)
    async def scale(self, request: Scale) -> Accepted:
        """Set counts by path."""
        return self._answer(request.request_id, lambda: self._state.rescaled(request))

    @scale.validator
    def _check_scale(self, request: Scale) -> None:
        self._check(request.request_id, lambda: self._state.rescaled(request))

    @workflow.update(name=DELETE)
    async def delete(self, request: Delete) -> Accepted:
        """Tear it down."""
        return self._answer(request.request_id, lambda: self._state.deleted(request.who))

    @delete.validator
    def _check_delete(self, request: Delete) -> None:
        self._check(request.request_id, lambda: self._state.deleted(request.who))

    @workflow.query(name=STATUS)
    def status(self) -> Status:
        """What goes on."""
        state = self._state
        return Status(
            name=state.ref.name, namespace=state.ref.namespace, cluster=state.ref.cluster, phase=self._phase, generation=state.generation,
            revision=state.revision, message=self._message, reason=self._reason, counts=state.counts(), operation=state.operation,
            last=state.last, seen=state.seen, since=state.since,
        )  # fmt: skip

    @workflow.signal(name=NUDGE)
    def nudge(self) -> None:
        """Something in the cluster changed."""
        self._nudged = True
        if self._driver:
            self._driver.wake()

    @workflow.signal(name=DONE)
    def done(self, outcome: Outcome) -> None:
        """An operation ended."""
        running = self._state.operation
        if running is not None and running.id == outcome.id:
            self._settle(outcome)

    # What is done

    def _kind_of_change(self) -> OperationKind:
        if self._state.deleting:
            return "Teardown"
        return "Startup" if self._state.settled == 0 else "Scale"

    async def _begin(self, kind: OperationKind, cause: str) -> None:
        """Start the child. Its id has a counter, because the last one may not have closed yet."""
        counter = self._state.counter + 1
        child = f"{workflow.info().workflow_id}/{workflow.info().first_execution_run_id[:8]}/{counter}"
        operation = Operation(id=child, kind=kind, causes=(cause,))
        self._state = self._state.model_copy(update={"counter": counter, "operation": operation, "told": self._state.generation})
        given = OperationInput(
            order=self._state.order(child, kind), manifest=self._state.manifest, kind=kind, causes=(cause,), system=workflow.info().workflow_id
        )
        try:
            handle = await workflow.start_child_workflow(
                OPERATIONS[kind].run, given, id=child, parent_close_policy=workflow.ParentClosePolicy.ABANDON, static_summary=cause
            )
        except WorkflowAlreadyStartedError:
            return
        handle.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _follow(self, operation: Operation) -> None:
        """Until it is done, or somebody wants something newer, or it has not been heard of for long."""
        def stirs() -> bool:
            return self._state.operation is not operation or self._state.told < self._state.generation

        try:
            await workflow.wait_condition(stirs, timeout=LOST_OPERATION_CHECK)
        except TimeoutError:
            await self._look_for(operation)
            return
        if self._state.operation is operation:
            await self._tell(operation)

    async def _tell(self, operation: Operation) -> None:
        child = workflow.get_external_workflow_handle(operation.id)
        superseded = self._state.deleting and operation.kind != "Teardown"
        self._state = self._state.model_copy(update={"told": self._state.generation})
        try:
            if superseded:
                await child.cancel()
                self._settle(Outcome(id=operation.id, kind=operation.kind, ok=False, message="superseded by a teardown"), settled=False)
            else:
                order = self._state.order(operation.id, operation.kind)
                await child.signal(RETARGET, Retarget(order=order, cause=self._state.cause, manifest=self._state.manifest))
        except ApplicationError:
            await self._look_for(operation)

    async def _look_for(self, operation: Operation) -> None:
        runs = await workflow.execute_activity(
            "DescribeOperation", operation.id, result_type=bool, task_queue=WORKFLOW_QUEUE,
            start_to_close_timeout=ASK_TIMEOUT, summary=f"is {operation.kind} still at work?",
        )  # fmt: skip
        if not runs and self._state.operation is operation:
            self._settle(Outcome(id=operation.id, kind=operation.kind, ok=False, message="ended by an operator"), settled=False)

    def _settle(self, outcome: Outcome, *, settled: bool = True) -> None:
        done = outcome.generation if settled else self._state.settled
        uid = outcome.uid or self._state.uid
        self._state = self._state.model_copy(
            update={"operation": None, "last": outcome, "seen": outcome.seen, "settled": done, "uid": uid}
        )
        self._nudged = True

    async def _keep(self) -> None:
        """Idle: look when nudged, mend one pod in place, and start a Recovery for more than that."""
        try:
            jitter = workflow.random().uniform(0.8, 1.2)
            await workflow.wait_condition(lambda: self._nudged or self._state.behind, timeout=RESYNC_HEALTHY * jitter)
        except TimeoutError:
            pass
        if self._state.behind:
            return
        self._nudged = False
        await self._mend()

    async def _mend(self) -> None:
        """A single pod is replaced here: a child costs three times the work."""
        order = self._state.order(workflow.info().workflow_id, "")
        self._driver = driver = Driver(order, self._state.manifest, self._state.turns, recorded=self._state.settled)
        for _ in range(INLINE_TURNS):
            await driver.look()
            self._state = self._state.model_copy(update={"seen": driver.seen, "turns": driver.steps})
            if driver.finished or self._state.behind:
                return
            if driver.wrong > 1:
                await self._begin("Recovery", f"{driver.wrong} pods need to be replaced")
                return
            await driver.act()
            await driver.pause()

    # What is said

    def _answer(self, request_id: str, change: Callable[[], SystemState]) -> Accepted:
        known = self._state.answers.get(request_id)
        if known is not None:
            return known
        before = self._state.generation
        self._state = self._changed(change)
        answer = Accepted(generation=self._state.generation, changed=self._state.generation > before)
        self._state = self._state.answered(request_id, answer)
        return answer

    def _check(self, request_id: str, change: Callable[[], SystemState]) -> None:
        if request_id not in self._state.answers:
            self._changed(change)

    def _changed(self, change: Callable[[], SystemState]) -> SystemState:
        try:
            return change()
        except CannotChange as error:
            raise ApplicationError(str(error), type=error.reason, non_retryable=True) from error

    @property
    def _gone(self) -> bool:
        return self._state.deleting and not self._state.behind and self._state.operation is None

    @property
    def _phase(self) -> Phase:
        state = self._state
        if self._gone:
            return "Deleted"
        if state.operation is not None:
            return WORKING[state.operation.kind]
        if state.behind or not state.started:
            return "Pending"
        return "Ready" if self._driver is None or self._driver.finished else "Recovering"

    @property
    def _message(self) -> str:
        return self._driver.step.message if self._driver else self._state.cause

    @property
    def _reason(self) -> str:
        return self._driver.step.reason if self._driver else ""

    def _show(self) -> None:
        if self._phase == self._shown:
            return
        self._shown = self._phase
        ref = self._state.ref
        self._state = self._state.model_copy(update={"since": workflow.now().isoformat(timespec="seconds")})
        upsert({"SystemName": ref.name, "SystemNamespace": ref.namespace, "SystemCluster": ref.cluster, "SystemPhase": self._phase})
