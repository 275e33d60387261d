"""The one decision: what to do next for a system, from what is wanted and what was seen. Pure.

Rules are tried from the top; the first that applies is the step. So the order of the table is the design:

    deleting     erase, until nothing is left
    unrecorded   write the intent where the cluster sees it, and hold it there; all else hangs on it
    evicted      what must leave its nodes for others, who wait for that
    surplus      what nobody wants goes first: its room may be what the rest waits for
    withdrawn    pods that were told to drain are told that they are wanted again
    behind       what was edited holds for what has its place already
    in place     pods that need not be made anew to be as they are to be now
    unplanned    ask for room before any pod is made
    support      names and budgets before the pods that need them
    restarting   units that lack their minimum for too long: all of them begins anew
    broken       what is dead or cannot go where it was sent
    displaced    places that can't serve any more, before somebody starts there
    returning    slots without a pod that are to be of a newer revision, before they have one
    missing      pods: pinned where due, held where not, explained where there is no room
    due          those whose turn has come
    unheld       reservations that were not made yet
    evacuated    units on nodes that all are to leave, as many as may be taken away at once
    planned      units that are to go elsewhere to make room for others, in the same way
    outdated     units of an older revision, as many as may be taken away at once
    otherwise    wait, and say for what; or finished
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from activities.messages import (
    CREATE,
    ERASE,
    HOLD,
    MOVE,
    PLACE,
    RECORD,
    RELEASE,
    REMOVE,
    RENEW,
    REPLACE,
    RESTART,
    SUPPORT,
    UPDATE,
    Observation,
    Order,
    PodClass,
    Wait,
)  # fmt: skip
from specs.words import counted

WAIT, FINISHED = "Wait", "Finished"
START_ORDER, IN_STEP, REFUSED = "StartOrder", "InStep", "RefusedByScheduler"
NO_ROOM = "NoRoom"
GATES = ("Budget", "DisruptionBudget", "Paused", "Approval", "Step", "Order", "MinReady", "Ratio")


@dataclass(frozen=True)
class Step:
    """One thing to do, or to wait for."""

    action: str
    """Name of an activity, or `Wait`, or `Finished`."""
    reason: str
    message: str
    resting: tuple[str, ...] = ()
    """Actions that were called for and passed over."""
    first: str = ""
    """What it waits for, by name, where it is one."""

    @property
    def acts(self) -> bool:
        """Whether there is something to do."""
        return self.action not in (WAIT, FINISHED)


@dataclass(frozen=True)
class Rule:
    """If there are any of these, do that."""

    action: str
    reason: str
    count: Callable[[Observation], int]
    sentence: str
    """With `{n}`: how many, as in `12 pods`."""
    noun: str = "pod"

    def step(self, seen: Observation) -> Step:
        """The step, with its sentence."""
        return Step(self.action, self.reason, self.sentence.format(n=counted(self.count(seen), self.noun)))


def pods(*classes: PodClass) -> Callable[[Observation], int]:
    """Counts pods of these classes."""
    return lambda seen: seen.total(*classes)


RECORDING = Step(RECORD, "Unrecorded", "writes down what is wanted")
RULES: Sequence[Rule] = (
    Rule(REMOVE, "Preempted", lambda seen: seen.evicted, "takes {n} away to make way for others"),
    Rule(REMOVE, "Surplus", lambda seen: seen.total("surplus") - seen.draining, "removes {n} too many"),
    Rule(REMOVE, "Withdrawn", lambda seen: seen.withdrawn, "tells {n} that it is wanted again"),
    Rule(REMOVE, "SurplusRoom", lambda seen: seen.surplus_gangs - seen.staying, "gives back the room of {n}", "gang"),
    Rule(UPDATE, "Behind", lambda seen: seen.behind, "brings {n} to the edited rules", "Placement"),
    Rule(RENEW, "InPlace", lambda seen: seen.renewing, "changes {n} in place"),
    Rule(PLACE, "Unplanned", lambda seen: seen.unplanned, "looks for room for {n}", "gang"),
    Rule(SUPPORT, "Support", lambda seen: seen.support, "writes {n}", "service or budget"),
    Rule(RESTART, "NotWhole", lambda seen: seen.restarting, "restarts {n} that did not become whole again", "unit"),
    Rule(REPLACE, "Broken", pods("failed", "refused", "lost"), "replaces {n}: failed, refused, or its node lost"),
    Rule(REPLACE, "Displaced", lambda seen: seen.displaced, "finds other places for {n}"),
    Rule(UPDATE, "Returning", lambda seen: seen.returning, "has {n} come back as is wanted now"),
    Rule(CREATE, "Missing", pods("missing", "bare"), "creates {n}"),
    Rule(RELEASE, "Due", pods("due"), "lets {n} start"),
    Rule(HOLD, "Unheld", pods("unheld"), "reserves places for {n}"),
    Rule(MOVE, "Evacuating", lambda seen: seen.moving, "moves {n} off nodes that are evacuated", "unit"),
    Rule(MOVE, "Moving", lambda seen: seen.relocating, "moves {n} as planned", "unit"),
    Rule(UPDATE, "Outdated", lambda seen: seen.updating, "updates {n}", "unit"),
)  # fmt: skip


def next_step(order: Order, seen: Observation, resting: Collection[str] = ()) -> Step:
    """What to do next. `resting`: actions that were tried and did not help; they are passed over for now."""
    if order.deleting:
        return _teardown(seen, resting)
    if not seen.exists or seen.unguarded or max(order.recorded, seen.recorded) < order.generation:
        return _rested(RECORDING) if RECORD in resting else RECORDING
    applying = [rule for rule in RULES if rule.count(seen) > 0]
    passed_over = tuple(dict.fromkeys(rule.action for rule in applying if rule.action in resting))
    for rule in applying:
        if rule.action not in passed_over:
            return replace(rule.step(seen), resting=passed_over)
    return replace(_patience(seen, [rule.step(seen) for rule in applying]), resting=passed_over)


def _teardown(seen: Observation, resting: Collection[str]) -> Step:
    if seen.left == 0:
        return Step(FINISHED, "Deleted", "nothing is left")
    left = counted(seen.left, "object")
    if ERASE in resting:
        if seen.waits:
            return Step(WAIT, seen.waits[0].reason, f"waits for {left} to go: {seen.waits[0].message}", (ERASE,))
        return Step(WAIT, "Leaving", f"waits for {left} to go", (ERASE,))
    return Step(ERASE, "Deleting", f"deletes {left}")


def _patience(seen: Observation, resting: Sequence[Step]) -> Step:
    """Nothing can be done now: the most telling reason why."""
    waits = sorted(seen.waits, key=_urgency)
    if waits:
        return Step(WAIT, waits[0].reason, waits[0].message, first=waits[0].first)
    if seen.waiting:
        return Step(WAIT, NO_ROOM, f"waits for room for {counted(seen.waiting, 'gang')}")
    if resting:
        return _rested(resting[0])
    for classes, reason, sentence in _UNDERWAY:
        if count := seen.total(*classes):
            return Step(WAIT, reason, sentence.format(n=counted(count, "pod")))
    units = (
        (seen.staying, "Leaving", "waits until the pods of {n} that nobody wants any more are gone"),
        (seen.evacuating, "Evacuating", "waits to move {n} off nodes that are evacuated"),
        (seen.planned, "Moving", "waits to move {n} as planned"),
        (seen.outdated, "Outdated", "waits to update {n}"),
        (seen.settling, "MinReady", "waits for {n} to have been ready for minReadySeconds"),
    )
    for count, reason, sentence in units:
        if count:
            return Step(WAIT, reason, sentence.format(n=counted(count, "unit")))
    return Step(FINISHED, "Ready", _ready(seen))


_UNDERWAY: Sequence[tuple[tuple[PodClass, ...], str, str]] = (
    (("waiting",), NO_ROOM, "waits for room for {n}"),
    (("held",), START_ORDER, "waits for the turn of {n} to start"),
    (("leaving",), "Leaving", "waits for {n} to leave"),
    (("pinned",), "Binding", "waits for {n} to be bound"),
    (("starting",), "Starting", "waits for {n} to be ready"),
    (("halted",), "GivenUp", "{n} failed too often"),
)


def _ready(seen: Observation) -> str:
    ready = seen.total("ready")
    return "no pod is wanted" if not seen.roles else "its pod is ready" if ready == 1 else f"all {ready:,} pods are ready"


def _urgency(wait: Wait) -> int:
    """No room before what the scheduler refused, both before mere order, and that before a rollout's own gates."""
    return {REFUSED: 1, START_ORDER: 2, IN_STEP: 2, **dict.fromkeys(GATES, 3)}.get(wait.reason, 0)


def _rested(step: Step) -> Step:
    return Step(WAIT, step.reason, f"{step.message}: did not help yet, tries again soon", (step.action,))
