"""Alike: units of a few classes, and into which domains of a preferred level they go so that few are touched."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from topology.gathering import gathered
from topology.layout import Area
from topology.problem import Amounts, Problem, Task

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


def gathering(problem: Problem, tasks: Sequence[Task], area: Area, level: int | None) -> Gathering | None:
    """Domains of a level in an area for units that may each be in any of them, by the gauges; None where it has no answer.

    That is so for a few units, for those that one domain may hold all, and for more classes than can be counted through.
    Cost: see `gathered`.
    """
    if level is None or level <= area.level or len(tasks) <= FEW:
        return None
    alike: dict[Amounts, list[Task]] = {}
    left: list[Task] = []
    for task in sorted(tasks, key=_largest_pod, reverse=True):
        free = task.unit.level in (None, level) and task.fixed is None and not task.needs_rank
        (alike.setdefault(task.needs, []) if free else left).append(task)
    gauges = sorted({gauge for needs in alike for gauge, _ in needs})
    first, last = problem.layout.inside(area, level)
    if not gauges or last - first < 2:
        return None
    needs = np.array([[dict(each).get(gauge, 0) for gauge in gauges] for each in alike], np.int64)
    room = np.array([problem.gauge(gauge).at[level][first:last] for gauge in gauges], np.int64)
    counts = np.array([len(each) for each in alike.values()], np.int64)
    one_may_do = bool((room >= (counts @ needs)[:, None]).all(axis=0).any())
    found = None if one_may_do else gathered(counts, needs, room)
    if found is None:
        return None
    queues = [iter(same) for same in alike.values()]
    fillings = tuple(
        (
            problem.layout.area(level, first + domain),
            tuple(next(queue) for queue, number in zip(queues, numbers.tolist(), strict=True) for _ in range(number)),
        )
        for domain, numbers in found
    )
    return Gathering(fillings, tuple(left))


def _largest_pod(task: Task) -> tuple[int, ...]:
    return task.bulk[len(task.bulk) // 2 :]
