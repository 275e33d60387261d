"""Which units a rollout may replace now, and what keeps the others. Pure.

A lane holds the units of one role or group, over all copies. What is broken goes first, because that takes nothing more away; of
the rest as many go as the budget has left. Further limits can only make that less: a rollout that failed or is paused, the order
of roles, one copy after the other, lanes that keep abreast, holds. Where no unit may go, the first of them that applies is told:
the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from activities.messages import DEADLINE, Order, Wait
from activities.state.abreast import Abreast
from activities.state.budget import within
from activities.state.by_copy import Turn
from activities.state.ordering import stage_of
from activities.state.units import Moment, Unit
from specs.rollout import Rollout
from specs.words import counted

BUDGET, PAUSED, APPROVAL, STEP, ORDER = "Budget", "Paused", "Approval", "Step", "Order"
MIN_READY, RATIO = "MinReady", "Ratio"


@dataclass(frozen=True)
class Choice:
    """The units whose turn has come; where there are none, why."""

    units: Sequence[Unit] = ()
    gate: Wait | None = None
    hold: int = 0
    """Number of the hold at which it waits to be told to go on."""


class Lane:
    """The units of one role or group; `""`: the copies. `copy`: the one whose turn it is, where they go one after the other."""

    def __init__(self, member: str, units: Sequence[Unit], rollout: Rollout, at: Moment, copy: Turn | None) -> None:
        self.member, self.units = member, [unit for unit in units if not unit.spare]
        self.waiting = [unit for unit in self.units if unit.waits(rollout)]
        self.ruled = sum(unit.index >= rollout.partition for unit in self.units)
        self.updated = [unit for unit in self.units if not unit.stale and unit.index >= rollout.partition]
        self._spare = [unit for unit in units if unit.spare]
        self._out = [unit for unit in self.units if not unit.available]
        self._allowed = rollout.allowed(len(self.units), member)
        self._until = rollout.holds_after(at.order.approved, len(self.units))
        self._copy, self._system = copy, at.plan.name

    @property
    def name(self) -> str:
        """`4 units of decode`."""
        return f"{counted(len(self.units), 'unit')} of {self.member}" if self.member else f"{len(self.units)} copies"

    @property
    def until_hold(self) -> int:
        """How many more are updated before it holds."""
        return len(self.units) if self._until is None else max(0, self._until - len(self.updated))

    @cached_property
    def able(self) -> list[Unit]:
        """Those that may go if nothing but budget and holds keep them: the broken ones, then those within the budget."""
        placed = [unit for unit in self.waiting if unit.no_room is None]
        broken = [unit for unit in placed if unit.broken]
        whole = [unit for unit in placed if unit.available and self._is_its_turn(unit)]
        return [*broken, *within(whole, [*self.units, *self._spare], self._allowed, self.member)][: self.until_hold]

    @property
    def full(self) -> Wait | None:
        """Why no more may be taken away."""
        if self._copy is not None and self._copy.held_by is not None:
            what = f"copy {self._copy.copy} waits until copy {self._copy.held_by} is whole"
            return Wait(reason=BUDGET, message=f"{what}; see which of its pods are not Ready, or not for long enough")
        late = next((unit for unit in self._spare if not unit.available), None)
        if late is not None and not self._out:
            return self._unreplaced(late)
        if not self._out:
            return None
        first = _first_of(self._out)
        undo = "" if first.ready else f", or go back with: espalier rollout undo {self._system}"
        what = f"{len(self._out)} of {self.name} are not available and {self._allowed} may be"
        message = f"{what}, the first with pod {first.first_out}; {first.outlook}{undo}"
        return Wait(reason=_reason(first), message=message, first=first.slots[0])

    def _unreplaced(self, late: Unit) -> Wait:
        why = f"has no room: {late.no_room.message}" if late.no_room else f"is not available; {late.outlook}"
        message = f"{self._allowed} of {self.name} may be missing, and what comes instead, {late.slots[0]}, {why}"
        return Wait(reason=BUDGET if late.no_room else _reason(late), message=message, first=late.slots[0])

    def _is_its_turn(self, unit: Unit) -> bool:
        return self._copy is None or (unit.copy == self._copy.copy and self._copy.held_by is None)


def renews(order: Order) -> bool:
    """Whether what runs is brought to a newer revision, or goes on by newer rules."""
    return order.rolls or order.operation.startswith("Rollout:")


def choose(lanes: Sequence[Lane], rollout: Rollout, at: Moment) -> Choice:
    """The units that may go now, or the gate."""
    waiting = [lane for lane in lanes if lane.waiting]
    outdated = counted(sum(len(lane.waiting) for lane in waiting), "unit")
    if (gate := _stopped(lanes, outdated if waiting else "", rollout, at)) is not None:
        return Choice(gate=gate)
    stage = stage_of({lane.member: lane.units for lane in lanes}, rollout)
    if stage is None:
        return Choice(gate=_settling(lanes) if renews(at.order) else None)
    if stage.held_by is not None:
        return Choice(gate=_after(stage.held_by, outdated))
    due = [lane for lane in waiting if stage.takes(lane.member, rollout)]
    abreast = Abreast(due, rollout)
    if chosen := [unit for lane in due for unit in lane.able[: abreast.left(lane)]]:
        return Choice(chosen)
    return _kept(due, abreast, outdated, rollout, at)


def _stopped(lanes: Sequence[Lane], outdated: str, rollout: Rollout, at: Moment) -> Wait | None:
    """It failed, or is paused: nothing is replaced, broken or not."""
    name = at.plan.name
    if at.order.failed and (outdated or any(not unit.available for lane in lanes for unit in lane.units)):
        message = f"{at.order.failed}; go on with: espalier rollout resume {name}, or back with: espalier rollout undo {name}"
        return Wait(reason=DEADLINE, message=message)
    if rollout.paused and outdated:
        message = f"the rollout is paused with {outdated} still to update; go on with: espalier rollout resume {name}"
        return Wait(reason=PAUSED, message=message)
    return None


def _after(unit: Unit, outdated: str) -> Wait:
    pod = unit.first_out
    message = f"still to update: {outdated}, which rollout.order has after {pod}, that is not available; {unit.outlook}"
    return Wait(reason=ORDER, message=message, first=pod)


def _kept(due: Sequence[Lane], abreast: Abreast, outdated: str, rollout: Rollout, at: Moment) -> Choice:
    """What keeps the next unit: room, the budget, or somebody who has to say that it may go on."""
    if (stuck := _stuck(due)) is not None:
        return Choice(gate=stuck.model_copy(update={"message": f"still to update: {outdated}; {stuck.message}"}))
    if going := [lane for lane in due if lane.until_hold and not abreast.ahead(lane)]:
        gate = _kept_back(going, [lane for lane in due if lane.able and abreast.ahead(lane)], abreast)
        return Choice(gate=gate.model_copy(update={"message": f"still to update: {outdated}; {gate.message}"}))
    if any(not unit.available for lane in due for unit in lane.updated):
        return Choice(gate=_settling(due))  # where they are not Ready, it is told by those who see how they do
    return _hold(due, outdated, rollout, at)


def _kept_back(going: Sequence[Lane], ahead: Sequence[Lane], abreast: Abreast) -> Wait:
    """The budget of those whose turn it is; before it, that others would go but for them."""
    full = next((gate for lane in going if (gate := lane.full)), Wait(reason=BUDGET, message="others come first"))
    if not ahead:
        return full
    return full.model_copy(update={"reason": RATIO, "message": f"{abreast.told(ahead[0])}; {full.message}"})


def _settling(lanes: Sequence[Lane]) -> Wait | None:
    """All that is not available is Ready, though not for long enough."""
    out = [unit for lane in lanes for unit in lane.units if not unit.available]
    if not out or not all(unit.ready for unit in out):
        return None
    first = _first_of(out)
    message = f"waits for minReadySeconds of {counted(len(out), 'unit')}, the first with pod {first.first_out}; {first.outlook}"
    return Wait(reason=MIN_READY, message=message, first=first.slots[0])


def _first_of(out: Sequence[Unit]) -> Unit:
    """The one to be told of: that somebody has to look at, else that will be available next."""
    return next((unit for unit in out if not unit.ready), None) or min(out, key=lambda unit: unit.settles_s)


def _reason(out: Unit) -> str:
    return MIN_READY if out.ready else BUDGET


def _stuck(due: Sequence[Lane]) -> Wait | None:
    """What the first unit for which there is no room waits for."""
    for unit in (unit for lane in due if lane.until_hold for unit in lane.waiting):
        if unit.no_room is not None:
            what = f"the unit of {unit.slots[0]} runs on as it is until there is room for it"
            return Wait(reason=unit.no_room.reason, message=f"{what}: {unit.no_room.message}", first=unit.slots[0])
    return None


def _hold(due: Sequence[Lane], outdated: str, rollout: Rollout, at: Moment) -> Choice:
    manual, undo = rollout.approval == "manual", "or go back with: espalier rollout undo"
    approve = f"espalier rollout {'approve' if manual else 'resume'} {at.plan.name}"
    if manual and not at.order.approved:
        message = f"revision {at.plan.revision} waits for an approval, {outdated} to update; approve it with: {approve}"
        return Choice(gate=Wait(reason=APPROVAL, message=message), hold=1)
    done = " and ".join(f"{len(lane.updated)} of {lane.name}" for lane in due)
    message = f"holds after {done} (pauseAfter), {outdated} still to update; go on with: {approve}, {undo} {at.plan.name}"
    return Choice(gate=Wait(reason=APPROVAL if manual else STEP, message=message), hold=max(at.order.approved, 1) + 1)
