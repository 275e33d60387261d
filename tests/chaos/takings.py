"""What was taken away that served, and whether it might be: for a reason, and within the budget over all causes.

Units are replicas of groups, and pods of roles. Whoever watches knows what was asked for, and what it has itself broken.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from specs.sections import condition
from tests.chaos.bound import Slot, slot_of
from tests.cluster.api import Json

KNOWN_S = 1.0
"""By then whoever decides knows what others did."""
HEARD_S = 15.0
"""By then what was accepted is known to whoever acts, also through kills of all of them."""
Unit = tuple[str, str]
"""A system, and the path of a unit in it."""


@dataclass
class Wish:
    """What was asked for, for a time."""

    counts: dict[str, int]
    """Units of each role and group."""
    images: dict[str, str]
    """What the pods of each run."""
    over: float = math.inf
    """When something else had been accepted."""


@dataclass
class Takings:
    """Told of every wish before it is sent and after it was accepted, of what others break, and of every change of a pod."""

    budget: int = 1
    """Units of one role or group that may be unavailable at once."""
    clock: Callable[[], float] = time.monotonic
    taken: int = 0
    """Units that served until Espalier took them, but for those of systems that were deleted."""
    reasons: Counter[str] = field(default_factory=Counter[str])
    most_away: int = 0
    """When one was taken, with it."""
    _wishes: dict[str, list[Wish]] = field(default_factory=lambda: defaultdict(list))
    """By system; none: it is to go."""
    _hands: set[str] = field(default_factory=set[str])
    """UIDs of pods that others take away."""
    _pods: dict[Unit, dict[str, Json]] = field(default_factory=lambda: defaultdict(dict))
    _size: dict[Unit, int] = field(default_factory=dict[Unit, int])
    """Most pods that a unit ever had at once."""
    _out: dict[Unit, float] = field(default_factory=dict[Unit, float])
    """Unit that is out by another's doing -> since when."""

    def asks(self, system: str, counts: dict[str, int], images: dict[str, str]) -> None:
        """From now on it may be so."""
        self._wishes[system].append(Wish(counts, images))

    def accepted(self, system: str) -> None:
        """What was asked for before the last wish is over."""
        for wish in self._wishes[system][:-1]:
            wish.over = min(wish.over, self.clock())

    def goes(self, system: str) -> None:
        """It is being deleted: all of it may be taken."""
        self._wishes[system].clear()

    def hand(self, uid: str) -> None:
        """Somebody else takes this pod away."""
        self._hands.add(uid)

    def seen(self, event: Json) -> list[str]:
        """One change of a pod: what it breaks."""
        pod = event["object"]
        slot, uid = slot_of(pod), pod["metadata"]["uid"]
        unit, served = unit_of(slot), self._is_whole(unit_of(slot))
        was = self._pods[unit].get(uid)
        leaves = event["type"] == "DELETED" or "deletionTimestamp" in pod["metadata"]
        self._pods[unit].pop(uid, None) if leaves else self._pods[unit].__setitem__(uid, pod)
        self._size[unit] = max(self._size.get(unit, 0), len(self._pods[unit]))
        if not served or self._is_whole(unit):
            return []
        if event.get("late") or not leaves or was is None or uid in self._hands:
            self._out[unit] = self.clock()
            return []
        return self._taken(unit, was)

    def _taken(self, unit: Unit, pod: Json) -> list[str]:
        (system, _), member, now = unit, member_of(unit), self.clock()
        wishes = [wish for wish in self._wishes[system] if wish.over > now - HEARD_S]
        if not wishes:
            return []
        self._out.pop(unit, None)
        least = min(wish.counts[member] for wish in wishes)
        whole, unheard = self._whole(system, member), len(self._out_by_others(system, member, now - KNOWN_S))
        away = least - whole - unheard
        lost = [each for each in self._out_by_others(system, member) if index_of(each) < least <= index_of(unit)]
        outdated = any(wish.images[member] != pod["spec"]["containers"][0]["image"] for wish in wishes)
        reason = "too many" if whole + max(unheard, len(lost)) >= least else "outdated" if outdated else "none"
        self.taken, self.most_away = self.taken + 1, max(self.most_away, away)
        self.reasons[reason] += 1
        name = "/".join(unit)
        others = self._told_of_others(system, member, now)
        unasked = [f"{name} was taken for no reason, and {whole} of {least} are left{others}"] if reason == "none" else []
        return [*unasked, *([f"{name} was taken, and with it {away} of {least} are away"] if away > self.budget else [])]

    def _whole(self, system: str, member: str) -> int:
        return sum(each[0] == system and member_of(each) == member and self._is_whole(each) for each in list(self._pods))

    def _out_by_others(self, system: str, member: str, since: float = -math.inf) -> list[Unit]:
        """Units that have been out since then, or for less long, by another's doing."""
        units = [each for each, began in self._out.items() if began > since and not self._is_whole(each)]
        return [each for each in units if each[0] == system and member_of(each) == member]

    def _told_of_others(self, system: str, member: str, now: float) -> str:
        """How long those have been out that are so by another's doing."""
        out = sorted(self._out_by_others(system, member))
        return "".join(f"; {each[1]} was taken by another {now - self._out[each]:.1f} s before" for each in out)

    def _is_whole(self, unit: Unit) -> bool:
        pods = self._pods.get(unit, {}).values()
        ready = [pod for pod in pods if condition(pod, "Ready").get("status") == "True"]
        return bool(ready) and len(ready) == self._size.get(unit, 0)


def unit_of(slot: Slot) -> Unit:
    """`0/decode/1/worker/0` is of `0/decode/1`, `0/router/0` is its own."""
    return slot[0], "/".join(slot[1].split("/")[:3])


def member_of(unit: Unit) -> str:
    return unit[1].split("/")[1]


def index_of(unit: Unit) -> int:
    return int(unit[1].split("/")[2])
