"""Partly: the best that was found of a gang when the search for all of it ended early."""

from dataclasses import replace

import numpy as np

from topology.search.neighbours import Neighbours
from topology.search.problem import Problem, Task
from topology.search.seating import Pick, Seating
from topology.search.units import WHOLE, Pods
from topology.supply.layout import Area, Ints


class Partly:
    """Room for as many pods of a gang as the quick way finds at once, every required level and spread kept.

    What does not fit whole goes where most of it does. Cost: that of seating every part a few times. Where the search had come
    furthest was tried as a start: of 89 gangs of odd sizes it seated more in 2, and fewer in 72.
    """

    def __init__(self, problem: Problem, neighbours: Neighbours) -> None:
        self.problem, self.neighbours = problem, neighbours
        self.pods = 0
        """That have room at once. It is taken if that is all of them, else given back."""
        self.bound = _pods(problem.root)
        """No more can have room. A lower one would prove that the gang has none, and then it is not asked for its best."""
        self._seating = Seating(problem, neighbours)

    @property
    def picks(self) -> list[Pick]:
        """Where they sit, if all do."""
        return self._seating.picks

    def run(self) -> bool:
        """Whether all of it was found after all."""
        mark = self.problem.room.mark(), self.neighbours.mark()
        self.pods = self._most(self.problem.root, self.problem.whole)
        if self.pods < self.bound:
            self.problem.room.undo(mark[0])
            self.neighbours.undo(mark[1])
        return self.pods == self.bound

    def _most(self, task: Task, area: Area) -> int:
        if self._seating.settle(task, area):
            return _pods(task)
        if task.unit.apart is not None and task.unit.apart.required:
            return 0  # where some of it is, no other one may be: it goes as a whole
        home = self._roomiest(task, area)
        if home is None:
            return 0
        return sum(self._most(inner, home) for inner in task.tasks) + sum(self._some(pods, home) for pods in task.pods)

    def _some(self, pods: Pods, area: Area) -> int:
        if pods.spread is not None:
            return sum(self._seating.pour_into(replace(pods, slots=(slot,)), area) for slot in pods.slots)
        fit = min(len(pods.slots), int(self.problem.of_kind(pods.kind).host[area.low : area.high].sum()))
        return fit if fit and self._seating.pour_into(replace(pods, slots=pods.slots[:fit]), area) else 0

    def _roomiest(self, task: Task, area: Area) -> Area | None:
        """The domain in the area that has room for the most of a unit's pods, kind by kind; of several the tightest."""
        level, layout = task.unit.level, self.problem.layout
        if level is None or level == WHOLE:
            return area
        if level < area.level:
            domain = layout.domain_of(area.low, level)
            return area if domain >= 0 and task.fixed in {None, domain} else None
        first, last = layout.inside(area, level, task.fixed)
        if first >= last:
            return None
        most: Ints = np.zeros(last - first, np.int64)
        for kind, count in task.counts:
            most += np.minimum(self.problem.of_kind(kind).at[level][first:last], count)
        tight = self.problem.gauge(task.main).at[level][first:last]
        return layout.area(level, first + int(np.lexsort((tight, -most))[0]))


def _pods(task: Task) -> int:
    return sum(count for _, count in task.counts)
