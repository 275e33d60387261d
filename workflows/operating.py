"""What the operations have in common: a driver brought to its end, retargeted meanwhile, the outcome told to the system."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, TemporalError

from activities.messages import DEADLINE, Observation, Ref
from workflows.decide import WAIT
from workflows.driver import OVERTAKEN, Driver
from workflows.requests import DONE, NUDGE, RETARGET, STATUS, OperationKind, Outcome, Phase, Retarget, Status
from workflows.state import CAUSES_KEPT, OperationInput
from workflows.visibility import page, show, show_gate

WORKING: dict[OperationKind, Phase] = {
    "Startup": "Starting",
    "Scale": "Scaling",
    "Rollout": "Updating",
    "Recovery": "Recovering",
    "Evacuation": "Moving",
    "Relocation": "Moving",
    "Teardown": "Deleting",
}


class Operating:
    """Signals only note what changed; `work` acts. So there is one writer, and no lock."""

    def __init__(self, given: OperationInput) -> None:
        self._given = given
        self._causes = given.causes
        self._driver = Driver(given.progress, given.manifest)

    async def work(self) -> Outcome:
        """Until as declared, cancelled, or overtaken by a newer generation that somebody else wrote."""
        try:
            await self._bring_about()
            await self.part()
        except asyncio.CancelledError:
            await self._tell(self._outcome(ok=False, message=f"{self._given.kind} was cancelled"))
            raise
        outcome = self._outcome(ok=self._driver.finished, message=self._driver.problem or self._driver.step.message)
        await self._tell(outcome)
        if not outcome.ok:
            if outcome.stalled:
                raise ApplicationError(outcome.stalled, type=DEADLINE, non_retryable=True)
            why = "the system's object is being deleted" if self._driver.forsaken else "a newer generation is recorded"
            raise ApplicationError(f"{why}: {outcome.message}", type=OVERTAKEN, non_retryable=True)
        return outcome

    async def part(self) -> None:
        """What is left to do outside the cluster once it is as declared."""

    @workflow.signal(name=RETARGET)
    def retarget(self, newer: Retarget) -> None:
        """A newer intent: the next step takes it."""
        self._causes = (*self._causes, newer.cause)[-CAUSES_KEPT:]
        self._driver.retarget(newer.order, newer.manifest)

    @workflow.signal(name=NUDGE)
    def nudge(self, seen: Observation | None = None) -> None:
        """Something about the system changed; it looks so now."""
        self._driver.wake(seen)

    @workflow.query(name=STATUS)
    def status(self) -> Status:
        """How far it is."""
        ref, driver = self.ref, self._driver
        return Status(
            name=ref.name,
            namespace=ref.namespace,
            cluster=ref.cluster,
            phase=self.phase,
            generation=driver.order.generation,
            revision=driver.order.revision,
            message=driver.problem or driver.step.message,
            reason=driver.step.reason,
            reason_since=driver.reason_since,
            seen=driver.seen,
        )

    @property
    def phase(self) -> Phase:
        """The word for where the system is."""
        return phase_of(self._given.kind, self._driver)

    @property
    def ref(self) -> Ref:
        """The system it works for."""
        return self._given.progress.order.ref

    @property
    def finished(self) -> bool:
        """The cluster is as declared."""
        return self._driver.finished

    async def _bring_about(self) -> None:
        driver = self._driver
        while not driver.over:
            step = await driver.decide()
            self._show()
            if driver.stalled or driver.finished or driver.over:
                return
            if step.acts:
                await driver.act()
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._carried())
            await driver.pause(unless=workflow.info().is_continue_as_new_suggested)

    def _outcome(self, *, ok: bool, message: str) -> Outcome:
        driver, order = self._driver, self._driver.order
        return Outcome(
            id=workflow.info().workflow_id, kind=self._given.kind, ok=ok, message=message, seen=driver.seen, uid=order.uid,
            generation=order.generation, recorded=order.recorded, versions=order.versions, overtaken=driver.overtaken,
            revision=order.revision, stalled=driver.stalled,
        )  # fmt: skip

    def _show(self) -> None:
        driver = self._driver
        workflow.set_current_details(page(driver.step.message, driver.seen, driver.problem, self._causes))
        show(driver.order.ref, self.phase, self._causes[-1] if self._causes else "")
        show_gate(driver.step.reason if driver.step.action == WAIT and driver.seen.waits else "")

    async def _tell(self, outcome: Outcome) -> None:
        try:
            await workflow.get_external_workflow_handle(self._given.system).signal(DONE, outcome)
        except TemporalError:
            workflow.logger.warning("the workflow of the system is gone")

    def _carried(self) -> OperationInput:
        carried = {"progress": self._driver.progress, "manifest": self._driver.manifest, "causes": self._causes}
        return self._given.model_copy(update=carried)


def phase_of(kind: OperationKind, driver: Driver) -> Phase:
    """The word for where a system is while an operation of this kind is at work."""
    if kind == "Teardown":
        return "Deleting"
    if driver.problem or driver.seen.failing:
        return "Degraded"
    no_room = driver.step.action == WAIT and driver.seen.waiting
    return "Waiting" if no_room and not driver.seen.total("pinned", "starting", "leaving") else WORKING[kind]
