"""Who is spared for now: units that are to go and serve still, while as many others are out as may be. Pure.

That the turn of a unit has come is written down first; its pods go in a later step. An API server may have been away in between,
nodes may have fallen silent: so the budget is asked again when the pods are to go. Once one of them has gone, all of them do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from activities.messages import PodClass, Wait
from activities.state.attempts import Attempts
from activities.state.budget import within
from activities.state.standing import Standing
from activities.state.units import Moment, Unit, units_of
from specs.rollout import Rollout
from specs.words import counted

BUDGET = "Budget"
ASLEEP: tuple[PodClass, ...] = ("waiting", "unheld", "held")
ABSENT: tuple[PodClass, ...] = ("missing", "bare", "leaving", "lost", *ASLEEP)


@dataclass(frozen=True)
class Spared:
    """Slots whose pods stay as they are for now, and what for."""

    slots: frozenset[str] = frozenset()
    waits: tuple[Wait, ...] = ()


NOBODY = Spared()


def spared(rollout: Rollout, at: Moment, attempts: Attempts) -> Spared:
    """Nobody, at the cost of a glance at what is to go, where nothing of it serves; else linear in pods."""
    going = {each.slot: each for each in _going(at, attempts)}
    if not going:
        return NOBODY
    new = {each.slot for state in ASLEEP for each in at.found.members[state] if each.pod}
    new |= {each.slot for each in (*at.found.members["surplus"], *at.found.renewed) if each.pod and each.pod.never_ready}
    kept: list[Unit] = []
    out: list[Unit] = []
    for member, units in units_of(at, rollout).items():
        whole = [unit for unit in units if _serves(unit, going, new) and not _awaited(at, unit, going)]
        others = [unit for unit in units if unit not in whole]
        may = within(whole, others, _allowed(rollout, units, member, going), member)
        kept += [unit for unit in whole if unit not in may]
        out += [unit for unit in others if not unit.available]
    return Spared(frozenset(slot for unit in kept for slot in unit.slots), tuple(_waits(kept, out)))


def _going(at: Moment, attempts: Attempts) -> list[Standing]:
    """Slots with a pod that serves, and that is to go for no higher priority: whatever it is to go for may be over by now."""
    found = at.found
    exempt = {each.slot for each in found.evicted}
    seats = {each.slot: each for each in found.members["leaving"] if each.slot not in exempt}
    surplus = [each for each in found.members["surplus"] if each.pod and each.slot in seats]
    leave = [
        seats[each.slot]._replace(pod=each.pod)
        for each in surplus
        if each.pod and each.pod.draining is None and not attempts.superseded(each.pod)
    ]
    change = [each for each in found.renewed if each.pod and not each.pod.renewing]
    return [each for each in (*leave, *change) if each.pod and each.pod.ready]


def _serves(unit: Unit, going: Mapping[str, Standing], new: Collection[str]) -> bool:
    """It is to go, and what there is of it serves, but for what was added and never has."""
    goes = not unit.spare and not unit.available and any(slot in going for slot in unit.slots)
    return goes and unit.unready.difference(new) <= going.keys()


def _awaited(at: Moment, unit: Unit, going: Mapping[str, Standing]) -> bool:
    """A part of its gang is out already, and can't start at its new places before the others have left their old ones."""
    gangs = {going[slot].gang for slot in unit.slots if slot in going and _moves(going[slot])}
    waits = {each.slot for state in ABSENT for each in at.found.members[state]} if gangs else set[str]()
    return any(seat.slot in waits and seat.slot not in going for gang in gangs for seat in at.plan.by_gang[gang])


def _moves(standing: Standing) -> bool:
    return standing.pod is not None and bool(standing.node) and standing.node != standing.pod.place


def _allowed(rollout: Rollout, units: Sequence[Unit], member: str, going: Mapping[str, Standing]) -> int:
    """Nodes are left one unit at a time at least."""
    leaves = any(_moves(going[slot]) for unit in units for slot in unit.slots if slot in going)
    return max(1 if leaves else 0, rollout.allowed(sum(not unit.spare for unit in units), member))


def _waits(kept: Sequence[Unit], out: Sequence[Unit]) -> list[Wait]:
    if not kept:
        return []
    late = next((unit for unit in out if not unit.ready), out[0] if out else None)
    first, outlook = (late.first_out, late.outlook) if late else (kept[0].slots[0], "see why it is not Ready")
    what = f"{counted(len(kept), 'unit')} to go stay as they are" if len(kept) > 1 else "1 unit to go stays as it is"
    message = f"{what}: as many are unavailable as may be, the first with pod {first}; {outlook}"
    return [Wait(reason=BUDGET, message=message, gangs=len(kept), first=kept[0].slots[0])]
