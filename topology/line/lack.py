"""Lack: where a gang that waits comes nearest to fitting, and how much room would have to be freed for it there.

Two parts of 4 pods each, each in one rack, both in one block. For such pods there is room in the racks of

    block a: 3 and 3      one part in each rack: 1 + 1 missing
    block b: 7 and 0      both in the first rack: 8 - 7 = 1 missing, and it comes nearest there

So who takes room in block a, or in the second rack of b, takes nothing from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from topology.line.loads import FLEET, Domain, Loads
from topology.search.problem import Problem, Task
from topology.search.units import WHOLE
from topology.supply.layout import Area, Ints

NOWHERE = -1
"""The home of a part for which there is no domain."""
FAR = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What must share a domain."""

    task: Task
    level: int
    around: int
    """The part that it is in, by position; -1 for the fleet."""
    needs: Ints
    """By every gauge, with what the parts inside need."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A domain for every part, and what is missing there: by how much domains are too small, summed over the gauges."""

    homes: tuple[int, ...]
    missing: int


class Lack:
    """Of one gang, on a room that changes. Cost: linear in its parts to make."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self._layout = problem, problem.layout
        self._gauges = [gauge for gauge, _ in problem.root.needs]
        self._needs = self._vector(problem.root)
        self.parts: list[Part] = []
        self._collect(problem.root, NOWHERE)
        self._levels = sorted({part.level for part in self.parts})
        self._holders = {part.around for part in self.parts}

    def missing(self, fit: Fit) -> int:
        """With the parts in these domains, as of now. Cost: some 10 us a part."""
        loads, chosen = self._loads(), list[int]()
        for home in fit.homes:
            self._put(chosen, loads, home)
        return loads.missing

    def nearest(self, steps: int) -> tuple[Fit, int]:
        """Where least is missing, and the steps that this took; after so many, of about 100 us, where least was found to be.

        Depth first, outer parts before inner ones, the domain first that lacks least. What can't be better is passed over, and so
        is what has the same loads as something looked at.
        """
        loads, chosen, seen = self._loads(), list[int](), set[object]()
        best, least = Fit((), FAR), loads.missing
        used = 0
        stack = [self._choices(chosen, loads)] if self.parts else []
        while stack and best.missing > least and (used < steps or best.missing == FAR):
            if len(chosen) == len(stack):
                self._take_back(chosen, loads)
            home = next(stack[-1], None)
            if home is None:
                stack.pop()
                continue
            used += 1
            self._put(chosen, loads, home)
            if loads.missing < best.missing and (state := self._state(chosen, loads)) not in seen:
                seen.add(state)
                if len(chosen) == len(self.parts):
                    best = Fit(tuple(chosen), loads.missing)
                    continue
                stack.append(self._choices(chosen, loads))
        return (best, used) if self.parts else (Fit((), least), 0)

    def homes(self, fit: Fit) -> Iterator[tuple[Part, Area]]:
        """Every part that has a domain, with that."""
        for part, home in zip(self.parts, fit.homes, strict=False):
            if home != NOWHERE:
                yield part, self._layout.area(part.level, home)

    def areas(self, fit: Fit) -> list[tuple[int, int]]:
        """Hosts, from the first up to, not including, the second, on which it depends what is missing."""
        outer = [area for part, area in self.homes(fit) if part.around == NOWHERE]
        short = any(self.problem.gauge(gauge).total() < amount for gauge, amount in self.problem.root.needs)
        return [(area.low, area.high) for area in ([self._layout.whole] if short or not outer else outer)]

    def free(self, fit: Fit) -> tuple[int, ...]:
        """What is free in the domains of the outermost parts, by every gauge."""
        outer = [(part.level, area.index) for part, area in self.homes(fit) if part.around == NOWHERE]
        return tuple(amount for domain in outer for amount in self._free(domain).tolist())

    def _collect(self, task: Task, around: int) -> None:
        if task.unit.level not in {None, WHOLE}:
            self.parts.append(Part(task, task.unit.level or 0, around, self._vector(task)))
            around = len(self.parts) - 1
        for inner in task.tasks:
            self._collect(inner, around)

    def _vector(self, task: Task) -> Ints:
        needs = dict(task.needs)
        return np.array([needs.get(gauge, 0) for gauge in self._gauges], np.int64)

    def _loads(self) -> Loads:
        loads = Loads(self._free, self._around)
        loads.add(FLEET, self._needs, WHOLE - 1)
        return loads

    def _free(self, domain: Domain) -> Ints:
        level, index = domain
        gauges = [self.problem.gauge(gauge) for gauge in self._gauges]
        if level == WHOLE:
            return np.array([gauge.total() for gauge in gauges], np.int64)
        return np.array([0 if index == NOWHERE else gauge.at[level][index] for gauge in gauges], np.int64)

    def _around(self, domain: Domain) -> Domain:
        level, index = domain
        low = self._layout.area(level, index).low if index != NOWHERE else 0
        for broader in (each for each in reversed(self._levels) if each < level and index != NOWHERE):
            if (found := self._layout.domain_of(low, broader)) != NOWHERE:
                return broader, found
        return FLEET

    def _outer(self, part: Part) -> int:
        return self.parts[part.around].level if part.around != NOWHERE else WHOLE

    def _put(self, chosen: list[int], loads: Loads, home: int) -> None:
        """Put the next part into a domain."""
        part = self.parts[len(chosen)]
        loads.add((part.level, home), part.needs, self._outer(part))
        chosen.append(home)

    def _take_back(self, chosen: list[int], loads: Loads) -> None:
        home = chosen.pop()
        part = self.parts[len(chosen)]
        loads.add((part.level, home), -part.needs, self._outer(part))

    def _state(self, chosen: list[int], loads: Loads) -> object:
        """Equal where what is still to be chosen finds the same."""
        return len(chosen), loads.state(), tuple(chosen[index] for index in self._holders if index < len(chosen))

    def _choices(self, chosen: list[int], loads: Loads) -> Iterator[int]:
        """Domains for the next part: those first that lack least; of these the roomiest for what has parts, else the tightest."""
        part = self.parts[len(chosen)]
        home = chosen[part.around] if part.around != NOWHERE else 0
        around = self._layout.whole if part.around == NOWHERE else self._layout.area(self._outer(part), home)
        first, last = self._layout.inside(around, part.level, part.task.fixed) if home != NOWHERE else (0, 0)
        if first >= last:
            yield NOWHERE
            return
        left = np.stack([self.problem.gauge(gauge).at[part.level][first:last] for gauge in self._gauges])
        loads.take_from(left, part.level, first)
        lacks = np.maximum(part.needs[:, None] - np.maximum(left, 0), 0).sum(axis=0)
        tight = left.sum(axis=0) * (-1 if len(chosen) in self._holders else 1)
        seen = set[bytes]()
        for place in np.lexsort((tight, lacks)).tolist():
            look = left[:, place].tobytes()
            if len(chosen) in self._holders or self._between(part) or look not in seen:
                seen.add(look)
                yield first + place

    def _between(self, part: Part) -> bool:
        """Whether levels of other parts lie between its own and the one around it, so that domains with equal room differ."""
        return any(self._outer(part) < level < part.level for level in self._levels)
