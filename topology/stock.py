"""Stock: what each domain can still hold while a search promises parts of it, by every gauge."""

import numpy as np

from topology.layout import Area, Ints
from topology.problem import Amounts, Problem


class Stock:
    """Copies of the gauges at every level, and what was promised out of them."""

    def __init__(self, problem: Problem) -> None:
        self.layout = problem.layout
        self.host = problem.layout.fabric.host
        self.gauges = _distinct(problem)
        """Those that say something that no other says."""
        self.left = {gauge: [each.copy() for each in problem.gauge(gauge).at] for gauge in self.gauges}
        self.touched: dict[tuple[int, int], int] = {}
        """How many promises were made in a domain (level and index)."""

    def enough(self, needs: Amounts, level: int, first: int, last: int) -> Ints:
        """Domains, counted from the first, that have what is needed by every gauge."""
        ok = np.ones(last - first, np.bool_)
        for gauge, amount in needs:
            if gauge in self.left:
                ok &= self.left[gauge][level][first:last] >= amount
        return np.flatnonzero(ok)

    def promise(self, needs: Amounts, area: Area, around: int, sign: int = 1) -> bool:
        """Set aside what is needed in a domain, and in those between it and the level around. Says whether there was enough.

        With sign -1 it is given back.
        """
        enough = True
        for level in range(around + 1, area.level + 1):
            domain = self.layout.domain_of(area.low, level)
            if domain < 0:
                continue
            self.touched[level, domain] = self.touched.get((level, domain), 0) + sign
            for gauge, amount in needs:
                if gauge in self.left:
                    left = self.left[gauge][level]
                    left[domain] -= sign * amount
                    enough = enough and int(left[domain]) >= 0
        return enough

    def of(self, level: int, domain: int) -> tuple[int, ...]:
        """What is left in a domain, by every gauge."""
        return tuple(int(self.left[gauge][level][domain]) for gauge in self.gauges)


def _distinct(problem: Problem) -> list[int]:
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
