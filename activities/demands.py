"""What still wants room: gangs in Placements with slots that have no node, in the order in which they are served."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from activities.accepted import Acceptances, Accepted
from activities.census import Census, SystemKey
from activities.placements import Entry, Placement
from activities.refusals import excluded
from specs.gangs import Gang


@dataclass
class Asked:
    """One gang, over all Placements that hold slots of it."""

    key: SystemKey
    name: str
    minimum: bool
    home: dict[str, Placement] = field(default_factory=dict)
    """Slot -> the Placement that holds it."""
    nodes: dict[str, str] = field(default_factory=dict)
    """Slot -> the granted node, for those that have one."""
    place: int = 0
    """Position in its Placement."""

    @property
    def whole(self) -> bool:
        """All of it has room."""
        return len(self.nodes) == len(self.home)

    @property
    def newest(self) -> Placement:
        """The Placement that was asked last."""
        return max(self.home.values(), key=lambda placement: placement.rank)

    @property
    def rank(self) -> tuple[int, bool, str, str, int]:
        """Priority, then minimums before growth, then age."""
        placement = self.newest
        return -placement.priority, not self.minimum, *placement.rank, self.place


@dataclass(frozen=True)
class Want:
    """A gang to be placed now."""

    asked: Asked
    accepted: Accepted
    gang: Gang
    keep: Mapping[str, str]
    """Slot -> the node that it has, or that a pod of it is bound to."""
    excluded: frozenset[tuple[str, str]]
    """Role and node where the scheduler refused it of late."""


@dataclass(frozen=True)
class Blocked:
    """A gang that can't be placed yet, and why."""

    asked: Asked
    reason: str
    message: str


NEEDS = "NeedsOther"
STALE = "NotInRevision"


def asked(census: Census, key: SystemKey) -> Mapping[str, Asked]:
    """The gangs of one system by name. Where two Placements hold one slot, the older one counts."""
    gangs: dict[str, Asked] = {}
    held: set[str] = set()
    for placement in census.placements(key):
        if not placement.leaving:
            for place, entry in enumerate(placement.entries):
                _add(gangs, held, placement, entry, place)
    return gangs


class Demands:
    """What every system still asks for."""

    def __init__(self, census: Census, acceptances: Acceptances, now: Callable[[], datetime]) -> None:
        self._census = census
        self._acceptances = acceptances
        self._now = now

    def of(self, gangs: Mapping[str, Asked]) -> tuple[list[Want], list[Blocked]]:
        """Of one system's gangs, those that can be placed now, and those that can't."""
        found = [self._want(each, gangs) for each in gangs.values() if not each.whole]
        return [each for each in found if isinstance(each, Want)], [each for each in found if isinstance(each, Blocked)]

    def _want(self, each: Asked, gangs: Mapping[str, Asked]) -> Want | Blocked | None:
        accepted = self._acceptances.of(*each.key, each.newest.revision)
        if accepted is None:
            return None  # its revision is still on its way to us, or gone: nothing to place it by
        try:
            gang = accepted.gang(each.name, each.minimum, tuple(each.home))
        except (LookupError, ValueError) as error:
            return Blocked(each, STALE, f"{error.args[0]}; this is given back soon")
        needed = gangs.get(gang.needs) if gang.needs else None
        if gang.needs and (needed is None or not needed.whole):
            return Blocked(each, NEEDS, f"waits until {gang.needs} has its room, because it only adds to that")
        return Want(each, accepted, gang, self._kept(each), excluded(self._census.placements(each.key), self._now()))

    def _kept(self, each: Asked) -> dict[str, str]:
        """What is granted; and where a pod already runs, should its grant have been lost with its Placement."""
        silent = self._census.silent()
        kept = dict(each.nodes)
        for pod in self._census.pods(each.key).values():
            stays = (
                bool(pod.node) and not pod.leaving and not pod.done and pod.node in self._census.nodes and pod.node not in silent
            )
            if stays and pod.slot in each.home:
                kept.setdefault(pod.slot, pod.node)
        return kept


def _add(gangs: dict[str, Asked], held: set[str], placement: Placement, entry: Entry, place: int) -> None:
    slots = [slot for slot in entry.slots if slot not in held]
    if not slots:
        return
    found = gangs.setdefault(entry.gang, Asked((placement.namespace, placement.system), entry.gang, entry.minimum, place=place))
    held.update(slots)
    found.home.update(dict.fromkeys(slots, placement))
    found.nodes.update((slot, placement.nodes[slot]) for slot in slots if slot in placement.nodes)


def in_order(found: Iterable[Want]) -> list[Want]:
    """As they are served."""
    return sorted(found, key=lambda want: (want.asked.rank, want.asked.name))
