"""Startup, Scale, Recovery, Teardown: thin names on the one driver. The names are what an operator looks for in the UI."""

from pydantic import Field
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.messages import Message, Order
from workflows.decide import WAIT
from workflows.driver import Driver
from workflows.requests import DONE, NUDGE, RETARGET, STATUS, OperationKind, Outcome, Phase, Retarget, Status
from workflows.visibility import details

CAUSES_KEPT = 10
WORKING: dict[str, Phase] = {"Startup": "Starting", "Scale": "Scaling", "Recovery": "Recovering", "Teardown": "Deleting"}


class OperationInput(Message):
    """All that an operation is; carried from run to run."""

    order: Order
    manifest: dict[str, object] = Field(default_factory=dict)
    kind: OperationKind
    causes: tuple[str, ...] = ()
    system: str
    """Workflow id of the system it works for."""
    steps: int = 0
    recorded: int = -1


class Operation:
    """What the four have in common."""

    def __init__(self, given: OperationInput) -> None:
        self.given = given
        self.causes = given.causes
        order = given.order.model_copy(update={"watcher": workflow.info().workflow_id, "operation": given.kind})
        self.driver = Driver(order, given.manifest, given.steps, given.recorded)

    async def work(self) -> Outcome:
        """Until as declared. Cancelled when a teardown supersedes it."""
        while not self.driver.finished:
            await self.driver.turn()
            self._show()
            await self.driver.pause()
            if workflow.info().is_continue_as_new_suggested() and not self.driver.finished:
                workflow.continue_as_new(self._carried())
        outcome = self._outcome()
        await self._tell(outcome)
        return outcome

    @workflow.signal(name=RETARGET)
    def retarget(self, newer: Retarget) -> None:
        """A newer intent: the next turn takes it."""
        own = {"watcher": workflow.info().workflow_id, "operation": self.given.kind}
        self.causes = (*self.causes, newer.cause)[-CAUSES_KEPT:]
        self.driver.retarget(newer.order.model_copy(update=own), newer.manifest)

    @workflow.signal(name=NUDGE)
    def nudge(self) -> None:
        """Something about the system changed."""
        self.driver.wake()

    @workflow.query(name=STATUS)
    def status(self) -> Status:
        """How far it is."""
        ref, driver = self.given.order.ref, self.driver
        return Status(
            name=ref.name, namespace=ref.namespace, cluster=ref.cluster, generation=driver.order.generation, seen=driver.seen,
            phase=phase_of(self.given.kind, driver), message=driver.problem or driver.step.message, reason=driver.step.reason,
        )  # fmt: skip

    def _outcome(self) -> Outcome:
        driver, me = self.driver, workflow.info().workflow_id
        return Outcome(
            id=me, kind=self.given.kind, message=driver.step.message, seen=driver.seen, uid=driver.order.uid, generation=driver.order.generation
        )

    def _show(self) -> None:
        workflow.set_current_details(details(self.driver.problem or self.driver.step.message, self.driver.seen, self.causes))

    async def _tell(self, outcome: Outcome) -> None:
        system = workflow.get_external_workflow_handle(self.given.system)
        try:
            await system.signal(DONE, outcome)
        except ApplicationError:
            workflow.logger.warning("the workflow of the system is gone")

    def _carried(self) -> OperationInput:
        driver = self.driver
        new = {"order": driver.order, "manifest": driver.manifest, "causes": self.causes, "steps": driver.steps, "recorded": driver.recorded}
        return self.given.model_copy(update=new)


def phase_of(kind: str, driver: Driver) -> Phase:
    """The word for where a system is."""
    if driver.problem:
        return "Degraded"
    if kind != "Teardown" and driver.step.action == WAIT and driver.seen.waiting:
        return "Waiting"
    return WORKING[kind]


@workflow.defn(name="Startup")
class Startup(Operation):
    """From declared to running, in order."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name="Scale")
class Scale(Operation):
    """To new counts."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name="Recovery")
class Recovery(Operation):
    """Back to as declared, after more than one pod was lost."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name="Teardown")
class Teardown(Operation):
    """Until nothing is left."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


OPERATIONS = {"Startup": Startup, "Scale": Scale, "Recovery": Recovery, "Teardown": Teardown}
