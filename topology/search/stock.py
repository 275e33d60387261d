"""Stock: what each domain can still hold while a search promises parts of it, by every gauge."""

import numpy as np

from topology.search.problem import Amounts, Problem
from topology.supply.layout import Area, Ints


class Stock:
    """Copies of the gauges at every level, and what was promised out of them."""

    def __init__(self, problem: Problem) -> None:
        self.layout = problem.layout
        self.host = problem.layout.fabric.host
        self._gauges = distinct(problem)
        at = [problem.gauge(gauge).at for gauge in self._gauges]
        self._left: list[Ints] = [np.stack(gauges) for gauges in zip(*at, strict=True)]
        self._place = {gauge: place for place, gauge in enumerate(self._gauges)}
        self.touched: dict[tuple[int, int], int] = {}
        """How many promises were made in a domain (level and index)."""

    def vector(self, needs: Amounts) -> Ints:
        """What is needed, as `enough` and `promise` take it: one amount for each gauge that says something of its own."""
        amounts = dict(needs)
        return np.array([amounts.get(gauge, 0) for gauge in self._gauges], np.int64)

    def enough(self, needs: Ints, level: int, first: int, last: int) -> Ints:
        """Domains, counted from the first, that have what is needed by every gauge."""
        return np.flatnonzero((self._left[level][:, first:last] >= needs[:, None]).all(axis=0))

    def promise(self, needs: Ints, area: Area, around: int) -> bool:
        """Set aside what is needed in a domain, and in those between it and the level around. Says whether there was enough.

        To give it back, promise the negative.
        """
        enough, sign = True, 1 if int(needs.sum()) >= 0 else -1
        for level in range(around + 1, area.level + 1):
            domain = self.layout.domain_of(area.low, level)
            if domain >= 0:
                self.touched[level, domain] = self.touched.get((level, domain), 0) + sign
                left = self._left[level][:, domain]
                left -= needs
                enough = enough and int(left.min()) >= 0
        return enough

    def tightness(self, gauge: int, level: int) -> Ints:
        """What is left in each domain of a level by one gauge, or by the first when that one says nothing of its own."""
        left: Ints = self._left[level][self._place.get(gauge, 0)]
        return left

    def of(self, level: int, domain: int) -> tuple[int, ...]:
        """What is left in a domain, by every gauge."""
        return tuple(self._left[level][:, domain].tolist())

    def lefts(self, level: int) -> list[list[int]]:
        """What is left in each domain of a level, gauge by gauge; never less than nothing."""
        return [[max(0, left) for left in gauge] for gauge in self._left[level].tolist()]

    def state(self, level: int) -> tuple[tuple[int, ...], ...]:
        """What is left in every domain of a level, whichever is which."""
        return tuple(sorted(map(tuple, self._left[level].T.tolist())))


def distinct(problem: Problem) -> list[int]:
    """Gauges, less those that another makes superfluous: the same for every host, and weighing at least as much."""
    kept: list[int] = []
    for gauge in reversed(range(len(problem.weights))):
        mine, weights = problem.gauge(gauge).host, problem.weights[gauge].weights
        like = [other for other in kept if _covers(problem.weights[other].weights, weights)]
        if not any(bool((problem.gauge(other).host == mine).all()) for other in like):
            kept.append(gauge)
    return sorted(kept)


def _covers(large: tuple[int, ...], small: tuple[int, ...]) -> bool:
    return all(one >= other for one, other in zip(large, small, strict=True))
