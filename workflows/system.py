"""The entity: one workflow per system. It keeps what is wanted, answers commands, and has at most one operation at work.

Handlers record what is wanted and return; only `run` acts. So there is one writer, and leaving a run loses nothing.
"""

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.messages import Observation
from workflows.approving import RULES_ROLL, steered_anew
from workflows.children import LOST, Children
from workflows.decide import FINISHED, Step
from workflows.driver import Driver
from workflows.failing import ended
from workflows.intent import CannotChange, Command, answered, refusal
from workflows.keeping import mending_for, order_of, passes, status_of
from workflows.requests import (
    APPLY,
    CHECK,
    DELETE,
    DONE,
    HISTORY,
    NUDGE,
    SCALE_UPDATE,
    STATUS,
    STEER,
    SYSTEM_WORKFLOW,
    Accepted,
    Apply,
    Delete,
    Operation,
    OperationKind,
    Outcome,
    Retarget,
    Revised,
    Scale,
    Status,
    Steer,
)  # fmt: skip
from workflows.revisions import history
from workflows.scheduled import keep_schedules
from workflows.state import OperationInput, Progress, SystemState
from workflows.visibility import page, show


@workflow.defn(name=SYSTEM_WORKFLOW)
class SystemWorkflow:
    """Keeps one system as declared, until it is deleted."""

    @workflow.init
    def __init__(self, state: SystemState) -> None:
        self._state = state
        self._driver = Driver(state.progress or Progress(order=order_of(state, self._me)), state.manifest)
        self._children = Children()
        self._nudged = state.nudged
        self._forsaken = False

    @workflow.run
    async def run(self, state: SystemState) -> Status:
        while not self._over:
            if self._leaves():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._carried())
            await self._turn()
            self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.status()

    # What is asked

    @workflow.update(name=APPLY)
    def apply(self, request: Apply) -> Accepted:
        """Declare the system, or change it."""
        return self._answer(request)

    @apply.validator
    def _check_apply(self, request: Apply) -> None:
        self._checked(request)

    @workflow.update(name=SCALE_UPDATE)
    def scale(self, request: Scale) -> Accepted:
        """Set counts by path."""
        return self._answer(request)

    @scale.validator
    def _check_scale(self, request: Scale) -> None:
        self._checked(request)

    @workflow.update(name=DELETE)
    def delete(self, request: Delete) -> Accepted:
        """Tear it down."""
        return self._answer(request)

    @delete.validator
    def _check_delete(self, request: Delete) -> None:
        self._checked(request)

    @workflow.update(name=STEER)
    def rollout(self, request: Steer) -> Accepted:
        """Pause, resume, approve or undo a rollout."""
        return self._answer(request)

    @rollout.validator
    def _check_rollout(self, request: Steer) -> None:
        self._checked(request)

    @workflow.query(name=STATUS)
    def status(self) -> Status:
        """What goes on."""
        return status_of(self._state, self._driver, forsaken=self._forsaken)

    @workflow.query(name=CHECK)
    def check(self, request: Scale) -> str:
        """Why it would be refused; empty when it would not."""
        return refusal(self._state, request)

    @workflow.query(name=HISTORY)
    def history(self) -> list[Revised]:
        """Revisions, oldest first."""
        return list(history(self._state))

    @workflow.signal(name=NUDGE)
    def nudge(self, seen: Observation | None = None) -> None:
        """Something in the cluster changed; the system looks so now."""
        self._nudged = True
        self._driver.wake(seen)

    @workflow.signal(name=DONE)
    def done(self, outcome: Outcome) -> None:
        """An operation ended."""
        running = self._state.operation
        if running is not None and running.id == outcome.id:
            self._ended(outcome)

    def _answer(self, request: Command) -> Accepted:
        before, (self._state, answer) = self._state, self._checked(request)
        if steered_anew(before, self._state) and workflow.patched(RULES_ROLL):
            self._state = self._state.calling("Rollout")
        return answer

    def _checked(self, request: Command) -> tuple[SystemState, Accepted]:
        try:
            return answered(self._state, request, workflow.now().isoformat(timespec="seconds"))
        except CannotChange as error:
            raise ApplicationError(str(error), self._state.generation, type=error.reason, non_retryable=True) from None

    # What is done

    async def _turn(self) -> None:
        state = self._state
        if not state.declared:
            await self._await_manifest()
        elif state.operation is None and state.due is not None:
            await self._begin(state.due, state.causes)
        elif state.schedules != state.kept_schedules and not state.deleting:
            await self._keep_schedules()
        elif state.operation is not None:
            await self._follow(state.operation)
        else:
            await self._keep()

    async def _await_manifest(self) -> None:
        """A workflow whose first manifest was refused has nothing to live for."""
        self._forsaken = not await self._until(lambda: self._state.declared, self._state.patience.undeclared_s, "no manifest yet")

    async def _begin(self, kind: OperationKind, causes: tuple[str, ...]) -> None:
        rest_s = self._driver.rest_s(kind)
        if rest_s > 0:
            generation = self._state.generation
            await self._until(lambda: self._state.generation > generation, rest_s, f"{kind} did not help, and rests")
            return
        operation = Operation(id=f"{self._me}/{self._born}/{self._state.counter + 1}", kind=kind, causes=causes)
        self._state = self._state.begun(operation)
        self._driver.take(order_of(self._state, operation.id, operation), self._state.manifest)
        given = OperationInput(
            progress=self._driver.handed_over, manifest=self._state.manifest, kind=kind, causes=causes, system=self._me
        )
        if not await self._children.begin(operation, given, self._state.ref):
            self._state = self._state.model_copy(update={"told": 0})

    async def _follow(self, operation: Operation) -> None:
        """Until it ends, or there is news for it, or it has not been heard of for long."""
        check_s, why = self._state.patience.check_s, f"until {operation.kind} ends"
        stirred = await self._until(lambda: self._ends(operation) or self._state.untold or self._nudged, check_s, why)
        if self._over_with(operation):
            return
        if self._children.closed(operation):
            self._lost(operation)
        elif self._state.untold:
            await self._tell(operation)
        elif not stirred or (self._nudged and not await self._pass_on(operation)):
            await self._look_for(operation)

    async def _tell(self, operation: Operation) -> None:
        superseded = self._state.deleting and operation.kind != "Teardown"
        cause, self._state = "; ".join(self._state.causes), self._state.retold()
        order = self._driver.known(order_of(self._state, operation.id, operation))
        news = Retarget(order=order, cause=cause, manifest=self._state.manifest)
        told = self._children.cancel(operation) if superseded else self._children.retarget(operation, news)
        if not await told:
            await self._look_for(operation)

    async def _pass_on(self, operation: Operation) -> bool:
        self._nudged = False
        return await self._children.nudge(operation)

    async def _look_for(self, operation: Operation) -> None:
        if not await self._children.runs(operation) and not self._over_with(operation):
            self._lost(operation)

    def _lost(self, operation: Operation) -> None:
        self._ended(Outcome(id=operation.id, kind=operation.kind, ok=False, message=LOST, seen=self._driver.seen))

    def _ended(self, outcome: Outcome) -> None:
        superseded = self._state.deleting and outcome.kind != "Teardown"
        self._state = ended(self._state, outcome, workflow.now().isoformat(timespec="seconds"))
        self._heed(outcome.seen)
        self._driver.learn(outcome, rests=not outcome.ok and not superseded)
        self._nudged = True

    async def _keep(self) -> None:
        """Nothing is at work: look, mend a single pod in passing, have a Recovery for more than that."""
        driver, generation = self._driver, self._state.generation
        driver.take(order_of(self._state, self._me), self._state.manifest)
        self._nudged = False
        if self._state.schedule_problem:
            await self._keep_schedules()
        step = await driver.decide()
        self._heed(driver.seen)
        if self._state.deleting:
            return
        if driver.overtaken:
            self._state = self._state.beyond(driver.seen.recorded)
        elif (mending := mending_for(step, driver.seen)) is not None:
            await self._begin(mending[0], (mending[1],))
        elif step.acts:
            await driver.act()
        else:
            await self._rest(step, generation)

    def _heed(self, seen: Observation) -> None:
        """Who deletes the object, with kubectl perhaps, deletes the system."""
        if seen.leaving and not self._state.deleting:
            self._state = self._state.taken_back()

    async def _keep_schedules(self) -> None:
        wanted, generation = self._state.schedules, self._state.generation
        problem = await keep_schedules(self._state.ref, wanted, generation)
        self._state = self._state.model_copy(update={"kept_schedules": wanted, "schedule_problem": problem})

    async def _rest(self, step: Step, generation: int) -> None:
        healthy = step.action == FINISHED
        if healthy:
            self._state = self._state.settled_at(generation)
        self._show()
        most_s = self._state.patience.healthy_s * workflow.random().uniform(0.8, 1.2) if healthy else None
        await self._driver.pause(most_s, unless=lambda: self._nudged or self._state.generation > generation or self._leaves())

    # What is so

    @property
    def _me(self) -> str:
        return workflow.info().workflow_id

    @property
    def _born(self) -> str:
        return workflow.info().first_execution_run_id[:8]

    @property
    def _over(self) -> bool:
        return self._state.torn_down or self._forsaken

    def _over_with(self, operation: Operation) -> bool:
        return self._state.operation is None or self._state.operation.id != operation.id

    def _ends(self, operation: Operation) -> bool:
        return self._over_with(operation) or self._children.closed(operation)

    def _leaves(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _until(self, happened: Callable[[], bool], most_s: float, why: str) -> bool:
        """Whether it happened in time, or the run is to be left."""
        try:
            await workflow.wait_condition(lambda: happened() or self._leaves(), timeout=most_s, timeout_summary=why)
        except TimeoutError:
            return False
        return True

    def _carried(self) -> SystemState:
        return self._state.model_copy(update={"progress": self._driver.progress, "nudged": self._nudged, "brief": True})

    def _show(self) -> None:
        status = self.status()
        self._state = self._state.in_phase(status.phase, workflow.now().isoformat(timespec="seconds"))
        workflow.set_current_details(page(status.message, status.seen, self._driver.problem, self._state.causes))
        if self._state.declared and not passes(self._state, workflow.now()):
            show(self._state.ref, status.phase, domains=status.seen.domains)
