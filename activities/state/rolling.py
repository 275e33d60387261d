"""What a rollout has still to do, and which units may go now. Pure.

The budget is held over all causes: a unit counts as unavailable whatever keeps it from being Ready. What is broken already is
updated first, because that takes nothing more away.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from activities.cache.placements import Placement
from activities.messages import DEADLINE, PodClass, Wait
from activities.state.by_copy import Part, Turn, turn_of
from activities.state.misplaced import NOWHERE, Misplaced
from activities.state.regrouping import behind
from activities.state.units import Moment, Unit, free, units_of
from specs.rollout import Rollout
from specs.words import counted

BUDGET, PAUSED, APPROVAL, STEP = "Budget", "Paused", "Approval", "Step"
ABSENT: tuple[PodClass, ...] = ("missing", "bare")


@dataclass(frozen=True)
class Rolling:
    """Units that are not of the revision that is wanted."""

    outdated: int = 0
    chosen: tuple[tuple[str, ...], ...] = ()
    """Slots of each unit whose turn has come."""
    gate: Wait | None = None
    """What keeps the next unit."""
    stale: frozenset[str] = frozenset()
    """Slots of all units that are to be replaced, those that stay below the partition too."""
    older: frozenset[str] = frozenset()
    """Slots that keep an older revision: those, and any whose pod, while there is one, would count as another than its unit's."""
    behind: tuple[Placement, ...] = ()
    """Placements that are to follow the newest revision, or to name fewer slots as older."""
    places: Misplaced = NOWHERE
    """What has places that break the rules of the newest revision."""
    hold: int = 0
    """Number of the hold at which it waits to be told to go on."""
    deadline_s: float | None = None
    """How long it may get no further; None where none is under way, or any time."""
    clock_stands: bool = False
    """That time does not count now: it waits for room, or for somebody."""
    available: int = 0
    """Units of the revision that is wanted that are available, while there is a deadline."""
    updated: int = 0
    """Units of that revision, of the roles and groups in which something is still to be updated."""
    older_pods: Mapping[str, int] = field(default_factory=dict[str, int])
    """Role path -> pods whose unit is of an older revision."""
    returning: frozenset[str] = frozenset()
    """Slots without a pod, whose next one is to be of the newest revision."""
    settling: int = 0
    """Units that are Ready, but not for `minReadySeconds` yet."""
    again_s: float | None = None
    """Seconds until the first of them has been."""
    at: str = ""
    """The copy that is being updated, where they are one after the other."""


NOTHING = Rolling()


def rolling(rollout: Rollout, at: Moment) -> Rolling:
    """Nothing, at the cost of a glance at each Placement, where no rollout is under way; else linear in pods."""
    timed = at.order.rolls and rollout.deadline_s is not None
    if at.uniform and not rollout.min_ready_seconds and not timed:
        return NOTHING
    members = units_of(at, rollout)
    units = [unit for held in members.values() for unit in held]
    if rollout.strategy == "onDelete":
        return _on_delete(units, at)
    copy = _copy_in_turn(units, rollout, at) if rollout.by_copy else None
    turns = [_Turn(member, held, rollout, at, copy) for member, held in members.items()]
    settling = [unit.settles_s for unit in units if unit.ready and not unit.available]
    older = _older(units, at)
    chosen, gate, hold = _next(turns, rollout, at)
    room = bool(at.found.waiting or at.found.unplanned or at.unplaced)
    return Rolling(
        deadline_s=rollout.deadline_s if timed and any(unit.stale or not unit.available for unit in units) else None,
        clock_stands=room or hold > 0 or rollout.paused or bool(at.order.failed),
        available=sum(unit.available and not unit.stale for unit in units) if timed else 0,
        updated=sum(len(turn.updated) for turn in turns if turn.waiting),
        older_pods=_older_pods(units, at),
        outdated=sum(len(turn.waiting) for turn in turns),
        chosen=tuple(tuple(unit.slots) for unit in chosen),
        gate=gate,
        hold=hold,
        stale=frozenset(slot for unit in units if unit.stale for slot in unit.slots),
        older=older,
        behind=behind(at.placements, at.plan.revision, at.found, older),
        places=at.places,
        settling=len(settling),
        again_s=min(settling, default=None),
        at="" if copy is None else str(copy.copy),
    )


