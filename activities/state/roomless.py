"""Whether a rollout gets no further for want of room alone, so that time does not count for its deadline. Pure."""

from collections.abc import Sequence

from activities.messages import PodClass
from activities.state.units import Moment, Unit, marks_of, touched

HELD_BACK: tuple[PodClass, ...] = ("waiting", "unheld", "held")
"""Pods that may not start: their gang lacks room, or others start before them."""


def waits_for_room(units: Sequence[Unit], at: Moment) -> bool:
    """Something waits for room, and nothing that was updated and has its room is out: that would be the version's own doing.

    Once nothing is left to be updated, whatever is out counts. Cost: linear in pods where something waits for room.
    """
    found = at.found
    if not (found.waiting or found.unplanned or at.unplaced):
        return False
    before = marks_of((unit for unit in units if unit.stale), at)
    held_back = {each.slot for state in HELD_BACK for each in found.members[state]}
    out = (unit for unit in units if not (unit.stale or unit.available))
    ours = (unit for unit in out if not before or touched(unit, before, at))
    return not any(_has_room(unit, at) and held_back.isdisjoint(unit.slots) for unit in ours)


def _has_room(unit: Unit, at: Moment) -> bool:
    return all(slot in at.found.grants.node for slot in unit.slots)
