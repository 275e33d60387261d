"""The line: who waits for room, and what those behind may take without making that wait longer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from topology.demand import Budget, Code, Demand, Granted, NoRoom
from topology.placement import seat
from topology.search.neighbours import Neighbours
from topology.search.problem import Problem, Task, seats_of
from topology.search.units import WHOLE, Misfit
from topology.supply.layout import Ints
from topology.supply.room import Room, free_table

MOST = 16
"""Heads of the line that are minded: each costs every gang behind it about 50 us."""
FOR_ROOM: tuple[Code, ...] = ("InsufficientCapacity", "NoDomainFits", "ScopeFull", "SearchLimit")
"""Reasons that pass when room comes. Who can never have room stands in nobody's way."""
STEPS = 500


@dataclass(frozen=True, slots=True)
class Slack:
    """How far a waiting gang is from fitting: pods to spare where it comes nearest, negative for what is missing."""

    fleet: tuple[int, ...]
    """Over the whole fleet, for each part that may be anywhere."""
    domains: tuple[int, ...]
    """In the best domain, for each part that must have one."""
    all_in_all: tuple[int, ...]
    """Pods of each kind that find room anywhere."""


@dataclass(slots=True)
class _Waiter:
    demand: Demand
    problem: Problem
    aged: bool
    slack: Slack
    best: str
    """Path of the domain where its first part comes nearest."""


class Line:
    """Gangs that found no room in this batch, the first in turn first."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiters: list[_Waiter] = []

    def join(self, demand: Demand, answer: NoRoom) -> None:
        """A gang has to wait."""
        if len(self._waiters) >= MOST or answer.code not in FOR_ROOM or not demand.system or self._exceeds_all(demand):
            return
        try:
            problem = Problem(self._room, demand)
        except Misfit:
            return
        aged = demand.aged and self._could_ever_fit(demand)
        self._waiters.append(_Waiter(demand, problem, aged, slack_of(problem), _best(problem)))

    def promised(self, system: str) -> dict[str, tuple[Demand, ...]]:
        """Domains that gangs of other systems hope for."""
        found: dict[str, tuple[Demand, ...]] = {}
        for each in self._waiters:
            if each.best and each.demand.system != system:
                found[each.best] = (*found.get(each.best, ()), each.demand)
        return found

    def passed_by(self, demand: Demand) -> NoRoom | None:
        """Why a gang that has just taken room may not keep it: somebody who came before would have to wait for more.

        What is repaired (it keeps something) may keep what it took; those who wait are measured anew after it.
        """
        now = [slack_of(each.problem) for each in self._waiters]
        for each, after in zip(self._waiters, now, strict=True):
            other = each.demand.system != demand.system and not demand.keep
            if other and _worse(each.slack, after, aged=each.aged):
                return NoRoom(demand.gang.name, "WaitsInTurn", _sentence(each))
        for each, after in zip(self._waiters, now, strict=True):
            each.slack = after
        return None

    def _exceeds_all(self, demand: Demand) -> bool:
        """Whether it would not fit if all that the hosts have were free: then nobody makes it wait for longer."""
        total = np.zeros_like(self._room.capacity)
        for pods in seats_of(demand.gang.root):
            total += self._room.need(demand.shapes[pods.role].requests).vector * len(pods.slots)
        return bool((total > self._room.capacity).any())

    def _could_ever_fit(self, demand: Demand) -> bool:
        """On a fleet without any pods. Cost: one placement."""
        layout = self._room.layout
        empty = Room(layout, self._room.columns, free_table(layout.hosts, self._room.columns))
        found = seat(empty, replace(demand, keep={}, taken={}), Neighbours(layout, {}), Budget(STEPS))
        return isinstance(found, Granted)


def slack_of(problem: Problem) -> Slack:
    """Of a gang, as of now. Cost: a numpy call for each gauge of each part that must have a domain."""
    fleet: list[int] = []
    domains: list[int] = []
    _gather(problem, problem.root, fleet, domains)
    kinds = sorted({kind for kind, _ in problem.root.counts})
    return Slack(tuple(fleet), tuple(domains), tuple(problem.of_kind(kind).total() for kind in kinds))


def _gather(problem: Problem, task: Task, fleet: list[int], domains: list[int]) -> None:
    if task.unit.level not in {None, WHOLE}:
        spare = _spare(problem, task)
        domains.append(int(spare.max()) if len(spare) else -len(task.counts))
        return
    fleet.append(min((problem.gauge(gauge).total() - amount for gauge, amount in task.needs), default=0))
    for inner in task.tasks:
        _gather(problem, inner, fleet, domains)


def _spare(problem: Problem, task: Task) -> Ints:
    """What each domain would have to spare, by the gauge that is shortest there."""
    level = task.unit.level or 0
    first, last = problem.layout.inside(problem.whole, level, task.fixed)
    rows = [problem.gauge(gauge).at[level][first:last] - amount for gauge, amount in task.needs]
    return np.minimum.reduce(rows) if rows else np.zeros(last - first, np.int64)


def _best(problem: Problem) -> str:
    task = problem.root
    while task.unit.level in {None, WHOLE}:
        if not task.tasks:
            return ""
        task = task.tasks[0]
    spare = _spare(problem, task)
    first = 0 if task.fixed is None else task.fixed
    return problem.layout.domain_name(task.unit.level or 0, first + int(spare.argmax())) if len(spare) else ""


def _worse(before: Slack, after: Slack, *, aged: bool) -> bool:
    """Whether what is missing has grown; for one that has waited too long, whether anything that it could use was taken."""
    if aged:
        return _any_less(before.all_in_all, after.all_in_all)
    missing = min((*before.fleet, *before.domains), default=0) < 0
    short = [
        now < then and (now < 0 or (not missing and here))
        for some, others, here in ((before.fleet, after.fleet, False), (before.domains, after.domains, True))
        for then, now in zip(some, others, strict=True)
    ]
    return any(short)


def _any_less(before: Sequence[int], after: Sequence[int]) -> bool:
    return any(now < then for then, now in zip(before, after, strict=True))


def _sentence(waiter: _Waiter) -> str:
    who = f"gang {waiter.demand.gang.name} of {waiter.demand.system}"
    if waiter.aged:
        return f"it waits behind {who}, which has waited so long that nothing may pass it; free room for that one, or withdraw it"
    where = f" in {waiter.best}" if waiter.best else ""
    remedy = "free room for both, or give this one a higher priority"
    return f"it would take room that {who}, which comes first, needs{where}; {remedy}"