def _on_delete(units: Sequence[Unit], at: Moment) -> Rolling:
    """Pods stay; only a slot that has none gets the newest revision."""
    older = _older(units, at)
    returning = older & _absent(at)
    chosen = tuple((slot,) for slot in sorted(returning))
    stale = frozenset(slot for unit in units if unit.stale for slot in unit.slots)
    late = behind(at.placements, at.plan.revision, at.found, older)
    pods = _older_pods(units, at)
    return Rolling(len(chosen), chosen, None, stale, older, late, at.places, older_pods=pods, returning=returning)


def _older(units: Sequence[Unit], at: Moment) -> frozenset[str]:
    """A unit that is not to be replaced keeps it for its pods only: what has none yet is made by the newest revision."""
    gone = _absent(at)
    return frozenset(slot for unit in units for slot in unit.older if unit.stale or slot not in gone)


def _absent(at: Moment) -> frozenset[str]:
    return frozenset(standing.slot for state in ABSENT for standing in at.found.members[state])


def _older_pods(units: Sequence[Unit], at: Moment) -> Mapping[str, int]:
    return Counter(at.plan.seats[slot].role for unit in units if unit.stale for slot in unit.older)


def _copy_in_turn(units: Sequence[Unit], rollout: Rollout, at: Moment) -> Turn | None:
    home, revision = at.found.grants.home, at.plan.revision
    old: defaultdict[int, set[str]] = defaultdict(set)
    for unit in (unit for unit in units if unit.stale):
        old[unit.copy].update(home[slot].revision_of(slot) for slot in unit.older)

    def updated(unit: Unit) -> bool:
        pairs = ((slot, before) for slot in unit.slots for before in old[unit.copy])
        return not unit.stale and any(at.versions.changed(slot, before, revision) for slot, before in pairs)

    waiting = [unit.stale and unit.index >= rollout.partition for unit in units]
    return turn_of([
        Part(unit.copy, waits, unit.available, updated(unit)) for unit, waits in zip(units, waiting, strict=True)
    ])  # fmt: skip


class _Turn:
    """The units of one role or group, over all copies."""

    def __init__(self, member: str, units: Sequence[Unit], rollout: Rollout, at: Moment, turn: Turn | None) -> None:
        self.units = [unit for unit in units if not unit.spare]
        self._spare = [unit for unit in units if unit.spare]
        self._turn = turn
        self.waiting = [unit for unit in self.units if unit.stale and unit.index >= rollout.partition]
        self.updated = [unit for unit in self.units if not unit.stale and unit.index >= rollout.partition]
        until = rollout.holds_after(at.order.approved, len(self.units))
        self._most = len(self.units) if until is None else max(0, until - len(self.updated))
        self._member, self._system = member, at.plan.name
        self._allowed = rollout.allowed(len(self.units), member)
        self._out = [unit for unit in self.units if not unit.available]

    @property
    def name(self) -> str:
        """`4 units of decode`."""
        return f"{counted(len(self.units), 'unit')} of {self._member}" if self._member else f"{len(self.units)} copies"

    @property
    def chosen(self) -> list[Unit]:
        """Those that are broken anyway, and of the others as many as may be taken away."""
        able = [unit for unit in self.waiting if unit.no_room is None]
        broken = [unit for unit in able if not unit.available]
        whole = [unit for unit in able if unit.available and self._may_go(unit)]
        return [*broken, *whole[: free([*self.units, *self._spare], self._allowed)]][: self._most]

    def until(self, abreast: int | None) -> int | None:
        """How many more until so many are updated; None for all."""
        return None if abreast is None else max(0, abreast - len(self.updated))

    def _may_go(self, unit: Unit) -> bool:
        return self._turn is None or (unit.copy == self._turn.copy and self._turn.held_by is None)

    @property
    def held(self) -> bool:
        """Nobody said yet that it may go on."""
        return not self._most

    @property
    def full(self) -> str:
        """Why no more may be taken away."""
        if self._turn is not None and self._turn.held_by is not None:
            return f"copy {self._turn.copy} waits until copy {self._turn.held_by} is whole; see which of its pods are not Ready"
        late = next((unit for unit in self._spare if not unit.available), None)
        if late is not None and not self._out:
            return f"{self._allowed} of {self.name} may be missing, and what comes instead, {late.slots[0]}, is not available"
        if not self._out:
            return ""
        return (
            f"{len(self._out)} of {self.name} are not available and {self._allowed} may be, the first with pod "
            f"{self._out[0].first_out}; see why it is not Ready, or go back with: espalier rollout undo {self._system}"
        )


