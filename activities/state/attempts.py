"""Attempts: how often a pod or a unit was restarted of late, and when it may be again. Pure.

| restarted in a row | the next one comes after |
|--------------------|--------------------------|
| never              | nothing                  |
| once, twice ...    | 10 s, 20 s ... 5 min     |
| `restarts` times   | nothing: somebody has to look |

A row ends when the pod lasted for ten minutes, when its template is edited, and when somebody says `espalier recover`. It is
kept in the Placement that holds the slot, so it outlives every process.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from activities.cache.placements import Attempt, Placement
from activities.cache.pods import Pod, written_time
from activities.cluster.kube import Manifest
from activities.messages import PodClass
from activities.state.refusals import LONGEST_MESSAGE, MOST
from specs.recovery import Recovery

FIRST = timedelta(seconds=10)
LONGEST = timedelta(minutes=5)
STEADY = timedelta(minutes=10)


@dataclass(frozen=True)
class Turn:
    """When something may be restarted."""

    count: int
    """Restarts in a row so far."""
    at: datetime | None
    """None: not any more."""


class Attempts:
    """Of one system, at one moment."""

    def __init__(self, placements: Iterable[Placement], recovery: Recovery, now: datetime, pardon: int = 0) -> None:
        self.recovery, self.now, self.pardon = recovery, now, pardon
        self._known = {each.path: each for placement in placements for each in placement.attempts}
        self._restarted = any(each.least for each in self._known.values())

    def of(self, path: str, revision: str, trouble: datetime | None = None) -> Attempt | None:
        """The last in a row; None where the next is the first. `trouble`: when that began which asks for the next."""
        known = self._known.get(path)
        if known is None or known.revision != revision or known.pardon != self.pardon:
            return None
        return None if trouble is not None and trouble - known.at >= STEADY else known

    def turn(self, known: Attempt | None) -> Turn:
        """When the next may come."""
        count = known.count if known else 0
        if count >= self.recovery.restarts:
            return Turn(count, None)
        return Turn(count, known.at + pause(count) if known else self.now)

    def last_of(self, pod: Pod) -> Attempt | None:
        """The restart that a pod came by, if it did not last since."""
        return None if pod.lasted >= STEADY else self.of(pod.slot, pod.revision)

    def turn_of(self, pod: Pod) -> Turn:
        """When a pod that has failed may be replaced."""
        return self.turn(self.last_of(pod))

    def judged(self, found: PodClass, pod: Pod | None) -> PodClass:
        """The class of a pod, with what it was allowed and how often it failed taken into account."""
        if pod is None or found not in ("failed", "starting") or (found == "starting" and not self.late(pod)):
            return found
        at = self.turn_of(pod).at
        return "failed" if at is not None and at <= self.now else "halted"

    def late(self, pod: Pod) -> bool:
        """It has its node, and had all the time that it may take to be Ready."""
        allowed, since = self.recovery.allowance, waiting_since(pod)
        return allowed is not None and since is not None and not pod.ready and self.now - since >= allowed

    def superseded(self, pod: Pod) -> tuple[str, ...]:
        """Units around it that were restarted when it was there already."""
        return tuple(unit for unit in self.restarted(pod.slot) if pod.incarnation < self._known[unit].least)

    def restarted(self, slot: str) -> tuple[str, ...]:
        """Units around this slot that were restarted."""
        if not self._restarted:
            return ()
        return tuple(unit for unit in units_around(slot) if unit in self._known and self._known[unit].least)

    def least(self, slot: str) -> int:
        """Of the pod that comes into this slot: the incarnation it has at least."""
        return max((self._known[unit].least for unit in self.restarted(slot)), default=0)

    def ends(self, pods: Iterable[Pod]) -> Iterator[datetime]:
        """Moments at which something is to be done about these pods that are not Ready."""
        for pod in pods:
            since, allowed = waiting_since(pod), self.recovery.allowance
            if not pod.done and allowed is not None and since is not None:
                yield since + allowed
            if (pod.done or self.late(pod)) and (at := self.turn_of(pod).at) is not None:
                yield at


UNTRIED = Attempts((), Recovery(), datetime.min.replace(tzinfo=UTC))
"""Where nothing was ever restarted."""


def pause(count: int) -> timedelta:
    """Before the next restart of what was restarted so often in a row."""
    doubled: int = 2 ** min(count - 1, 10)
    return min(FIRST * doubled, LONGEST) if count else timedelta(0)


def waiting_since(pod: Pod) -> datetime | None:
    """Since when a pod that has a node is not Ready."""
    return max(pod.bound, pod.turned or pod.bound) if pod.node and pod.bound else None


def units_around(slot: str) -> tuple[str, str]:
    """Units that may be restarted with this slot in them: its copy, and its replica of a group at the top (or its own path)."""
    steps = slot.split("/")
    return steps[0], "/".join(steps[:3])


def with_attempts(old: Iterable[Attempt], new: Mapping[str, Attempt]) -> tuple[Attempt, ...]:
    """What a Placement is to keep."""
    kept = [each for each in old if each.path not in new]
    return tuple([*kept, *new.values()][-MOST:])


def next_attempt(known: Attempt | None, fresh: Attempt) -> Attempt:
    """One more in the row, or the first."""
    return replace(fresh, count=known.count + 1, first=known.first) if known else fresh


def as_status(attempts: Iterable[Attempt]) -> list[Manifest]:
    """As a Placement's status keeps them."""
    return [
        {
            "path": each.path,
            "count": each.count,
            "first": written_time(each.first),
            "at": written_time(each.at),
            "reason": each.reason,
            "message": each.message[:LONGEST_MESSAGE],
            "revision": each.revision,
            "pardon": each.pardon,
            "least": each.least,
        }
        for each in attempts
    ]
