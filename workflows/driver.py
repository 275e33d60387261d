"""The loop that all operations share: observe, decide, do one bounded thing, fold the answer in."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.messages import OBSERVE, RECORD, Observation, Order, Record, Recorded, Written, agent_queue
from workflows.decide import FINISHED, Step, next_step

HEARTBEAT = timedelta(seconds=1.5)
OBSERVE_TIMEOUT = timedelta(seconds=30)
STEP_TIMEOUT = timedelta(minutes=5)
GIVE_UP = timedelta(minutes=10)
RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=20), non_retryable_error_types=["Refused", "Overtaken"])
RECORDING = Step(RECORD, "Recording", "records what was accepted")
Answer = TypeVar("Answer", Observation, Written, Recorded)
FIRST_PAUSE_S, LONGEST_PAUSE_S, RESYNC_S = 0.25, 30.0, 60.0


class Driver:
    """Brings one system to what its order says. `order` may be replaced at any moment; the next turn takes the new one."""

    def __init__(self, order: Order, manifest: dict[str, object], steps: int = 0, recorded: int = -1) -> None:
        self.order = order
        self.manifest = manifest
        self.steps = steps
        self.recorded = recorded
        """The last generation that RecordSystem wrote."""
        self.seen = Observation()
        self.step = Step("Wait", "Starting", "looks at the cluster")
        self.problem = ""
        self._versions: dict[str, int] = {}
        self._awake = False
        self._fruitless = 0

    @property
    def finished(self) -> bool:
        """As declared, as far as the last look went."""
        return self.step.action == FINISHED and not self._awake

    @property
    def wrong(self) -> int:
        """Pods that have to be replaced."""
        return self.seen.total("missing", "failed", "refused", "lost")

    def wake(self) -> None:
        """Something changed: look again now."""
        self._awake = True

    def retarget(self, order: Order, manifest: dict[str, object]) -> None:
        """A newer intent."""
        if order.generation > self.order.generation:
            self.order = order.model_copy(update={"uid": order.uid or self.order.uid})
            self.manifest = manifest or self.manifest
            self._fruitless = 0
            self.wake()

    async def turn(self) -> None:
        """Observe, decide, act."""
        await self.look()
        await self.act()

    async def look(self) -> None:
        """Observe and decide. A failed activity becomes `problem`; only cancellation gets out."""
        self._awake = False
        try:
            self.seen = await self._execute(OBSERVE, "", OBSERVE_TIMEOUT, self._order(), Observation)
        except ActivityError as error:
            self._failed(error)
            self.step = Step("Wait", "Blind", self.problem)
            return
        step = next_step(self.order, self.seen)
        unrecorded = self.recorded < self.order.generation and not self.order.deleting
        self.step = RECORDING if unrecorded else step

    async def act(self) -> None:
        """Do what was decided."""
        if not self.step.acts:
            return
        try:
            await (self._record() if self.step.action == RECORD else self._write())
        except ActivityError as error:
            self._failed(error)

    async def pause(self) -> None:
        """Until woken, or until it is time to look anyway; not at all after a step that got somewhere."""
        if self.finished or (self.step.acts and not self._fruitless):
            return
        growing = min(FIRST_PAUSE_S * 2**self._fruitless, LONGEST_PAUSE_S)
        timeout = timedelta(seconds=growing if self._fruitless else RESYNC_S)
        try:
            await workflow.wait_condition(lambda: self._awake, timeout=timeout, timeout_summary=self.step.message)
        except TimeoutError:
            return

    def _order(self) -> Order:
        return self.order.model_copy(update={"versions": self._versions})

    async def _record(self) -> None:
        order = self._order()
        done = await self._execute(RECORD, self.step.message, STEP_TIMEOUT, Record(order=order, manifest=self.manifest), Recorded)
        self.recorded = order.generation
        self.order = self.order.model_copy(update={"uid": done.uid})
        self._reached(done.versions, written=1, problem="")

    async def _write(self) -> None:
        done = await self._execute(self.step.action, self.step.message, STEP_TIMEOUT, self._order(), Written)
        self._reached(done.versions, done.written, done.problem)

    def _reached(self, versions: dict[str, int], written: int, problem: str) -> None:
        self._versions = self._versions | versions
        self.problem = problem
        self._fruitless = 0 if written else self._fruitless + 1

    def _failed(self, error: ActivityError) -> None:
        if is_cancelled_exception(error):
            raise error
        cause = error.cause
        self.problem = getattr(cause, "message", None) or str(cause or error)
        self._fruitless += 1

    async def _execute(self, name: str, summary: str, timeout: timedelta, asked: Order | Record, answer: type[Answer]) -> Answer:
        self.steps += 1
        found: Answer = await workflow.execute_activity(
            name,
            asked,
            result_type=answer,
            task_queue=agent_queue(self.order.ref.cluster),
            activity_id=f"{self.steps}-{name}",
            summary=summary or None,
            start_to_close_timeout=timeout,
            schedule_to_close_timeout=GIVE_UP,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
        return found
