"""Surge: units that are there for the time of a rollout only, so that none has to be missing meanwhile. Pure.

They are counts, for a while, of a copy's groups and roles, or of the copies: placed as any unit that scaling adds, in the same
domain, of the new revision; and they go again as what scaling takes away does. A set that is added is a whole one, after the
last: where that lacks partners, it goes on lacking them. Where there are several copies, surge comes to
the first that has something to update, and goes on to the next when that needs it no more: each copy serves by itself. A copy
in whose domain there is no room for it comes last.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from activities.cache.placements import Waiting
from activities.state.by_copy import copy_in_turn
from activities.state.ordering import stage_of
from activities.state.units import Moment, Unit, units_of
from specs.counts import GAPS, Counts, count_of, indexes
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
    members, full = units_of(at, rollout), _full(at)
    stage, turn = stage_of(members, rollout), copy_in_turn(members, rollout, at)
    more: dict[str, int] = {}
    for member, units in members.items():
        left = rollout.surge(len(units))
        due = goes_on and stage is not None and stage.takes(member, rollout)
        by_copy = _by_copy(at, units)
        for path in sorted(by_copy, key=lambda path: (path in full, path not in there)):
            held = by_copy[path]
            stale = sum(unit.waits(rollout) and unit.no_room is None for unit in held)
            out = sum(not unit.available for unit in held)
            its_turn = turn is None or path == COPIES or turn.copy == held[0].copy
            if (stale and due and its_turn) or (out and path in there):
                extra = min(left, stale + out)
                more |= _added(spec, at.order.counts, path, held, extra)
                left -= extra
    return {**at.order.counts, **more} if more else {}


def _added(spec: SystemSpec, counts: Counts, path: str, held: Sequence[Unit], extra: int) -> dict[str, int]:
    """What becomes of the counts behind a path when so many units are added to those that it has."""
    copy, _, member = path.rpartition("/")
    rule = next((each for each in spec.together if "+".join(each.members) == member), None)
    if not extra:
        return {}
    if rule is None:
        return {path: count_of(spec, counts, path) + extra}
    more: dict[str, int] = {}
    first = 1 + max(unit.index for unit in held)
    for exact, share in ((f"{copy}/{name}", rule.share(name)) for name in rule.members):
        count = count_of(spec, counts, exact)
        lacking = set(range(first * share)).difference(indexes(exact, count, counts)) if count else ()
        more |= {exact: count + extra * min(share, count), **{f"{exact}/{index}": 0 for index in sorted(lacking)}}
    return {GAPS: len(more), **more}


def no_room(at: Moment) -> dict[str, Waiting]:
    """First slot of each gang of surge that was told why there is no room for it -> that."""
    told, plan = at.found.grants.waiting, at.plan
    waiting = [index for index in at.found.waiting if plan.gangs[index].name in told] if at.spare else []
    spare = {index: next((seat.slot for seat in plan.by_gang[index] if seat.slot in at.spare), "") for index in waiting}
    return {slot: told[plan.gangs[index].name] for index, slot in spare.items() if slot}


def _full(at: Moment) -> set[str]:
    """Paths of counts with surge for which no room was found, and has not been since."""
    granted = {slot for each in at.found.grants.surplus for slot in each.slots if slot in each.placement.nodes}
    return {_path(at, slot) for slot in at.unplaced if slot not in at.plan.seats and slot not in granted}


def _by_copy(at: Moment, units: Sequence[Unit]) -> Mapping[str, Sequence[Unit]]:
    """What adds to them -> units, in the order of copies."""
    found: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.copy):
        found[_path(at, unit.slots[0])].append(unit)
    return found


def _path(at: Moment, slot: str) -> str:
    """`1/decode`, `1/prefill+decode` for sets, or that of the copies."""
    member = at.versions.member(slot)
    return f"{slot.partition('/')[0]}/{member}" if member else COPIES


def holds(rollout: Rollout, at: Moment, hold: int) -> bool:
    """Whether the rollout waits for somebody."""
    return bool(hold or rollout.paused or at.order.failed)
