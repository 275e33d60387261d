"""Likeness: which choices are as good as each other, so that a search tries one of them, and which states lead nowhere."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from topology.search.problem import Problem
from topology.search.steps import Step
from topology.search.stock import Stock
from topology.supply.layout import Area, Ints
from topology.supply.shapes import is_scarce


class Likeness:
    """Domains that look alike are interchangeable.

    In general those with equal hosts that nothing was promised of. Where gauges are exact and all units are of one level (see
    `_exact`), domains with the same left, whatever was promised of them; then a state that failed is remembered by what is left.
    """

    def __init__(self, problem: Problem, steps: Sequence[Step], stock: Stock) -> None:
        self._problem, self._steps, self._stock = problem, steps, stock
        self._exact = _flat(steps, stock.host) and _divisible(problem)
        self._profiles: dict[tuple[int, int], int] = {}
        self._known: dict[object, int] = {}
        self._dead: set[object] = set()
        self._states: dict[int, object] = {}

    def of(self, step: Step, domain: int, around: Area) -> object:
        """What a domain looks like to a step; equal looks, equal chances."""
        if step.aparts:
            return (domain,)
        if self._exact and step.task is not None:
            return self._stock.of(step.level, domain)
        between = range(around.level + 1, step.level + 1)
        low = self._stock.layout.area(step.level, domain).low
        return tuple(self._look(level, self._stock.layout.domain_of(low, level)) for level in between)

    def hopeless(self, depth: int) -> bool:
        """Whether what is left before a step, units all of one level, is known to lead nowhere."""
        step = self._steps[depth]
        if not self._exact or step.task is None or step.twin >= 0:
            return False
        state = (depth, self._stock.state(step.level))
        self._states[depth] = state
        return state in self._dead

    def give_up(self, depth: int) -> None:
        """Every choice of a step has failed."""
        if (state := self._states.pop(depth, None)) is not None:
            self._dead.add(state)

    def _look(self, level: int, domain: int) -> object:
        if domain < 0 or self._stock.touched.get((level, domain)):
            return -1 - domain
        return self._profile(level, domain)

    def _profile(self, level: int, domain: int) -> int:
        """A number for what a domain is made of: equal for domains with equal hosts in equal domains inside."""
        if (level, domain) not in self._profiles:
            parts = self._parts(self._stock.layout.area(level, domain))
            self._profiles[level, domain] = self._known.setdefault(parts, len(self._known))
        return self._profiles[level, domain]

    def _parts(self, area: Area) -> object:
        if area.level == self._stock.host:
            return self._host(area.low)
        if area.level + 1 == self._stock.host:
            return ("hosts", *sorted(row.tobytes() for row in self._rows(area)))
        first, last = self._stock.layout.inside(area, area.level + 1)
        of_host = self._stock.layout.stretches[area.level + 1].of_host
        strays = sorted(self._host(host) for host in range(area.low, area.high) if of_host[host] < 0)
        return (*sorted(self._profile(area.level + 1, inner) for inner in range(first, last)), "strays", *strays)

    def _rows(self, area: Area) -> Ints:
        """What each host is to these kinds of pods, and what it has left."""
        able = [np.minimum(fits.host[area.low : area.high, None], 1) for fits in self._problem.fits]
        return np.hstack([*able, self._problem.room.free[area.low : area.high]])

    def _host(self, host: int) -> tuple[int, ...]:
        return tuple(int(fits.host[host] > 0) for fits in self._problem.fits) + tuple(self._problem.room.free[host].tolist())


def _flat(steps: Sequence[Step], host: int) -> bool:
    """Whether all units choose freely from the same domains, and every pod belongs to one."""
    level = steps[0].level
    if level == host or any(step.aparts for step in steps):
        return False
    units = [step.task for step in steps if step.task is not None and step.parent < 0 and step.level == level]
    pods = [step for step in steps if step.pods is not None]
    free = all(task.fixed is None and not task.tasks for task in units)
    return free and len(units) + len(pods) == len(steps) and all(step.parent >= 0 for step in pods)


def _divisible(problem: Problem) -> bool:
    """Whether one device decides alone, in sizes that divide each other: then pods fit whenever every gauge says so."""
    kinds = problem.kinds
    devices = {name for kind in kinds for name, _ in kind.requests if is_scarce(name)}
    if len(devices) != 1 or len({kind.rule for kind in kinds}) != 1:
        return False
    (device,) = devices
    sizes = sorted(dict(kind.requests).get(device, 0) for kind in kinds)
    if not sizes[0] or any(large % small for small, large in pairwise(sizes)):
        return False
    return _others_never_bind(problem, device)


def _others_never_bind(problem: Problem, device: str) -> bool:
    room = problem.room
    if not all(fits.need.known for fits in problem.fits):
        return False
    open_hosts = np.flatnonzero(np.maximum.reduce([fits.host for fits in problem.fits]) > 0)
    rows = room.free[open_hosts]
    for kind in problem.kinds:
        asked = dict(kind.requests)
        for name, amount in kind.requests:
            if name == device:
                continue
            have, devices = rows[:, room.columns[name]].astype(float), rows[:, room.columns[device]].astype(float)
            if bool((have * asked[device] < devices * amount).any()):
                return False
    return True
