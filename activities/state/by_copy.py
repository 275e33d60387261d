"""Which copy a rollout is at, where copies are updated one after the other. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from activities.state.units import Moment, Unit, marks_of, touched
from specs.rollout import Rollout


class Part(NamedTuple):
    """One unit, as far as the order of copies goes."""

    copy: int
    waiting: bool
    """It is still to be updated."""
    available: bool
    updated: bool
    """It was changed by this rollout."""


class Turn(NamedTuple):
    """Whose turn it is."""

    copy: int
    held_by: int | None = None
    """An earlier copy that has to be whole first."""


def turn_of(parts: Sequence[Part]) -> Turn | None:
    """The copy that was begun; else one that lacks something already; else the first. None when none waits."""
    waiting = {part.copy for part in parts if part.waiting}
    if not waiting:
        return None
    begun = {part.copy for part in parts if part.updated}
    broken = {part.copy for part in parts if not part.available}
    copy = min(waiting, key=lambda each: (each not in begun, each not in broken, each))
    return Turn(copy, min(broken - waiting, default=None) if copy not in begun else None)


def copy_in_turn(members: Mapping[str, Sequence[Unit]], rollout: Rollout, at: Moment) -> Turn | None:
    """Whose turn it is, where the rollout goes by copy.

    A copy was begun where a unit of it was changed by this rollout: not stale, and another than what the stale ones are of.
    """
    if not rollout.by_copy:
        return None
    units = [unit for held in members.values() for unit in held]
    old: defaultdict[int, set[str]] = defaultdict(set)
    for unit in (unit for unit in units if unit.stale):
        old[unit.copy] |= marks_of([unit], at)
    return turn_of([Part(unit.copy, unit.waits(rollout), unit.available, touched(unit, old[unit.copy], at)) for unit in units])
