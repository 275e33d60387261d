"""Which units are to leave nodes that are evacuated, and which of them may go now. Pure.

The budget is held over all causes: a unit counts as unavailable whatever keeps it from being Ready.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from activities.messages import Wait
from activities.units import Moment, Unit, units_of
from specs.rollout import Rollout
from specs.words import counted

BUDGET = "Budget"


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
    """Units with a place on a node that is evacuated."""

    units: int = 0
    chosen: tuple[Piece, ...] = ()
    """What may go now."""
    gate: Wait | None = None
    """What keeps the others."""


NOTHING = Evacuation()


def evacuation(rollout: Rollout, at: Moment, marked: Collection[str]) -> Evacuation:
    """Nothing, at the cost of a glance at each grant, where none is on a marked node; else linear in pods."""
    node = at.found.grants.node
    if not marked or not any(each in marked for each in node.values()):
        return NOTHING
    members = units_of(at, rollout)
    chosen: list[Unit] = []
    waiting: list[Unit] = []
    for units in members.values():
        there = [unit for unit in units if any(node.get(slot) in marked for slot in unit.slots)]
        waiting += there
        able = [unit for unit in there if unit.no_room is None]
        chosen += [unit for unit in able if not unit.available]
        chosen += [unit for unit in able if unit.available][: _free(rollout, units)]
    pieces = tuple(_piece(unit, members, rollout) for unit in chosen)
    return Evacuation(len(waiting), pieces, None if chosen else _gate(waiting))


def _free(rollout: Rollout, units: Sequence[Unit]) -> int:
    return max(0, max(1, rollout.allowed(len(units))) - sum(not unit.available for unit in units))


def _piece(unit: Unit, members: Mapping[str, Sequence[Unit]], rollout: Rollout) -> Piece:
    """A copy is larger than the budget, perhaps; it may go when nothing else is out, or it never could."""
    slots: list[str] = []
    fits = True
    for units in members.values():
        own = [each for each in units if each.copy == unit.copy]
        out = sum(not each.available for each in units if each.copy != unit.copy)
        fits = fits and (not out or len(own) + out <= rollout.allowed(len(units)))
        slots += [slot for each in own for slot in each.slots]
    alone = len(slots) == len(unit.slots)
    return Piece(tuple(unit.slots), tuple(slots) if fits and not alone else (), alone)


def _gate(waiting: Sequence[Unit]) -> Wait:
    left = f"{counted(len(waiting), 'unit')} still on nodes that are evacuated"
    for unit in waiting:
        if unit.no_room is not None:
            what = f"that of {unit.slots[0]} stays until there is room for it elsewhere"
            return Wait(reason=unit.no_room.reason, message=f"{left}: {what}: {unit.no_room.message}", first=unit.slots[0])
    why = "as many units as may be unavailable are so already"
    return Wait(reason=BUDGET, message=f"{left}: {why}; raise spec.rollout.maxUnavailable, or see why they are not Ready")
