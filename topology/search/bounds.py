"""Bounds: what units still to be placed can make of what domains have left."""

from collections.abc import Sequence

from topology.search.steps import Step
from topology.search.stock import Stock

MOST_DOMAINS = 64
"""With more domains than this there is slack enough that the bound would say little for its cost."""
MOST_UNITS = 20_000
"""Of a gauge: sums are bits of one integer."""


class SubsetSums:
    """No domain is filled beyond the largest sum of unit sizes that it can hold, so waste is counted before it happens.

    For units that all choose from the domains of one level; otherwise it never speaks. A proof: `hopeless` is never wrong.
    Cost: a few microseconds a domain and gauge, with sums kept as bits of integers.
    Source: the upper bound by subset sums for multiple knapsacks, Martello and Toth, "Knapsack Problems" (1990), chapter 6.
    """

    def __init__(self, steps: Sequence[Step], sizes: Sequence[Sequence[int]], units: int, stock: Stock) -> None:
        self._stock = stock
        self._level = steps[0].level
        same = units > 0 and all(step.level == self._level and step.parent < 0 for step in steps[:units])
        first, last = stock.layout.inside(stock.layout.whole, self._level)
        self._speaks = same and last - first <= MOST_DOMAINS
        self._suffixes = _suffixes([sizes[index] for index in range(units)]) if self._speaks else []

    def hopeless(self, depth: int) -> bool:
        """Whether the units from this step on can't all go into what is left."""
        if not self._speaks or depth >= len(self._suffixes):
            return False
        left = self._stock.lefts(self._level)
        return any(
            sum((sums & ((1 << (room + 1)) - 1)).bit_length() - 1 for room in left[gauge]) < need
            for gauge, need, sums in self._suffixes[depth]
        )


def _suffixes(sizes: Sequence[Sequence[int]]) -> list[list[tuple[int, int, int]]]:
    """For each step: gauge, what it and those after it need, and every sum of some of them, as bits."""
    gauges = range(len(sizes[0])) if sizes else range(0)
    small = [gauge for gauge in gauges if 0 < sum(each[gauge] for each in sizes) <= MOST_UNITS]
    needs, sums = dict.fromkeys(small, 0), dict.fromkeys(small, 1)
    found: list[list[tuple[int, int, int]]] = []
    for each in reversed(sizes):
        for gauge in small:
            needs[gauge] += each[gauge]
            sums[gauge] |= sums[gauge] << each[gauge]
        found.append([(gauge, needs[gauge], sums[gauge]) for gauge in small if needs[gauge]])
    return found[::-1]
