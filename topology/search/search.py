"""Search: the thorough way. Finds room whenever there is any, or proves that there is none, unless its budget ends first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from topology.demand import Budget
from topology.search.bounds import SubsetSums
from topology.search.likeness import Likeness
from topology.search.neighbours import Neighbours
from topology.search.pouring import waste
from topology.search.problem import Problem
from topology.search.seating import Pick, Seating
from topology.search.steps import Step, steps_of
from topology.search.stock import Stock
from topology.supply.devices import Chosen
from topology.supply.layout import Area
from topology.supply.shapes import is_scarce

Outcome = Literal["found", "none", "unknown"]


@dataclass(slots=True)
class _Frame:
    """One decision under way."""

    choices: list[int]
    """Domains to try, the best first."""
    next: int = 0
    """Where in the choices to go on."""
    chosen: int = -1
    area: Area | None = None
    tried: set[object] = field(default_factory=set[object])
    """What domains that were tried look like: one like them is no better."""
    devices: tuple[Chosen, ...] = ()
    marks: tuple[int, int] = (0, 0)


class Search:
    """Depth first over the steps, tightest domain first, one of several interchangeable choices only.

    Promises are made by gauges (`Stock`), so most dead ends are seen before any host is looked at. Once every unit has its
    domain, the pods are seated the quick way; only if that fails are hosts decided one by one.
    Complete: "none" is a proof. Cost: about 30 us a step; exponential in the worst case, hence the budget.
    Source: branch and bound with symmetry breaking, as in Martello and Toth, "Knapsack Problems" (1990), chapter 8.
    """

    def __init__(self, problem: Problem, neighbours: Neighbours, budget: Budget) -> None:
        self.problem, self.room, self.layout = problem, problem.room, problem.layout
        self.neighbours, self.budget = neighbours, budget
        self.steps, self.units = steps_of(problem)
        self.stock = Stock(problem)
        self._needs = [self.stock.vector(step.needs) for step in self.steps]
        self.likeness = Likeness(problem, self.steps, self.stock)
        self.bound = SubsetSums(self.steps, [need.tolist() for need in self._needs], self.units, self.stock)
        self.picks: list[Pick] = []
        self._frames: list[_Frame] = []

    def run(self) -> Outcome:
        """Room for everything is taken if, and only if, it is found."""
        if any(self.problem.gauge(gauge).total() < amount for gauge, amount in self.problem.root.needs):
            return "none"
        self._frames = [self._frame(0)]
        while self._frames:
            if self.budget.spent():
                return self._give_up()
            if not self._advance():
                self._frames.pop()
            elif self._finished():
                return "found"
            else:
                self._deepen()
        return "none"

    def _deepen(self) -> None:
        depth = len(self._frames)
        if not self.bound.hopeless(depth) and not self.likeness.hopeless(depth):
            self._frames.append(self._frame(depth))

    def _give_up(self) -> Outcome:
        while self._frames:
            self._unassign(self._frames.pop(), len(self._frames))
        return "unknown"

    def _finished(self) -> bool:
        depth = len(self._frames)
        if depth == len(self.steps):
            self.picks = self._decided()
            return True
        return depth == self.units and self._seat_pods()

    def _advance(self) -> bool:
        """Go on to the next choice of the last step; False when there is none left."""
        frame, index = self._frames[-1], len(self._frames) - 1
        self._unassign(frame, index)
        while frame.next < len(frame.choices):
            place = frame.next
            frame.next += 1
            look = self.likeness.of(self.steps[index], frame.choices[place], self._around(index))
            if look not in frame.tried and self._assign(frame, index, place):
                frame.tried.add(look)
                return True
        self.likeness.give_up(index)
        return False

    def _frame(self, index: int) -> _Frame:
        """A new decision. An interchangeable one goes on from where its twin stands: every multiset of choices comes up once."""
        twin = self.steps[index].twin
        if twin >= 0:
            return _Frame(self._frames[twin].choices, self._frames[twin].chosen)
        return _Frame(list(self._choices(index)))

    def _around(self, index: int) -> Area:
        parent = self.steps[index].parent
        area = None if parent < 0 else self._frames[parent].area
        return self.layout.whole if area is None else area

    def _choices(self, index: int) -> Iterator[int]:
        step, around = self.steps[index], self._around(index)
        first, last = self.layout.inside(around, step.level, None if step.task is None else step.task.fixed)
        if step.pods is not None:
            yield from self._hosts(step, first, last)
            return
        if step.level == around.level:
            yield from range(first, last)  # what was promised to the unit around it counts this in
            return
        found = first + self.stock.enough(self._needs[index], step.level, first, last)
        tight = self.stock.tightness(step.main, step.level)[found]
        yield from found[tight.argsort(kind="stable")].tolist()

    def _hosts(self, step: Step, first: int, last: int) -> list[int]:
        """Hosts for a pod, where least is wasted."""
        assert step.pods is not None
        fits = self.problem.of_kind(step.pods.kind)
        hosts = (first + np.flatnonzero(fits.host[first:last])).tolist()
        devices = [(amount, self.room.columns[name]) for name, amount in fits.shape.requests if is_scarce(name)]
        if not devices:
            return sorted(hosts, key=lambda host: (int(fits.host[host]), host))
        size, column = max(devices)
        free = self.room.free[:, column]
        return sorted(hosts, key=lambda host: (waste(int(free[host]), size), int(free[host]), host))

    def _assign(self, frame: _Frame, index: int, place: int) -> bool:
        step, around = self.steps[index], self._around(index)
        area = self.layout.area(step.level, frame.choices[place])
        if not self._apart(step, area):
            return False
        if step.pods is not None and not self._fits_on(step, area.low):
            return False
        frame.marks = (self.room.mark(), self.neighbours.mark())
        frame.chosen, frame.area = place, area
        if not self.stock.promise(self._needs[index], area, around.level):
            self._unassign(frame, index)
            return False
        if step.pods is not None:
            frame.devices = self.room.take(area.low, self.problem.fits[step.pods.kind].need)
        self._join(step, area)
        return True

    def _unassign(self, frame: _Frame, index: int) -> None:
        if frame.area is None:
            return
        self.stock.promise(-self._needs[index], frame.area, self._around(index).level)
        self.room.undo(frame.marks[0])
        self.neighbours.undo(frame.marks[1])
        frame.area, frame.chosen = None, -1

    def _fits_on(self, step: Step, host: int) -> bool:
        assert step.pods is not None
        return bool(self.problem.of_kind(step.pods.kind).host[host])

    def _apart(self, step: Step, area: Area) -> bool:
        """Whether every required spread still holds with this choice."""
        for apart in step.aparts:
            if apart.level <= step.level:
                domain = self.layout.domain_of(area.low, apart.level)
                if domain < 0 or self.neighbours.others((apart.family, apart.level), domain, apart.member):
                    return False
        return True

    def _join(self, step: Step, area: Area) -> None:
        for apart in step.aparts:
            if apart.level <= step.level:
                domain = self.layout.domain_of(area.low, apart.level)
                self.neighbours.join((apart.family, apart.level), domain, apart.member)

    def _seat_pods(self) -> bool:
        """All pods the quick way, the bulkiest first, each in the domain of its unit. Only if no spread is left to be watched."""
        seating = Seating(self.problem, self.neighbours)
        mark = self.room.mark(), self.neighbours.mark()
        seen: set[str] = set()
        for index in range(self.units, len(self.steps)):
            step = self.steps[index]
            assert step.pods is not None
            if step.pods.slots[0] in seen:
                continue
            seen.add(step.pods.slots[0])
            around = self._around(index)
            loose = any(apart.level > around.level and apart.family != step.pods.name for apart in step.aparts)
            if loose or not seating.pour_into(step.pods, around):
                self.room.undo(mark[0])
                self.neighbours.undo(mark[1])
                return False
        self.picks = seating.picks
        return True

    def _decided(self) -> list[Pick]:
        chosen = zip(self.steps[self.units :], self._frames[self.units :], strict=True)
        return [Pick(step.pods, frame.area.low, 1, frame.devices) for step, frame in chosen if step.pods and frame.area]
