"""Which copy a rollout is at, where copies are updated one after the other. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from activities.state.units import Moment, Unit
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
    home, revision = at.found.grants.home, at.plan.revision
    old: defaultdict[int, set[str]] = defaultdict(set)
    for unit in (unit for unit in units if unit.stale):
        old[unit.copy].update(home[slot].revision_of(slot) for slot in unit.older)

    def updated(unit: Unit) -> bool:
        pairs = ((slot, before) for slot in unit.slots for before in old[unit.copy])
        return not unit.stale and any(at.versions.changed(slot, before, revision) for slot, before in pairs)

    return turn_of([Part(unit.copy, unit.waits(rollout), unit.available, updated(unit)) for unit in units])
