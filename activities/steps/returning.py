"""Room that nobody wants any more: which of it is to be given back now."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from activities.cache.census import SystemKey
from activities.cache.placements import Placement
from activities.cache.pods import Pod
from activities.state.cases import Case

INTERVAL_S = 0.5
"""Shorter than what lies between two nudges, so that each of them gives back what has become empty since."""


@dataclass(frozen=True)
class Return:
    """Slots of a Placement that are not wanted, and that no pod stands in any more."""

    placement: Placement
    slots: frozenset[str]
    gangs: int
    """How many of its surplus gangs they belong to; a Placement that holds nothing counts as one."""
    last: bool
    """No pod is on its way out of any other."""


class Returns:
    """At once where no pod is on its way out any more; else what is empty by then, every now and then.

    A return writes a whole Placement, which at 256 gangs costs the API server as much as deleting ten pods: so the pods of a
    large scale-in, which go one by one, must not cause one each.
    """

    def __init__(self, pods: Callable[[SystemKey], Mapping[str, Pod]], now: Callable[[], float]) -> None:
        self._pods, self._now = pods, now
        self._last: dict[str, float] = {}
        """UID of a Placement -> when room of it was given back; of the last `INTERVAL_S` only."""

    def due(self, case: Case) -> list[Return]:
        """What is to be given back now."""
        return [found for found in self._found(case) if not self._left_s(found)]

    def staying(self, case: Case) -> tuple[int, float | None]:
        """Gangs that nobody wants and whose room stays for now, and seconds until some of it is due though nothing happens."""
        grants = case.digest.grants
        found = self._found(case)
        left = [left_s for each in found if (left_s := self._left_s(each))]
        due = sum(each.gangs for each in found if not self._left_s(each))
        return len(grants.surplus) + len(grants.idle) - due, min(left, default=None)

    def given(self, placement: Placement) -> None:
        """Room of it was given back just now."""
        now = self._now()
        self._last = {uid: at for uid, at in self._last.items() if now - at < INTERVAL_S} | {placement.uid: now}

    def _left_s(self, found: Return) -> float:
        """Seconds until it is due; 0 when it is."""
        return 0.0 if found.last else max(0.0, self._last.get(found.placement.uid, -INTERVAL_S) + INTERVAL_S - self._now())

    def _found(self, case: Case) -> list[Return]:
        grants = case.digest.grants
        if not grants.surplus and not grants.idle:
            return []
        return list(_emptied(case, {pod.slot for pod in self._pods(case.key).values()}))


def _emptied(case: Case, occupied: set[str]) -> Iterator[Return]:
    grants = case.digest.grants
    held: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    holders = {placement.name: placement for placement in grants.idle}
    for surplus in grants.surplus:
        holders[surplus.placement.name] = surplus.placement
        held[surplus.placement.name].append(surplus.slots)
    for name, placement in sorted(holders.items()):
        empty = [frozenset(slot for slot in slots if slot not in occupied or slot in grants.home) for slots in held[name]]
        gangs = sum(map(bool, empty)) + (not placement.entries)
        if gangs and not placement.leaving:
            yield Return(placement, frozenset[str]().union(*empty), gangs, empty == held[name])
