"""The loop that systems and operations share: observe, decide, do one bounded thing, fold the answer in, wait."""

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.messages import OBSERVE, RECORD, Observation, Order, Record, Recorded, Written
from workflows.calling import LONGEST_SUMMARY, Caller, code_of, sentence
from workflows.decide import FINISHED, RECORDING, WAIT, Step, next_step
from workflows.hearsay import Hearsay
from workflows.pacing import Result, facts
from workflows.requests import Outcome
from workflows.state import Progress

RESYNC_S, LONGEST_RESYNC_S = 15.0, 300.0
LOOKING = Step(WAIT, "Looking", "looks at the cluster")
BLIND, OVERTAKEN = "Blind", "Overtaken"


class Driver:
    """Brings one system to what its order says. The order may be replaced at any moment; the next step takes the new one."""

    def __init__(self, progress: Progress, manifest: dict[str, object]) -> None:
        self.order = progress.order
        self.manifest = manifest
        self.seen = progress.seen
        self.step = LOOKING
        self.overtaken = False
        self._pace = progress.pace
        self._caller = Caller(progress.order.ref.cluster, progress.steps)
        self._problems = progress.problems
        self._clock = progress.clock
        self._reason, self.reason_since = (progress.reason, progress.first), progress.reason_since
        self._awake = False
        self._hearsay = Hearsay()
        self._stirred = True
        self._resync_s = RESYNC_S

    @property
    def finished(self) -> bool:
        """As declared, as far as the last look went."""
        return self.step.action == FINISHED

    @property
    def over(self) -> bool:
        """Not for this operation any more."""
        return self.overtaken or self.forsaken

    @property
    def forsaken(self) -> bool:
        """Its object is being deleted, and nobody has told us: by kubectl, perhaps."""
        return self.seen.leaving and not self.order.deleting

    @property
    def problem(self) -> str:
        """Why what is to be done now fails; empty when it does not."""
        called_for = (OBSERVE, *self.step.resting, self.step.action)
        return next((self._problems[action] for action in called_for if action in self._problems), "")

    @property
    def stalled(self) -> str:
        """Why a rollout has failed: it got no further for as long as it may; empty when it has not."""
        left_s = self._clock.left_s(workflow.time(), self.seen)
        if left_s is None or left_s > 0:
            return ""
        said = self.seen.waits[0].message if self.seen.waits else self.step.message
        return f"no unit of revision {self.order.revision} became available for {self.seen.deadline_s:g} s: {said}"

    @property
    def progress(self) -> Progress:
        """To be carried into the next run."""
        return Progress(
            order=self.order, pace=self._pace, steps=self._caller.steps, seen=self.seen, problems=self._problems,
            clock=self._clock, reason=self._reason[0], first=self._reason[1], reason_since=self.reason_since,
        )  # fmt: skip

    @property
    def handed_over(self) -> Progress:
        """For an operation that takes this system up."""
        return Progress(order=self.order, seen=self.seen)

    def rest_s(self, action: str) -> float:
        """Seconds for which it is not to be tried again."""
        last, now = self._pace.tries.get(action), workflow.time()
        return last.at + last.rest_s - now if last is not None and last.rests(now, last.facts, stirred=True) else 0.0

    def known(self, order: Order) -> Order:
        """An order, with all that is known of what was written."""
        known = {"uid": order.uid or self.order.uid, "recorded": self.order.recorded, "versions": self.order.versions}
        return order.model_copy(update=known)

    def learn(self, outcome: Outcome, *, rests: bool) -> None:
        """What an operation saw and wrote; `rests`: those of its kind that follow do so ever more slowly."""
        self.seen = outcome.seen
        self.step = Step(FINISHED if outcome.ok else WAIT, outcome.kind, outcome.message)
        wrote = {"uid": outcome.uid or self.order.uid, "recorded": max(outcome.recorded, self.order.recorded)}
        self.order = self.order.model_copy(update={**wrote, "versions": outcome.versions or self.order.versions})
        tried = self._pace.tried(outcome.kind, workflow.time(), "", "done")
        self._pace = tried if rests else self._pace.forgetting(outcome.kind)

    def wake(self, seen: Observation | None = None) -> None:
        """Something changed: look again, or take what was seen."""
        self._awake = True
        self._hearsay.nudged(seen)

    def take(self, order: Order, manifest: dict[str, object]) -> None:
        """What is wanted now; what was written stays known."""
        self.order, self.manifest = self.known(order), manifest

    def retarget(self, order: Order, manifest: dict[str, object]) -> None:
        """A newer intent: rests are over, and a step at work has little time left."""
        if order.generation > self.order.generation:
            self.take(order, manifest or self.manifest)
            self._pace = type(self._pace)()
            self._awake = self._caller.hurried = True

    async def decide(self) -> Step:
        """Look, and choose the next step. A failure becomes a step that waits; only cancellation gets out."""
        self._awake = self._caller.hurried = False
        self.step = await self._decided()
        if (reason := (self.step.reason, self.step.first)) != self._reason:
            self._reason, self.reason_since = reason, workflow.now().isoformat(timespec="seconds")
        return self.step

    async def act(self) -> None:
        """Do what was decided; a failure is remembered, and lets the action rest."""
        action, before = self.step.action, facts(self.seen)
        try:
            await (self._record() if action == RECORD else self._write(action, before))
        except ActivityError as error:
            self._failed(action, before, error)

    async def pause(self, most_s: float | None = None, unless: Callable[[], bool] = lambda: False) -> None:
        """Until woken, or until it is time to try or to look again; not at all after a step."""
        if self.step.acts:
            return
        resync_s = self._resync_s if most_s is None else most_s
        soon = (self.seen.again_s, self._clock.left_s(workflow.time(), self.seen))
        most = min([resync_s, *(each for each in soon if each is not None)])
        wait_s, why = self._pace.next_s(workflow.time(), most), self.step.message[:LONGEST_SUMMARY]
        try:
            await workflow.wait_condition(lambda: self._awake or unless(), timeout=wait_s, timeout_summary=why)
        except TimeoutError:
            self._resync_s = min(self._resync_s * 2, LONGEST_RESYNC_S) if wait_s == resync_s else self._resync_s
        self._stirred = True

    @property
    def _fresh(self) -> bool:
        """Nothing of it can be in the cluster yet, as far as is known: there is nothing to look at before it is recorded."""
        unseen = not self.order.uid and not self.order.recorded and self.seen == Observation()
        return unseen and not self.order.deleting and RECORD not in self._pace.resting(workflow.time())

    async def _decided(self) -> Step:
        if self._fresh and workflow.patched("record-first"):
            return RECORDING
        if OBSERVE in self._pace.resting(workflow.time()):
            return Step(WAIT, BLIND, self._problems.get(OBSERVE, ""), (OBSERVE,))
        try:
            seen = await self._observed()
        except ActivityError as error:
            self._failed(OBSERVE, "", error)
            self.order = self.order.model_copy(update={"versions": {}})  # of a cluster that was restored, perhaps
            return Step(WAIT, BLIND, self._problems.get(OBSERVE, ""), (OBSERVE,))
        self._fold(seen)
        resting = self._pace.resting(workflow.time(), facts(seen), stirred=self._stirred)
        self._stirred = False
        return next_step(self.order, seen, resting)

    @property
    def _asked(self) -> Order:
        """The order, as activities get it."""
        return self.order.model_copy(update={"problems": self._problems})

    async def _observed(self) -> Observation:
        """What there is, seen for the order as it is now."""
        while True:
            order = self.order
            seen = self._hearsay.take(order, self.seen) or await self._caller.call(
                OBSERVE, self._asked, Observation, LOOKING.message
            )
            if order.generation == self.order.generation:
                return seen

    def _fold(self, seen: Observation) -> None:
        if facts(seen) != facts(self.seen):
            self._resync_s = RESYNC_S
        self.seen = seen
        self._clock = self._clock.looked(workflow.time(), self.order, seen)
        self.overtaken = seen.recorded > self.order.generation
        self._pace = self._pace.forgetting(OBSERVE)
        self._problems = without(self._problems, OBSERVE)

    async def _record(self) -> None:
        order, before = self.order, facts(self.seen)
        done = await self._caller.call(RECORD, Record(order=self._asked, manifest=self.manifest), Recorded, self.step.message)
        self.order = self.order.reaching(done.versions)
        self.order = self.order.model_copy(update={"uid": done.uid, "recorded": order.generation})
        self._hearsay.stepped(done.seen, nudged=self._awake)
        self._settle(RECORD, before, "done")

    async def _write(self, action: str, before: str) -> None:
        done = await self._caller.call(action, self._asked, Written, self.step.message)
        self.order = self.order.reaching(done.versions)
        self._hearsay.stepped(done.seen, nudged=self._awake)
        result: Result = "done" if done.written else "refused" if done.problem else "idle"
        self._settle(action, before, result, done.problem)

    def _settle(self, action: str, before: str, result: Result, problem: str = "") -> None:
        self._pace = self._pace.tried(action, workflow.time(), before, result)
        self._problems = {**without(self._problems, action), **({action: problem} if problem else {})}
        if result == "done":
            self._resync_s = RESYNC_S

    def _failed(self, action: str, before: str, error: ActivityError) -> None:
        if is_cancelled_exception(error):  # for a newer intent; when the workflow itself is cancelled, that gets out by itself
            return
        self.overtaken = code_of(error) == OVERTAKEN and self.seen != Observation()  # who has seen nothing yet looks first
        self._settle(action, before, "refused", sentence(error, self.order.ref.cluster))


def without(problems: dict[str, str], action: str) -> dict[str, str]:
    """The others."""
    return {name: why for name, why in problems.items() if name != action}
