"""Seating: the quick way. Bulkiest parts first, each into the tightest domain that will do; a few tries each, no proof."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from topology.search.alike import FEW, Gathering, gathering
from topology.search.balance import pour_evenly
from topology.search.neighbours import Neighbours
from topology.search.pouring import pairs, pour
from topology.search.problem import Amounts, Problem, Task
from topology.search.units import WHOLE, Apart, Pods
from topology.supply.devices import Chosen
from topology.supply.layout import Area, Ints

TRIES = 4
"""Domains tried for one unit before the search takes over."""
_CROWD = 10_000_000
"""More than any domain has room for."""


@dataclass(frozen=True, slots=True)
class Pick:
    """So many pods on a host."""

    pods: Pods
    host: int
    count: int
    devices: tuple[Chosen, ...] = ()
    """Of each, on a host that shares its GPUs."""


class Seating:
    """Takes room for a problem's pods as it goes, and remembers on which hosts."""

    def __init__(self, problem: Problem, neighbours: Neighbours) -> None:
        self.problem, self.neighbours = problem, neighbours
        self.room, self.layout = problem.room, problem.layout
        self.picks: list[Pick] = []
        self._plans: dict[tuple[Task, Area], Gathering] = {}

    def seat_all(self) -> bool:
        """Whether everything found room; if not, nothing was taken."""
        return self.settle(self.problem.root, self.layout.whole)

    def seat_at(self, task: Task, nodes: Mapping[str, str]) -> None:
        """Room for all of a unit on the nodes that another seating has found."""
        mark = len(self.picks)
        for inner in task.tasks:
            self.seat_at(inner, nodes)
        for pods in task.pods:
            for slot in pods.slots:
                host = self.layout.position[nodes[slot]]
                self._take(pods, host, 1)
                self._join(pods.spread and Apart(pods.name, slot, *pods.spread), host)
        for pick in self.picks[mark:] if task.unit.apart else ():
            self._join(task.unit.apart, pick.host)

    def settle(self, task: Task, area: Area) -> bool:
        """Find a domain in the area for a unit, and room in it for all of it."""
        for tried, domain in enumerate(self.choices(task, area)):
            if tried >= TRIES:
                break
            if self.seat(task, domain):
                return True
        return False

    def seat(self, task: Task, area: Area) -> bool:
        """Room for all of a unit in this area, or none taken; in one domain of the level that it prefers, if one holds it."""
        prefer = task.unit.prefer
        if prefer is not None and prefer > area.level and len(task.tasks) + len(task.pods) > 1:
            first, last = self.layout.inside(area, prefer)
            found = self._enough(task.needs, prefer, first, last)
            tight = self.problem.gauge(task.main).at[prefer][first + found]
            for index in found[tight.argsort(kind="stable")][:TRIES].tolist():
                if self._seat_in(task, self.layout.area(prefer, first + index)):
                    return True
        return self._seat_in(task, area)

    def _seat_in(self, task: Task, area: Area) -> bool:
        """Each part of a unit by itself, as near to the others as what it prefers says."""
        mark = self._mark()
        inner = self._settle_all(task, area)
        if not inner or not all(self.pour_into(pods, area, task.unit.prefer) for pods in task.pods):
            self._undo(mark)
            return False
        for pick in self.picks[mark[2] :] if task.unit.apart else ():
            self._join(task.unit.apart, pick.host)
        return True

    def _settle_all(self, task: Task, area: Area) -> bool:
        """Domains for the parts of a unit: each its best, or together as few of the preferred level as can be."""
        prefer, left = task.unit.prefer, self._gather(task, area)
        full: set[int] = set()
        while left and prefer is not None and prefer > area.level:
            domain = self._next_domain(left, area, prefer, full)
            if domain is None:
                break
            full.add(domain)
            left = [each for each in left if not self.settle(each, self.layout.area(prefer, domain))]
        return all(self.settle(each, area) for each in left)

    def _gather(self, task: Task, area: Area) -> list[Task]:
        """Seat parts that are much alike in as few preferred domains as can be; those that there is no answer for are left."""
        plan = self._plans.pop((task, area), None) or gathering(self.problem, task.tasks, area, task.unit.prefer)
        if plan is None or not plan.fillings:  # no answer, or none that holds them all
            return list(task.tasks)
        return [*(part for domain, parts in plan.fillings for part in parts if not self.seat(part, domain)), *plan.left]

    def _next_domain(self, left: Sequence[Task], area: Area, level: int, full: Container[int]) -> int | None:
        """The tightest domain that may hold all that is left, else the roomiest; None when none is left that could hold any."""
        first, last = self.layout.inside(area, level)
        total: Counter[int] = Counter()
        for each in left:
            total += Counter(dict(each.needs))
        enough = [index for index in self._enough(tuple(total.items()), level, first, last).tolist() if first + index not in full]
        room_for = self.problem.gauge(left[0].main).at[level][first:last]
        if enough:
            return int(first + min(enough, key=lambda index: (int(room_for[index]), index)))
        some = [index for index in self._enough(left[-1].needs, level, first, last).tolist() if first + index not in full]
        return int(first + max(some, key=lambda index: (int(room_for[index]), -index))) if some else None

    def choices(self, task: Task, area: Area) -> Iterator[Area]:
        """Domains for a unit, the best first: a hard level's domains, or soft ones from narrow to broad and the area itself."""
        level = task.unit.level
        if level == WHOLE:
            yield area
        elif level is not None and level < area.level:
            # What is around it was put into a narrower domain than it asks for: it stays in there, if that is in one of its own.
            domain = self.layout.domain_of(area.low, level)
            if domain >= 0 and task.fixed in (None, domain):
                yield from self._here(task, area)
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
        narrow = (each for level in ordered for each in islice(self._domains(task, area, level), 1))
        areas = chain(narrow, self._here(task, area))
        yield from self._fewest_first(task, areas) if task.unit.prefer is not None and len(task.tasks) > FEW else areas

    def _fewest_first(self, task: Task, areas: Iterable[Area]) -> Sequence[Area]:
        """Where the parts of a unit touch the fewest of the domains that it prefers; as they stand where that says nothing."""
        plans = {area: gathering(self.problem, task.tasks, area, task.unit.prefer) for area in areas}
        self._plans = {(task, area): plan for area, plan in plans.items() if plan}
        return sorted(plans, key=lambda area: plan.touched if (plan := plans[area]) else 0)

    def _here(self, task: Task, area: Area) -> Iterator[Area]:
        """The area itself, unless those that the unit must keep away from are there."""
        apart = task.unit.apart
        crowded = apart is not None and apart.required and self._crowds(apart, area.level, np.array([area.index])).any()
        if not crowded and not _must_stand_apart(apart, area.level):
            yield area

    def _domains(self, task: Task, area: Area, level: int) -> Iterator[Area]:
        """Domains of a level that may hold the unit by every gauge, the tightest first; see `_ranked` for what else counts."""
        first, last = self.layout.inside(area, level, task.fixed if level == task.unit.level else None)
        found = self._enough(task.needs, level, first, last)
        if not len(found) or _must_stand_apart(task.unit.apart, level):
            return
        tight = self.problem.gauge(task.main).at[level][first + found]
        if task.needs_rank:
            found = self._ranked(task, level, first, found, tight)
        elif len(found) > 1:
            best = self._nearest(task, level, first + found, tight)
            yield self.layout.area(level, first + int(found[best]))
            order = tight.argsort(kind="stable")
            found = found[order[order != best]]
        for index in found[: TRIES + 1].tolist():
            yield self.layout.area(level, first + index)

    def _nearest(self, task: Task, level: int, domains: Ints, tight: Ints) -> int:
        """The tightest; of several the one inside which a unit's pods come nearest to each other, for names are no reason."""
        alike = np.flatnonzero(tight == tight.min())
        narrow = self.layout.fabric.host - 1
        if len(alike) == 1 or level >= narrow:
            return int(alike[0])
        room_for, need = self.problem.gauge(task.main).at[narrow], dict(task.needs).get(task.main, 0)
        spans = (self.layout.inside(self.layout.area(level, int(domains[each])), narrow) for each in alike)
        near = [pairs(room_for[first:last], need) for first, last in spans]
        return int(alike[near.index(max(near))])

    def _ranked(self, task: Task, level: int, first: int, found: Ints, tight: Ints) -> Ints:
        """The order of domains when more counts than tightness: few neighbours, room for those to come, not one to avoid."""
        apart, domains = task.unit.apart, first + found
        cramped = self._cramped(task, level, domains)
        near = np.zeros(len(found), np.int64) if apart is None else self._crowds(apart, level, domains)
        shunned = np.isin(domains, sorted(task.avoid))
        order = np.lexsort((found, tight, cramped, near, shunned))
        return found[order[near[order] == 0]] if apart is not None and apart.required else found[order]

    def _cramped(self, task: Task, level: int, domains: Ints) -> Ints:
        """How much is short in each domain of what those need, too, that must follow or have been promised room there."""
        total = Counter(dict(task.needs)) + Counter(dict(task.company))
        short = np.zeros(len(domains), np.int64)
        for gauge, amount in total.items():
            short = np.maximum(short, amount - self.problem.gauge(gauge).at[level][domains])
        for place in np.flatnonzero(np.isin(domains, sorted(task.promised))).tolist():
            domain = int(domains[place])
            claimed = total + Counter(dict(task.promised[domain]))
            lacks = (amount - int(self.problem.gauge(gauge).at[level][domain]) for gauge, amount in claimed.items())
            short[place] = max(0, *lacks)
        return short

    def _crowds(self, apart: Apart, level: int, domains: Ints) -> Ints:
        """Other members of the set around each domain; one that is nowhere at the level of the spread counts as crowded."""
        around = domains.tolist()
        if level < apart.level:
            return np.zeros(len(domains), np.int64)
        if level > apart.level:
            around = [self.layout.domain_of(self.layout.area(level, domain).low, apart.level) for domain in around]
        there, member = self.neighbours.members((apart.family, apart.level)), apart.member
        others = [_CROWD if domain < 0 else len(there.get(domain, ())) - (member in there.get(domain, ())) for domain in around]
        return np.array(others, np.int64)

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
        fits, count = self.problem.of_kind(pods.kind), len(pods.slots)
        if pods.balance is not None and pods.balance > area.level:
            shares = pour_evenly(self.room, fits, count, area, pods.balance)
        else:
            shares = pour(self.room, fits, count, area, prefer)
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
        found = np.flatnonzero(room_for)
        crowds = self._crowds(apart, level, first + found)
        if not len(found) or int(crowds.min()) >= _CROWD:
            return None if apart.required else area
        best = int((crowds * _CROWD + room_for[found]).argmin())
        return None if apart.required and int(crowds[best]) else self.layout.area(level, first + int(found[best]))

    def _join(self, apart: Apart | None, host: int) -> None:
        if apart is None:
            return
        domain = self.layout.domain_of(host, apart.level)
        if domain >= 0:
            self.neighbours.join((apart.family, apart.level), domain, apart.member)

    def _take(self, pods: Pods, host: int, count: int) -> None:
        devices = self.room.take(host, self.problem.fits[pods.kind].need, count)
        self.picks.append(Pick(pods, host, count, devices))

    def _mark(self) -> tuple[int, int, int]:
        return self.room.mark(), self.neighbours.mark(), len(self.picks)

    def _undo(self, mark: tuple[int, int, int]) -> None:
        self.room.undo(mark[0])
        self.neighbours.undo(mark[1])
        del self.picks[mark[2] :]


def _must_stand_apart(apart: Apart | None, level: int) -> bool:
    """Whether a domain of this level is too broad to tell that the unit stands apart: that takes the search."""
    return apart is not None and apart.required and level < apart.level
