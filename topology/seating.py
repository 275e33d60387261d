"""Seating: the quick way. Bulkiest parts first, each into the tightest domain that will do; a few tries each, no proof."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from topology.layout import Area, Ints
from topology.neighbours import Neighbours
from topology.pouring import pour
from topology.problem import Amounts, Problem, Task
from topology.units import WHOLE, Apart, Pods

TRIES = 4
"""Domains tried for one unit before the search takes over."""
_CROWD = 1_000_000


@dataclass(frozen=True, slots=True)
class Pick:
    """So many pods on a host."""

    pods: Pods
    host: int
    count: int


class Seating:
    """Takes room for a problem's pods as it goes, and remembers on which hosts."""

    def __init__(self, problem: Problem, neighbours: Neighbours) -> None:
        self.problem, self.neighbours = problem, neighbours
        self.room, self.layout = problem.room, problem.layout
        self.picks: list[Pick] = []

    def seat_all(self) -> bool:
        """Whether everything found room; if not, nothing was taken."""
        return self.settle(self.problem.root, self.layout.whole)

    def settle(self, task: Task, area: Area) -> bool:
        """Find a domain in the area for a unit, and room in it for all of it."""
        for tried, domain in enumerate(self.choices(task, area)):
            if tried >= TRIES:
                break
            if self.seat(task, domain):
                return True
        return False

    def seat(self, task: Task, area: Area) -> bool:
        """Room for all of a unit in this area, or none taken."""
        mark = self._mark()
        inner = all(self.settle(each, area) for each in task.tasks)
        if not inner or not all(self.pour_into(pods, area, task.unit.prefer) for pods in task.pods):
            self._undo(mark)
            return False
        for pick in self.picks[mark[2] :] if task.unit.apart else ():
            self._join(task.unit.apart, pick.host)
        return True

    def choices(self, task: Task, area: Area) -> Iterator[Area]:
        """Domains for a unit, the best first: a hard level's domains, or soft ones from narrow to broad and the area itself."""
        level = task.unit.level
        if level == WHOLE:
            yield area
        elif level is not None:
            yield from self._domains(task, area, level)
        else:
            yield from self._soft_choices(task, area)

    def _soft_choices(self, task: Task, area: Area) -> Iterator[Area]:
        """A unit that may be anywhere is best off in the narrowest domain that holds it."""
        apart, host = task.unit.apart, self.layout.fabric.host
        levels = list(range(host - 1, area.level, -1))
        if len(task.tasks) + len(task.pods) == 1 and apart is None:
            levels = []  # its one part does just that for itself
        wished = (task.unit.prefer, apart.level if apart else None)
        ordered = dict.fromkeys((*(level for level in wished if level is not None and level > area.level), *levels))
        for level in ordered:
            yield from islice(self._domains(task, area, level), 1)
        if not _must_stand_apart(apart, area.level):
            yield area

    def _domains(self, task: Task, area: Area, level: int) -> Iterator[Area]:
        """Domains of a level that may hold the unit by every gauge, the tightest first; see `_ranked` for what else counts."""
        first, last = self.layout.inside(area, level)
        if task.fixed is not None and level == task.unit.level:
            first, last = (task.fixed, task.fixed + 1) if first <= task.fixed < last else (0, 0)
        found = self._enough(task.needs, level, first, last)
        if not len(found) or _must_stand_apart(task.unit.apart, level):
            return
        tight = self.problem.gauge(task.main).at[level][first + found]
        if task.needs_rank:
            found = self._ranked(task, level, first, found, tight)
        elif len(found) > 1:
            yield self.layout.area(level, first + int(found[tight.argmin()]))
            found = found[tight.argsort(kind="stable")][1:]
        for index in found[: TRIES + 1].tolist():
            yield self.layout.area(level, first + index)

    def _ranked(self, task: Task, level: int, first: int, found: Ints, tight: Ints) -> Ints:
        """The order of domains when more counts than tightness: few neighbours, room for those to come, not one to avoid."""
        apart, domains = task.unit.apart, (first + found).tolist()
        cramped = np.array([self._cramped(task, level, domain) for domain in domains])
        near = np.array([self._others(apart, level, domain) for domain in domains])
        shunned = np.array([int(domain in task.avoid) for domain in domains])
        order = np.lexsort((found, tight, cramped, near, shunned))
        return found[order[near[order] == 0]] if apart is not None and apart.required else found[order]

    def _cramped(self, task: Task, level: int, domain: int) -> bool:
        """Whether those that will have to follow into this domain, or have been promised room in it, would not fit too."""
        counts = dict(task.needs)
        for gauge, amount in (*task.company, *task.promised.get(domain, ())):
            counts[gauge] = counts.get(gauge, 0) + amount
        return any(int(self.problem.gauge(gauge).at[level][domain]) < amount for gauge, amount in counts.items())

    def _others(self, apart: Apart | None, level: int, domain: int) -> int:
        """Other members of the unit's set around a domain; one that is nowhere at the level of the spread counts as crowded."""
        if apart is None or level < apart.level:
            return 0
        around = self.layout.domain_of(self.layout.area(level, domain).low, apart.level)
        return _CROWD if around < 0 else self.neighbours.others((apart.family, apart.level), around, apart.member)

    def _enough(self, needs: Amounts, level: int, first: int, last: int) -> Ints:
        """Domains, counted from the first, that have what is needed by every gauge."""
        enough: Sequence[bool] | np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None
        for gauge, amount in needs:
            has = self.problem.gauge(gauge).at[level][first:last] >= amount
            enough = has if enough is None else enough & has
        return np.arange(last - first) if enough is None else np.flatnonzero(enough)

    def pour_into(self, pods: Pods, area: Area, wish: int | None = None) -> bool:
        """Room for pods of one role, anywhere in an area; what was taken when it fails is left to the caller to give back."""
        if pods.spread is not None:
            return self._scatter(pods, area, *pods.spread)
        prefer = pods.prefer if pods.prefer is not None else wish
        shares = pour(self.room, self.problem.of_kind(pods.kind), len(pods.slots), area, prefer)
        for host, count in shares or ():
            self._take(pods, host, count)
        return shares is not None

    def _scatter(self, pods: Pods, area: Area, over: int, required: bool) -> bool:
        """One by one, each where the fewest others of the role are."""
        for slot in pods.slots:
            apart = Apart(pods.name, slot, over, required)
            nest = self._loneliest(pods.kind, apart, area)
            shares = pour(self.room, self.problem.of_kind(pods.kind), 1, nest, None) if nest else None
            if not shares:
                return False
            self._take(pods, shares[0][0], 1)
            self._join(apart, shares[0][0])
        return True

    def _loneliest(self, kind: int, apart: Apart, area: Area) -> Area | None:
        """The domain for one more pod of a role that is spread: the emptiest of others, then the tightest."""
        level = max(apart.level, area.level)
        first, last = self.layout.inside(area, level)
        room_for = self.problem.of_kind(kind).at[level][first:last]
        open_domains = np.flatnonzero(room_for).tolist()
        found = [(self._others(apart, level, first + index), int(room_for[index]), index) for index in open_domains]
        best = min(found, default=(_CROWD, 0, 0))
        if apart.required and best[0]:
            return None
        return area if best[0] == _CROWD else self.layout.area(level, first + best[2])

    def _join(self, apart: Apart | None, host: int) -> None:
        if apart is None:
            return
        domain = self.layout.domain_of(host, apart.level)
        if domain >= 0:
            self.neighbours.join((apart.family, apart.level), domain, apart.member)

    def _take(self, pods: Pods, host: int, count: int) -> None:
        self.room.take(host, self.problem.fits[pods.kind].need, count)
        self.picks.append(Pick(pods, host, count))

    def _mark(self) -> tuple[int, int, int]:
        return self.room.mark(), self.neighbours.mark(), len(self.picks)

    def _undo(self, mark: tuple[int, int, int]) -> None:
        self.room.undo(mark[0])
        self.neighbours.undo(mark[1])
        del self.picks[mark[2] :]


def _must_stand_apart(apart: Apart | None, level: int) -> bool:
    """Whether a domain of this level is too broad to tell that the unit stands apart: that takes the search."""
    return apart is not None and apart.required and level < apart.level
