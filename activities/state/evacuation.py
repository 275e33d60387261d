"""Which units are to leave their nodes, evacuated ones or as was planned, and which of them may go now. Pure.

The budget is held over all causes: a unit counts as unavailable whatever keeps it from being Ready. PodDisruptionBudgets of
others are held too: whoever made one does not expect that a pod goes against it because somebody wants its node.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.messages import Wait
from activities.state.guards import Guards, forbids
from activities.state.units import Moment, Unit, free, units_of
from specs.rollout import Rollout
from specs.words import counted

BUDGET, GUARDED = "Budget", "DisruptionBudget"
AGAIN = timedelta(seconds=10)
"""After which a budget of somebody else is looked at again."""


@dataclass(frozen=True)
class Piece:
    """A unit that may go, and what has to go with it where its rules keep it beside others."""

    slots: tuple[str, ...]
    copy: tuple[str, ...] = ()
    """Its whole copy; empty while the budget has no room for that."""
    alone: bool = False
    """It is its whole copy."""


@dataclass(frozen=True)
class Evacuation:
    """Units that are to leave their nodes."""

    units: int = 0
    chosen: tuple[Piece, ...] = ()
    """What may go now."""
    gate: Wait | None = None
    """What keeps the others."""
    ends: tuple[datetime, ...] = ()
    """When to look again, though nothing has changed."""


NOTHING = Evacuation()


def evacuation(rollout: Rollout, at: Moment, marked: Collection[str]) -> Evacuation:
    """Nothing, at the cost of a glance at each grant, where none is on a marked node; else linear in pods."""
    node = at.found.grants.node
    if not marked or not any(each in marked for each in node.values()):
        return NOTHING
    there = {slot for slot, each in node.items() if each in marked}
    return _leaving(rollout, at, there, lambda slots: slots, "still on nodes that are evacuated")


def relocation(rollout: Rollout, at: Moment) -> Evacuation:
    """Of the pods that were planned to move, those that have not: each unit by itself, and no other pod of it with them."""
    node = at.found.grants.node
    there = {slot for slot, target in at.order.moves.items() if slot in node and node[slot] != target}
    if not there:
        return NOTHING
    return _leaving(rollout, at, there, lambda slots: [slot for slot in slots if slot in there], "still to move as planned")


Along = Callable[[Sequence[str]], Sequence[str]]
"""Of the slots of a unit that goes, those that go with it."""


def _leaving(rollout: Rollout, at: Moment, there: Collection[str], along: Along, still: str) -> Evacuation:
    members, guards = units_of(at, rollout), at.guards()
    chosen: list[Unit] = []
    waiting: list[Unit] = []
    for member, units in members.items():
        leaving = [unit for unit in units if any(slot in there for slot in unit.slots)]
        waiting += leaving
        able = [unit for unit in leaving if unit.no_room is None]
        allowed = max(1, rollout.allowed(sum(not unit.spare for unit in units), member))
        out = [unit for unit in able if not unit.available]
        chosen += _unguarded([*out, *[unit for unit in able if unit.available][: free(units, allowed)]], chosen, along, guards)
    pieces = tuple(_piece(unit, members, rollout, along, guards) for unit in chosen)
    if chosen:
        return Evacuation(len(waiting), pieces)
    gate = _gate(waiting, still, along, guards)
    return Evacuation(len(waiting), (), gate, (at.now + AGAIN,) if gate.reason == GUARDED else ())


def _unguarded(able: Sequence[Unit], before: Sequence[Unit], along: Along, guards: Guards) -> Sequence[Unit]:
    """Those that may go beside the ones before."""
    if not guards:
        return able
    going, chosen = [slot for unit in before for slot in along(unit.slots)], list[Unit]()
    for unit in able:
        own = along(unit.slots)
        if not forbids(guards, [*going, *own]):
            going += own
            chosen.append(unit)
    return chosen


def _piece(unit: Unit, members: Mapping[str, Sequence[Unit]], rollout: Rollout, along: Along, guards: Guards) -> Piece:
    """A copy is larger than the budget, perhaps; it may go when nothing else is out, or it never could."""
    slots: list[str] = []
    going = tuple(along(unit.slots))
    fits = True
    for member, units in members.items():
        own = [each for each in units if each.copy == unit.copy]
        out = sum(not each.available for each in units if each.copy != unit.copy)
        fits = fits and (not out or len(own) + out <= rollout.allowed(len(units), member))
        slots += [slot for each in own for slot in along(each.slots)]
    alone = len(slots) == len(going)
    return Piece(going, tuple(slots) if fits and not alone and not forbids(guards, slots) else (), alone)


def _gate(waiting: Sequence[Unit], still: str, along: Along, guards: Guards) -> Wait:
    left = f"{counted(len(waiting), 'unit')} {still}"
    for unit in waiting:
        if unit.no_room is not None:
            what = f"that of {unit.slots[0]} stays until there is room for it elsewhere"
            return Wait(reason=unit.no_room.reason, message=f"{left}: {what}: {unit.no_room.message}", first=unit.slots[0])
    for unit in waiting:
        if budget := forbids(guards, along(unit.slots)):
            what = f"PodDisruptionBudget {budget} does not allow that of {unit.slots[0]} to go"
            return Wait(reason=GUARDED, message=f"{left}: {what}; wait, or change that budget", first=unit.slots[0])
    why = "as many units as may be unavailable are so already"
    return Wait(reason=BUDGET, message=f"{left}: {why}; raise spec.rollout.maxUnavailable, or see why they are not Ready")
