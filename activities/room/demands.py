"""What still wants room: gangs in Placements with slots that have no node, in the order in which they are served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from activities.cache.accepted import Acceptances, Accepted
from activities.cache.census import Census, SystemKey
from activities.cache.placements import Entry, Placement, Waiting
from activities.cache.pods import parsed_time
from activities.state.refusals import excluded, in_force
from specs.gangs import Gang
from specs.paths import plain
from topology.line.turns import PASSED_BY_FOR_S


@dataclass
class Asked:
    """One gang, over all Placements that hold slots of it."""

    key: SystemKey
    name: str
    minimum: bool
    home: dict[str, Placement] = field(default_factory=dict[str, Placement])
    """Slot -> the Placement that holds it."""
    nodes: dict[str, str] = field(default_factory=dict[str, str])
    """Slot -> the granted node, for those that have one."""
    place: int = 0
    """Position in its Placement."""

    @property
    def whole(self) -> bool:
        """All of it has room."""
        return len(self.nodes) == len(self.home)

    def only(self, wanted: Callable[[str], bool]) -> "Asked | None":
        """What is left of it of the slots that are wanted; None when nothing is."""
        home = {slot: placement for slot, placement in self.home.items() if wanted(slot)}
        if not home or len(home) == len(self.home):
            return self if home else None
        nodes = {slot: node for slot, node in self.nodes.items() if slot in home}
        return replace(self, home=home, nodes=nodes)

    @property
    def leaves(self) -> bool:
        """It must give back the nodes that it still has; until then nothing more is granted to it."""
        return bool(self.nodes) and any(self.name in each.displaced for each in self.home.values())

    @property
    def has_grown(self) -> bool:
        """What is missing was added later, in a Placement of its own; nothing that was granted has been lost."""
        partly = {self.home[slot].key for slot in self.nodes}
        return bool(partly) and not any(self.home[slot].key in partly for slot in self.home if slot not in self.nodes)

    def told(self, waiting: Waiting | None) -> Waiting | None:
        """What it is told; one that had to leave, for whom too."""
        why = self._displaced
        return replace(why, message=f"{why.message}; {waiting.message}") if why and waiting else waiting

    @property
    def since(self) -> str:
        """When it began to wait, RFC 3339: when it was asked for, or had to leave for another. What was lost keeps its age."""
        return self._displaced.since if self._displaced and self._displaced.since else self.newest.created

    @property
    def _displaced(self) -> Waiting | None:
        return next((each.displaced[self.name] for each in self.home.values() if self.name in each.displaced), None)

    @property
    def newest(self) -> Placement:
        """The Placement that was asked last."""
        return max(self.home.values(), key=lambda placement: placement.rank)

    @property
    def rank(self) -> tuple[int, int, bool]:
        """Priority of the pods, as holds obey it; that of the system; then minimums before growth."""
        pods, own = self.newest.importance
        return -pods, -own, not self.minimum

    @property
    def age(self) -> tuple[str, str, int, str]:
        """Who asked first."""
        return *self.newest.rank, self.place, self.name


NEEDS = "WaitsForGang"
PASSED_BY_FOR = timedelta(seconds=PASSED_BY_FOR_S)
STALE = "NotInRevision"


@dataclass(frozen=True)
class Want:
    """A gang to be placed."""

    asked: Asked
    accepted: Accepted
    gang: Gang
    keep: Mapping[str, str]
    """Slot -> the node that it has, or that a pod of it is bound to."""
    excluded: Mapping[tuple[str, str], str]
    """Role and node where the scheduler refused it of late, with its sentence."""
    needs: str = ""
    """Gang that must have its room before, and has not yet."""
    known: Waiting | None = None
    """Why it has no room, where nothing has changed since it was told so: it is only minded."""
    aged: bool = False
    """It has waited so long that nothing may pass it."""
    leaving: Mapping[str, str] = field(default_factory=dict[str, str])
    """Slot -> node of all pods that are to leave for other places, of this gang and of others that leave with them."""
    older: Mapping[str, Accepted] = field(default_factory=dict[str, Accepted])
    """Role -> the revision that its pods without a place are to be of, where it is not the newest."""
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Instance that shares a domain -> a node of the domain that it is to be in."""
    turn: int = 0
    """Of two of one priority the lower one goes first."""

    @property
    def batch(self) -> str:
        """Equal for those of which none asked first, by a clock of whole seconds; "" for one that has waited too long."""
        return "" if self.aged else " ".join(map(str, (*self.asked.rank, self.asked.newest.created)))


