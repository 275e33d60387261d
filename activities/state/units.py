"""Units: what is replaced as a whole, as it is found. Pure."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import ceil
from typing import Any

from activities.cache.placements import Placement, Waiting
from activities.cache.pods import Pod
from activities.messages import Order
from activities.state.blueprint import Blueprint
from activities.state.guards import Guards
from activities.state.misplaced import NOWHERE, Domain, Misplaced, misplaced, unknown
from activities.state.standing import Digest
from activities.state.versions import Versions
from specs.rollout import Rollout


@dataclass(frozen=True)
class Moment:
    """A system as it is found."""

    plan: Blueprint
    found: Digest
    placements: Sequence[Placement]
    versions: Versions
    now: datetime
    order: Order
    spare: frozenset[str] = frozenset()
    """Slots that are there for the time of a rollout only."""
    unplaced: Mapping[str, Waiting] = field(default_factory=dict[str, Waiting])
    """First slot of a unit -> why there is no room for what it is to be."""
    domain: Domain = unknown
    quiet: Callable[[str], bool] = lambda _: False
    """Whether a node has not answered of late, but is not lost."""
    guards: Callable[[], Guards] = tuple
    """Budgets that others laid over its pods. Cost: linear in pods, each time."""
    counted: dict[int, dict[str, list["Unit"]]] = field(init=False, repr=False, compare=False, default_factory=dict[int, Any])
    """Its units, by `minReadySeconds`: many ask for them."""

    @cached_property
    def places(self) -> Misplaced:
        """What breaks the newest rules, where a slot may have its place by others. Cost: linear in pods, once."""
        marks = {mark for each in self.placements for mark in (each.revision, *each.revisions.values())}
        if not any(self.versions.moved(mark, self.plan.revision) for mark in sorted(marks)):
            return NOWHERE
        return misplaced(self.plan, self.found.grants.node, self.domain)

    @property
    def uniform(self) -> bool:
        """Every slot is of the revision that is wanted."""
        kept = (each for each in self.placements if not each.leaving)
        return all(each.revision == self.plan.revision and not each.revisions and not each.joined for each in kept)


@dataclass
class Unit:
    """One of them. It is filled first and asked afterwards."""

    index: int
    slots: list[str] = field(default_factory=list[str])
    older: list[str] = field(default_factory=list[str])
    """Those that keep an older revision until its turn comes."""
    joined: set[str] = field(default_factory=set[str])
    """Those that were added before its turn, and have not served yet."""
    no_room: Waiting | None = None
    """Why it runs on as it is."""
    stale: bool = False
    spare: bool = False
    """It is there for the time of a rollout only."""
    unready: set[str] = field(default_factory=set[str])
    quiet: set[str] = field(default_factory=set[str])
    """Those of them on nodes that have not answered of late."""
    settling: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds until a Ready pod has been so for long enough; nothing for one that has."""
    path: str = ""
    """`0/decode/2`."""

    @cached_property
    def serving(self) -> Sequence[str]:
        """What its availability hangs on: before its turn, what was there before; what is added to it has not served yet."""
        return ([slot for slot in self.older if slot not in self.joined] or self.older) if self.stale else self.slots

    @cached_property
    def ready(self) -> bool:
        """All its pods are."""
        return self.unready.isdisjoint(self.serving)

    @cached_property
    def settles_s(self) -> float:
        """Seconds until it has been Ready for long enough."""
        return max((self.settling.get(slot, 0.0) for slot in self.serving), default=0.0) if self.settling else 0.0

    @cached_property
    def available(self) -> bool:
        """It serves."""
        return self.ready and self.settles_s <= 0

    @property
    def broken(self) -> bool:
        """To replace it takes nothing more away. Not so where only its nodes are quiet: it may serve, and be back in a second."""
        out = self.unready.intersection(self.serving)
        return not self.available and not (out and out <= self.quiet)

    def waits(self, rollout: Rollout) -> bool:
        """It is still to be replaced."""
        return self.stale and self.index >= rollout.partition

    @property
    def first_out(self) -> str:
        """The first slot that keeps it from being available."""
        return next((slot for slot in self.serving if slot in self.unready or self.settling.get(slot, 0.0) > 0), self.slots[0])

    @property
    def outlook(self) -> str:
        """What there is to do until it is available: to wait, or to look."""
        return f"it is Ready, and settles {ceil(self.settles_s)} s more" if self.ready else "see why it is not Ready"

    @property
    def copy(self) -> int:
        """The copy that it is of."""
        return int(self.slots[0].partition("/")[0])

    def add(self, slot: str, settles_s: float | None) -> None:
        """One more slot; None for one whose pod is not Ready."""
        self.slots.append(slot)
        if settles_s is None:
            self.unready.add(slot)
        elif settles_s > 0:
            self.settling[slot] = settles_s


