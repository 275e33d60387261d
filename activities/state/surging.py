"""Surge: units that are there for the time of a rollout only, so that none has to be missing meanwhile. Pure.

They are counts, for a while, of a copy's groups and roles, or of the copies: placed as any unit that scaling adds, in the same
domain, of the new revision; and they go again as what scaling takes away does. Where there are several copies, surge comes to
the first that has something to update, and goes on to the next when that needs it no more: each copy serves by itself.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from activities.state.by_copy import copy_in_turn
from activities.state.ordering import stage_of
from activities.state.units import Moment, Unit, units_of
from specs.counts import count_of
from specs.paths import COPIES
from specs.rollout import Rollout
from specs.system import SystemSpec


def surged(spec: SystemSpec, at: Moment, *, goes_on: bool) -> dict[str, int]:
    """The counts with surge units; empty where none are due. `goes_on`: the rollout is not held.

    As many as are still to be updated or not available, at most; so none goes before it is missed by nobody.
    """
    rollout = spec.rollout
    if not rollout.surges or (at.uniform and not at.found.grants.surplus):
        return {}
    there = {_path(at, slot) for held in at.found.grants.surplus for slot in held.slots}
    members = units_of(at, rollout)
    stage, turn = stage_of(members, rollout), copy_in_turn(members, rollout, at)
    more: dict[str, int] = {}
    for member, units in members.items():
        left = rollout.surge(len(units))
        due = goes_on and stage is not None and stage.takes(member, rollout)
        for path, held in _by_copy(at, units).items():
            stale = sum(unit.waits(rollout) and unit.no_room is None for unit in held)
            out = sum(not unit.available for unit in held)
            its_turn = turn is None or path == COPIES or turn.copy == held[0].copy
            if (stale and due and its_turn) or (out and path in there):
                more[path] = min(left, stale + out)
                left -= more[path]
    counts = at.order.counts
    return {**counts, **{path: count_of(spec, counts, path) + extra for path, extra in more.items()}} if more else {}


def _by_copy(at: Moment, units: Sequence[Unit]) -> Mapping[str, Sequence[Unit]]:
    """Path of the count that adds to them -> units, in the order of copies."""
    found: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.copy):
        found[_path(at, unit.slots[0])].append(unit)
    return found


def _path(at: Moment, slot: str) -> str:
    """`1/decode`, or that of the copies."""
    member = at.versions.member(slot)
    return f"{slot.partition('/')[0]}/{member}" if member else COPIES


def holds(rollout: Rollout, at: Moment, hold: int) -> bool:
    """Whether the rollout waits for somebody."""
    return bool(hold or rollout.paused or at.order.failed)