@dataclass(frozen=True)
class Stale:
    """A gang that its revision does not know."""

    asked: Asked
    message: str


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
        self.now = now

    def of(self, key: SystemKey, gangs: Mapping[str, Asked]) -> tuple[list[Want], list[Stale]]:
        """Of one system's gangs: those without all their room, and those that can never have it."""
        off_limits = excluded(in_force(self._census.placements(key), self.now(), self._census.freed))
        standing = self._standing(key)
        found = [self._want(each, gangs, standing, off_limits) for each in gangs.values() if not each.whole and not each.leaves]
        return [each for each in found if isinstance(each, Want)], [each for each in found if isinstance(each, Stale)]

    def next_end_s(self) -> float | None:
        """Seconds until the first refusal ends that may keep somebody waiting; None when there is none."""
        asking = (self._census.placements(key) for key in self._census.systems_asking())
        ends = [each.until for placements in asking for each in in_force(placements, self.now(), self._census.freed)]
        return max(0.0, (min(ends) - self.now()).total_seconds()) if ends else None

    def _want(
        self, each: Asked, gangs: Mapping[str, Asked], standing: Mapping[str, str], off_limits: Mapping[tuple[str, str], str]
    ) -> Want | Stale | None:
        accepted = self._acceptances.of(*each.key, each.newest.revision)
        if accepted is None:
            return None  # its revision is still on its way to us, or gone: nothing to place it by
        each = each.only(accepted.knows) or each
        if each.whole:
            return None
        try:
            gang = accepted.gang(each.name, each.minimum, tuple(each.home))
        except (LookupError, ValueError) as error:
            return Stale(each, f"{error.args[0]}; this is given back soon")
        needed = gangs.get(gang.needs)
        needs = gang.needs if gang.needs and (needed is None or not needed.whole) else ""
        keep = {slot: node for slot in each.home if (node := each.nodes.get(slot) or standing.get(slot))}
        return Want(each, accepted, gang, keep, off_limits, needs, aged=self._is_aged(each), older=self._older(each))

    def _is_aged(self, each: Asked) -> bool:
        return bool(each.since) and self.now() - parsed_time(each.since) >= PASSED_BY_FOR

    def _older(self, each: Asked) -> Mapping[str, Accepted]:
        """A pod that is lost before its unit's turn comes back as it was, so that is what has to fit."""
        marks = {slot: home.revision_of(slot) for slot, home in each.home.items() if slot not in each.nodes}
        found = {
            plain(slot): self._acceptances.of(*each.key, mark) for slot, mark in marks.items() if mark != each.newest.revision
        }
        return {role: accepted for role, accepted in found.items() if accepted is not None}

    def _standing(self, key: SystemKey) -> Mapping[str, str]:
        """Slot -> node of every pod that runs, for should a grant have been lost with its Placement."""
        silent, nodes = self._census.silent(key), self._census.nodes
        return {
            pod.slot: pod.node
            for pod in self._census.pods(key).values()
            if pod.node and not pod.leaving and not pod.done and pod.node in nodes and pod.node not in silent
        }


def _add(gangs: dict[str, Asked], held: set[str], placement: Placement, entry: Entry, place: int) -> None:
    slots = [slot for slot in entry.slots if slot not in held]
    if not slots:
        return
    found = gangs.setdefault(entry.gang, Asked((placement.namespace, placement.system), entry.gang, entry.minimum, place=place))
    held.update(slots)
    found.home.update(dict.fromkeys(slots, placement))
    found.nodes.update((slot, placement.nodes[slot]) for slot in slots if slot in placement.nodes)