def units_of(at: Moment, rollout: Rollout) -> dict[str, list[Unit]]:
    """By the role or group at the top, in order; those of all copies together. Cost: linear in pods, once a moment."""
    least = rollout.min_ready_seconds
    if least not in at.counted:
        at.counted[least] = _units_of(at, rollout)
    return at.counted[least]


def _units_of(at: Moment, rollout: Rollout) -> dict[str, list[Unit]]:
    settles = {each.slot: _settles_s(each.pod, rollout, at.now) for each in at.found.members["ready"] if each.pod}
    home, versions = at.found.grants.home, at.versions
    quiet = {each.slot for each in at.found.members["starting"] if each.pod and at.quiet(each.pod.node)}
    units: defaultdict[str, dict[str, Unit]] = defaultdict(dict)
    for slot in at.plan.seats:
        name = versions.unit(slot)
        unit = units[versions.member(slot)].setdefault(name, Unit(int(name.rpartition("/")[2]), path=name))
        unit.add(slot, settles.get(slot))
        unit.spare = slot in at.spare
        if slot in quiet:
            unit.quiet.add(slot)
        marked = home[slot].revision_of(slot) if slot in home else ""
        if not (unit.spare and slot in at.found.grants.node):
            unit.no_room = unit.no_room or at.unplaced.get(slot)
        if slot in home and slot in home[slot].joined and settles.get(slot, 1.0) > 0:
            unit.joined.add(slot)
        moves = versions.moved(marked, at.plan.revision) and slot in at.places.slots
        if slot not in at.found.grants.later and (moves or not versions.same(slot, marked, at.plan.revision)):
            unit.older.append(slot)
            unit.stale = unit.stale or moves or versions.changed(slot, marked, at.plan.revision)
    return {member: [held[name] for name in sorted(held, key=_order)] for member, held in sorted(units.items())}


def marks_of(stale: Iterable[Unit], at: Moment) -> set[str]:
    """Revisions that units which are to be replaced are of."""
    return {at.found.grants.home[slot].revision_of(slot) for unit in stale for slot in unit.older}


def touched(unit: Unit, before: Collection[str], at: Moment) -> bool:
    """Whether this rollout changed it: it is not stale, and another than what is still to be replaced is of (`before`)."""
    pairs = ((slot, mark) for slot in unit.slots for mark in before)
    return not unit.stale and any(at.versions.changed(slot, mark, at.plan.revision) for slot, mark in pairs)


def free(units: Sequence[Unit], allowed: int) -> int:
    """How many units of one role or group may be taken away now; surge that is available stands in for one each."""
    own = sum(not unit.spare and not unit.available for unit in units)
    return max(0, allowed + sum(unit.spare and unit.available for unit in units) - own)


def _settles_s(pod: Pod, rollout: Rollout, now: datetime) -> float:
    """Seconds until a Ready pod has been so for long enough; a node's clock that is ahead adds nothing."""
    least = rollout.min_ready_seconds
    if not least or pod.ready_since is None:
        return 0.0
    return min(least - (now - pod.ready_since).total_seconds(), least)


def _order(unit: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in unit.split("/"))
