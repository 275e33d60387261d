"""Alike: units of a few classes, and into which domains of a level they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from topology.search.gathering import Filling, gathered
from topology.search.problem import Amounts, Problem, Task
from topology.supply.layout import Area, Ints

FEW = 3
"""Units for which to look for the fewest domains is not worth the while."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Which units go into which domain."""

    fillings: tuple[tuple[Area, tuple[Task, ...]], ...]
    left: tuple[Task, ...]
    """Those that it says nothing of."""

    @property
    def touched(self) -> float:
        """Domains; without end where they do not all fit."""
        return len(self.fillings) or inf


@dataclass(frozen=True, slots=True)
class Classes:
    """Units of one area by what they need, and what its domains of a level have."""

    counts: Ints
    needs: Ints
    """`[class, gauge]`, of one unit."""
    room: Ints
    """`[gauge, domain]`."""
    domains: tuple[Area, ...]
    alike: tuple[tuple[Task, ...], ...]
    left: tuple[Task, ...]
    """Units that may not be in any of the domains that has room."""

    def gathering(self, found: Sequence[Filling]) -> Gathering:
        """These fillings, unit by unit."""
        queues = [iter(same) for same in self.alike]
        inside = (
            tuple(next(queue) for queue, number in zip(queues, numbers.tolist(), strict=True) for _ in range(number))
            for _, numbers in found
        )
        return Gathering(tuple((self.domains[at], parts) for (at, _), parts in zip(found, inside, strict=True)), self.left)


def classes_of(problem: Problem, tasks: Sequence[Task], area: Area, level: int) -> Classes | None:
    """Units that may each be in any domain of a level in the area, by the gauges, largest pods first; None if there are none."""
    alike: dict[Amounts, list[Task]] = {}
    left: list[Task] = []
    for task in sorted(tasks, key=_largest_pod, reverse=True):
        free = task.unit.level in (None, level) and task.fixed is None and not task.needs_rank
        (alike.setdefault(task.needs, []) if free else left).append(task)
    gauges = sorted({gauge for needs in alike for gauge, _ in needs})
    first, last = problem.layout.inside(area, level)
    if not gauges or first == last:
        return None
    return Classes(
        np.array([len(each) for each in alike.values()], np.int64),
        np.array([[dict(each).get(gauge, 0) for gauge in gauges] for each in alike], np.int64),
        np.array([problem.gauge(gauge).at[level][first:last] for gauge in gauges], np.int64),
        tuple(problem.layout.area(level, domain) for domain in range(first, last)),
        tuple(map(tuple, alike.values())),
        tuple(left),
    )


def gathering(problem: Problem, tasks: Sequence[Task], area: Area, level: int | None) -> Gathering | None:
    """As few domains of a level in an area as can be, by the gauges; None where it has no answer.

    That is so for a few units, for those that one domain may hold all, and for more classes than can be counted through.
    Cost: see `gathered`.
    """
    if level is None or level <= area.level or len(tasks) <= FEW:
        return None
    classes = classes_of(problem, tasks, area, level)
    if classes is None or (classes.room >= (classes.counts @ classes.needs)[:, None]).all(axis=0).any():
        return None
    found = gathered(classes.counts, classes.needs, classes.room)
    return None if found is None else classes.gathering(found)


def _largest_pod(task: Task) -> tuple[int, ...]:
    return task.bulk[len(task.bulk) // 2 :]
