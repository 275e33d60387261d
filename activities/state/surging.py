"""Surge: units that are there for the time of a rollout only, so that none has to be missing meanwhile. Pure.

They are counts, for a while, of the first copy's groups and roles, or of the copies: placed as any unit that scaling adds, in the
same domain, of the new revision; and they go again as what scaling takes away does.
"""

from activities.state.ordering import stage_of
from activities.state.units import Moment, units_of
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
    there = {at.versions.member(slot) for held in at.found.grants.surplus for slot in held.slots}
    more: dict[str, int] = {}
    members = units_of(at, rollout)
    stage = stage_of(members, rollout)
    for member, units in members.items():
        stale = sum(unit.waits(rollout) for unit in units)
        out = sum(not unit.available for unit in units)
        due = stage is not None and stage.takes(member, rollout)
        if (stale and due and goes_on) or (out and member in there):
            more[f"0/{member}" if member else COPIES] = min(rollout.surge(len(units)), stale + out)
    counts = at.order.counts
    return {**counts, **{path: count_of(spec, counts, path) + extra for path, extra in more.items()}} if more else {}


def holds(rollout: Rollout, at: Moment, hold: int) -> bool:
    """Whether the rollout waits for somebody."""
    return bool(hold or rollout.paused or at.order.failed)
