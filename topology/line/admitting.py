"""Admitting: which gangs to let in, so that together they use as much as can be.

Source: large neighbourhood search (Shaw, 1998) with acceptance by annealing (Ropke and Pisinger, 2006).
"""

from dataclasses import dataclass

import numpy as np

from topology.demand import Budget
from topology.line.admission import Counts, Home
from topology.search.patterns import Floats
from topology.supply.layout import Ints

ROUNDS, ROUNDS_A_GANG = 4_000, 100
"""In all domains together: about 0.14 ms each."""
LOOKS, LOOKS_A_GANG = 2_000_000, 50_000
"""Looks at a domain for a part, all in all: about 0.3 us each."""
CLOCK = 64
"""Rounds between two looks at the caller's clock."""
LEAVE = (1, 1, 1, 2, 2, 2, 3, 3, 4)
"""How many gangs leave a domain at once, as often as written."""
WARMTH = 0.15
"""What a domain may lose at first, for the sake of what it may gain later, as a share of a gang's mean size."""
SWEEPS, STEP = 60, 2.0
LACKING = 3
SHARPNESS = 1
"""How much more often those are tried that use little of what is scarce."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Who must not get too little: the group of each gang, and the size that each group is to have at least."""

    group: Ints
    least: Ints


def admitted(counts: Counts, sizes: Ints, shares: Shares, budget: Budget) -> list[Home]:
    """For each domain the gangs that are admitted there, and the homes of their parts; `sizes` is what is to be made large.

    What a group lacks of its share weighs `LACKING` times as much as anything gained; it may still lack some in the end.
    First those that are large for what they use of scarce room; then domains are partly emptied and filled again in mixed order.
    Cost: at most `ROUNDS` rounds and `LOOKS` looks, 0.6 s; less when all are admitted or the budget's clock runs out.
    """
    return _Annealing(counts, sizes, shares).run(budget)


class _Annealing:
    """Domains as they are filled now, and the best that they were together."""

    def __init__(self, counts: Counts, sizes: Ints, shares: Shares) -> None:
        self.counts, self.sizes, self.shares = counts, sizes, shares
        self.got = np.zeros_like(shares.least)
        """Size that each group has now."""
        self.homes: list[Home] = [{} for _ in counts.inside]
        self.out = np.ones(len(sizes), np.bool_)
        self.drawn = np.random.default_rng(0)
        """Numbers that look drawn by chance and are the same every time: the same question gets the same answer."""
        self.worth = sizes * _thrift(counts, sizes) ** SHARPNESS
        self.rounds, self.looks = min(ROUNDS, ROUNDS_A_GANG * len(sizes)), min(LOOKS, LOOKS_A_GANG * len(sizes))

    def run(self, budget: Budget) -> list[Home]:
        order = np.argsort(-self.worth, kind="stable")
        for domain in range(len(self.homes)):
            self.homes[domain] = self._filled(domain, order[self.out[order]])
        best, found, warmth = self._value(), [dict(home) for home in self.homes], WARMTH * float(self.sizes.mean())
        for turn in range(self.rounds):
            spent = max(turn / self.rounds, self.counts.looks / self.looks)
            if not self.out.any() or spent >= 1 or (turn % CLOCK == 0 and budget.expired()):
                break
            self._refill(turn % len(self.homes), warmth * (1 - spent))
            if (value := self._value()) > best:
                best, found = value, [dict(home) for home in self.homes]
        return found

    def _refill(self, domain: int, warmth: float) -> None:
        """Let some leave a domain and others in; keep that if it is no worse, or little worse while it is warm."""
        home, value = self.homes[domain], self._value()
        before = {gang: home.pop(gang) for gang in self._leaving(home)}
        for gang, where in before.items():
            self._leave(gang, where)
        candidates = np.flatnonzero(self.out)
        drawn = self.worth[candidates] * self.drawn.random(len(candidates))
        made = self._filled(domain, candidates[np.argsort(-drawn, kind="stable")])
        more = self._value() - value
        if more >= 0 or (warmth > 0 and self.drawn.random() < np.exp(more / warmth)):
            home |= made
            return
        for gang, where in made.items():
            self._leave(gang, where)
        for gang, where in before.items():
            self.counts.change(gang, where, -1)
            self._enter(gang)
        home |= before

    def _leaving(self, home: Home) -> list[int]:
        there = sorted(home)
        order = np.argsort(self.drawn.random(len(there)), kind="stable").tolist()
        return [there[index] for index in order[: LEAVE[int(self.drawn.random() * len(LEAVE))]]]

    def _leave(self, gang: int, where: list[int]) -> None:
        self.counts.change(gang, where, 1)
        self.out[gang] = True
        self.got[self.shares.group[gang]] -= self.sizes[gang]

    def _enter(self, gang: int) -> None:
        self.out[gang] = False
        self.got[self.shares.group[gang]] += self.sizes[gang]

    def _filled(self, domain: int, candidates: Ints) -> Home:
        """Put as many candidates into a domain as go, in their order."""
        made: Home = {}
        left = self.counts.hopeful(candidates, domain)
        while len(left) and self.counts.looks < self.looks:
            gang, left = int(left[0]), left[1:]
            where = self.counts.put(gang, domain)
            if where is not None:
                made[gang] = where
                self._enter(gang)
                left = self.counts.hopeful(left, domain)
        return made

    def _value(self) -> int:
        lacking = np.maximum(self.shares.least - self.got, 0).sum()
        return int(self.got.sum() - LACKING * lacking)


def _thrift(counts: Counts, sizes: Ints) -> Floats:
    """How large each gang is for what it uses, at prices that make scarce gauges dear; 1 for the thriftiest.

    Source: surrogate prices of the multidimensional knapsack (Pirkul, 1987), by multiplicative weights.
    """
    needs = counts.needs.astype(np.float64)
    room = np.maximum(np.array(counts.left, np.float64).sum(axis=0), 1)
    prices: Floats = np.full(len(room), 1 / len(room))
    for sweep in range(SWEEPS):
        order = np.argsort(-sizes / np.maximum(needs @ prices, 1e-9), kind="stable")
        used = np.cumsum(needs[order], axis=0)
        full = min(int((used <= room).all(axis=1).sum()), len(order) - 1)
        over = used[full] / room
        prices = prices * np.exp(STEP / (1 + sweep / 10) * (over - over.max()))
        prices /= prices.sum()
    ratio: Floats = sizes / np.maximum(needs @ prices, 1e-9)
    return ratio / max(float(ratio.max()), 1e-9)