def _next(turns: Sequence[_Turn], rollout: Rollout, at: Moment) -> tuple[list[Unit], Wait | None, int]:
    """The units whose turn has come; where there are none, why, and the number of the hold."""
    waiting = [turn for turn in turns if turn.waiting]
    outdated = counted(sum(len(turn.waiting) for turn in waiting), "unit")
    if at.order.failed and (waiting or any(not unit.available for turn in turns for unit in turn.units)):
        name = at.plan.name
        message = f"{at.order.failed}; go on with: espalier rollout resume {name}, or back with: espalier rollout undo {name}"
        return [], Wait(reason=DEADLINE, message=message), 0
    if rollout.paused and waiting:
        message = f"the rollout is paused with {outdated} still to update; go on with: espalier rollout resume {at.plan.name}"
        return [], Wait(reason=PAUSED, message=message), 0
    abreast = None if rollout.max_skew is None else min((len(turn.updated) for turn in waiting), default=0) + rollout.max_skew
    chosen = [unit for turn in waiting for unit in turn.chosen[: turn.until(abreast)]]
    if chosen or not waiting:
        return chosen, None, 0
    if (stuck := _stuck(waiting)) is not None:
        return [], stuck.model_copy(update={"message": f"still to update: {outdated}; {stuck.message}"}), 0
    if going := [turn for turn in waiting if not turn.held and turn.until(abreast) != 0]:
        full = next((turn.full for turn in going if turn.full), "others come first")
        return [], Wait(reason=BUDGET, message=f"still to update: {outdated}; {full}"), 0
    if any(not unit.available for turn in waiting for unit in turn.updated):
        return [], None, 0  # it is told to go on by those who see how they do
    return [], *_hold(waiting, outdated, rollout, at)


def _stuck(waiting: Sequence[_Turn]) -> Wait | None:
    """What the first unit for which there is no room waits for."""
    for unit in (unit for turn in waiting if not turn.held for unit in turn.waiting):
        if unit.no_room is not None:
            what = f"the unit of {unit.slots[0]} runs on as it is until there is room for it"
            return Wait(reason=unit.no_room.reason, message=f"{what}: {unit.no_room.message}", first=unit.slots[0])
    return None


def _hold(waiting: Sequence[_Turn], outdated: str, rollout: Rollout, at: Moment) -> tuple[Wait, int]:
    manual, undo = rollout.approval == "manual", "or go back with: espalier rollout undo"
    approve = f"espalier rollout {'approve' if manual else 'resume'} {at.plan.name}"
    if manual and not at.order.approved:
        message = f"revision {at.plan.revision} waits for an approval, {outdated} to update; approve it with: {approve}"
        return Wait(reason=APPROVAL, message=message), 1
    done = " and ".join(f"{len(turn.updated)} of {turn.name}" for turn in waiting)
    message = f"holds after {done} (pauseAfter), {outdated} still to update; go on with: {approve}, {undo} {at.plan.name}"
    return Wait(reason=APPROVAL if manual else STEP, message=message), max(at.order.approved, 1) + 1
