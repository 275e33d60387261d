"""What a rollout has still to do. Pure.

A rollout remembers nothing. Placements name the slots that keep an older revision; a unit with such slots is stale where that
makes a difference for it, and until it is chosen to be replaced, whatever is lost of it comes back as it was. So every look
answers anew, from what there is, which units are stale and which of them may go, and any process may die between two looks.
Which may go is told in `lanes`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.cache.placements import Placement
from activities.messages import PodClass, Wait
from activities.state.by_copy import copy_in_turn
from activities.state.lanes import Lane, choose
from activities.state.misplaced import NOWHERE, Misplaced
from activities.state.regrouping import behind
from activities.state.roomless import waits_for_room
from activities.state.tallying import tallied
from activities.state.units import Moment, Unit, units_of
from specs.rollout import Rollout

ABSENT: tuple[PodClass, ...] = ("missing", "bare")


@dataclass(frozen=True)
class Rolling:
    """What there is to do, and what may be done of it now."""

    outdated: int = 0
    """Units that are still to be replaced."""
    chosen: tuple[tuple[str, ...], ...] = ()
    """Slots of each unit whose turn has come."""
    gate: Wait | None = None
    """What keeps the next unit."""
    stale: frozenset[str] = frozenset()
    """Slots of all units that are to be replaced, those that stay below the partition too."""
    older: frozenset[str] = frozenset()
    """Slots that keep an older revision: those, and any whose pod, while there is one, would count as another than its unit's."""
    joined: frozenset[str] = frozenset()
    """Slots that were added to units which are to be replaced, and have not served yet."""
    joining: Mapping[str, str] = field(default_factory=dict[str, str])
    """Slots that are to be of the revision of such a unit, which has them too; "": they are to start when it is updated."""
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
    of: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Revision -> units, that which is wanted first; nothing where all are of that one."""
    returning: frozenset[str] = frozenset()
    """Slots without a pod, whose next one is to be of the newest revision."""
    settling: int = 0
    """Units that are Ready, but not for `minReadySeconds` yet."""
    again_s: float | None = None
    """Seconds until the first of them has been."""
    at: str = ""
    """The copy that is being updated, where they are one after the other."""

    def without(self, chosen: Collection[str]) -> "Rolling":
        """The same once the turn of these slots has come."""
        joining = {slot: revision for slot, revision in self.joining.items() if slot not in chosen}
        return replace(self, older=self.older.difference(chosen), joined=self.joined.difference(chosen), joining=joining)


NOTHING = Rolling()


def rolling(rollout: Rollout, at: Moment) -> Rolling:
    """Nothing, at the cost of a glance at each Placement, where no rollout is under way; else linear in pods."""
    timed = at.order.rolls and rollout.deadline_s is not None
    if at.uniform and not rollout.min_ready_seconds and not timed:
        return NOTHING
    members = units_of(at, rollout)
    units = [unit for held in members.values() for unit in held]
    found = _found(units, at)
    if rollout.strategy == "onDelete":
        return _on_delete(found, at)
    rolls = _replacing(found, members, rollout, at)
    return _on_the_clock(rolls, units, rollout) if timed else rolls


def _found(units: Sequence[Unit], at: Moment) -> Rolling:
    """What is of an older revision, whatever is done about it."""
    older, stale = _older(units, at), [unit for unit in units if unit.stale]
    joined = frozenset(slot for unit in stale for slot in unit.joined)
    joining = {slot: revision for unit in stale for slot, revision in _joining(unit, at)}
    settled = joined.difference(slot for slot, revision in joining.items() if revision)
    return Rolling(
        stale=frozenset(slot for unit in stale for slot in unit.slots),
        older=older,
        joined=joined,
        joining=joining,
        behind=behind(at.placements, at.plan.revision, at.found, older, settled),
        places=at.places,
        of=tallied(units, at),
        older_pods=Counter(at.plan.seats[slot].role for unit in stale for slot in unit.older),
    )


def _on_delete(found: Rolling, at: Moment) -> Rolling:
    """Pods stay; only a slot that has none gets the newest revision."""
    returning = found.older & _absent(at)
    chosen = tuple((slot,) for slot in sorted(returning))
    return replace(found, outdated=len(chosen), chosen=chosen, returning=returning)


def _replacing(found: Rolling, members: Mapping[str, Sequence[Unit]], rollout: Rollout, at: Moment) -> Rolling:
    units = [unit for held in members.values() for unit in held]
    copy = copy_in_turn(members, rollout, at)
    lanes = [Lane(member, held, rollout, at, copy) for member, held in members.items()]
    choice = choose(lanes, rollout, at)
    settling = [unit.settles_s for unit in units if unit.ready and not unit.available]
    return replace(
        found,
        outdated=sum(len(lane.waiting) for lane in lanes),
        updated=sum(len(lane.updated) for lane in lanes if lane.waiting),
        chosen=tuple(tuple(unit.slots) for unit in choice.units),
        gate=choice.gate,
        hold=choice.hold,
        clock_stands=waits_for_room(units, at) or choice.hold > 0 or rollout.paused or bool(at.order.failed),
        settling=len(settling),
        again_s=min(settling, default=None),
        at="" if copy is None else str(copy.copy),
    )


def _on_the_clock(rolls: Rolling, units: Sequence[Unit], rollout: Rollout) -> Rolling:
    """The same while there is a deadline, which is over once all units are of the newest revision and available."""
    going = any(unit.stale or not unit.available for unit in units)
    available = sum(unit.available and not unit.stale for unit in units)
    return replace(rolls, deadline_s=rollout.deadline_s if going else None, available=available)


def _older(units: Sequence[Unit], at: Moment) -> frozenset[str]:
    """A unit that is not to be replaced keeps it for its pods only: what has none yet is made by the newest revision."""
    gone = _absent(at)
    return frozenset(slot for unit in units for slot in unit.older if unit.stale or slot not in gone)


def _joining(unit: Unit, at: Moment) -> Iterator[tuple[str, str]]:
    """What is added to a unit before its turn is as its revision has it at these counts; what that does not have comes later."""
    home, later, versions = at.found.grants.home, at.found.grants.later, at.versions
    if added := [slot for slot in unit.slots if slot not in home or slot in later]:
        own = versions.common({slot: home[slot].revision_of(slot) for slot in unit.older})
        yield from ((slot, own if versions.wants(slot, own, at.plan.counts) else "") for slot in added)


def _absent(at: Moment) -> frozenset[str]:
    return frozenset(standing.slot for state in ABSENT for standing in at.found.members[state])
