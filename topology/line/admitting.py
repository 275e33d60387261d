"""Admitting: which gangs to let in, so that together they use as much as can be.

Source: large neighbourhood search (Shaw, 1998) with acceptance by annealing (Ropke and Pisinger, 2006).
"""

import numpy as np

from topology.demand import Budget
from topology.line.admission import Counts, Home
from topology.search.patterns import Floats
from topology.supply.layout import Ints

ROUNDS = 4_000
"""In all domains together: about 0.14 ms each."""
LOOKS = 2_000_000
"""Looks at a domain for a part, all in all: about 0.3 us each."""
CLOCK = 64
"""Rounds between two looks at the caller's clock."""
LEAVE = (1, 1, 1, 2, 2, 2, 3, 3, 4)
"""How many gangs leave a domain at once, as often as written."""
WARMTH = 0.15
"""What a domain may lose at first, for the sake of what it may gain later, as a share of a gang's mean size."""
SWEEPS, STEP = 60, 2.0
SHARPNESS = 1
"""How much more often those are tried that use little of what is scarce."""


def admitted(counts: Counts, sizes: Ints, budget: Budget) -> list[Home]:
    """For each domain the gangs that are admitted there, and the homes of their parts; `sizes` is what is to be made large.

    First those that are large for what they use of scarce room; then domains are partly emptied and filled again in mixed order.
    Cost: at most `ROUNDS` rounds and `LOOKS` looks, 0.6 s; less when all are admitted or the budget's clock runs out.
    """
    return _Annealing(counts, sizes).run(budget)


class _Annealing:
    """Domains as they are filled now, and the best that they were together."""

    def __init__(self, counts: Counts, sizes: Ints) -> None:
        self.counts, self.sizes = counts, sizes
        self.homes: list[Home] = [{} for _ in counts.inside]
        self.out = np.ones(len(sizes), np.bool_)
        self.drawn = np.random.default_rng(0)
        """Numbers that look drawn by chance and are the same every time: the same question gets the same answer."""
        self.worth = sizes * _thrift(counts, sizes) ** SHARPNESS
        self.gain = self.best = 0

    def run(self, budget: Budget) -> list[Home]:
        order = np.argsort(-self.worth, kind="stable")
        for domain in range(len(self.homes)):
            self.homes[domain] = self._filled(domain, order[self.out[order]])
        found, warmth = [dict(home) for home in self.homes], WARMTH * float(self.sizes.mean())
        for turn in range(ROUNDS):
            spent = max(turn / ROUNDS, self.counts.looks / LOOKS)
            if not self.out.any() or spent >= 1 or (turn % CLOCK == 0 and budget.expired()):
                break
            self._refill(turn % len(self.homes), warmth * (1 - spent))
            if self.gain > self.best:
                self.best, found = self.gain, [dict(home) for home in self.homes]
        return found

    def _refill(self, domain: int, warmth: float) -> None:
        """Let some leave a domain and others in; keep that if it is no worse, or little worse while it is warm."""
        home = self.homes[domain]
        before = {gang: home.pop(gang) for gang in self._leaving(home)}
        for gang, where in before.items():
            self._leave(gang, where)
        candidates = np.flatnonzero(self.out)
        drawn = self.worth[candidates] * self.drawn.random(len(candidates))
        made = self._filled(domain, candidates[np.argsort(-drawn, kind="stable")])
        more = self._size(made) - self._size(before)
        if more >= 0 or (warmth > 0 and self.drawn.random() < np.exp(more / warmth)):
            home |= made
            self.gain += more
            return
        for gang, where in made.items():
            self._leave(gang, where)
        for gang, where in before.items():
            self.counts.change(gang, where, -1)
            self.out[gang] = False
        home |= before

    def _leaving(self, home: Home) -> list[int]:
        there = sorted(home)
        order = np.argsort(self.drawn.random(len(there)), kind="stable").tolist()
        return [there[index] for index in order[: LEAVE[int(self.drawn.random() * len(LEAVE))]]]

    def _leave(self, gang: int, where: list[int]) -> None:
        self.counts.change(gang, where, 1)
        self.out[gang] = True

    def _filled(self, domain: int, candidates: Ints) -> Home:
        """Put as many candidates into a domain as go, in their order."""
        made: Home = {}
        left = self.counts.hopeful(candidates, domain)
        while len(left) and self.counts.looks < LOOKS:
            gang, left = int(left[0]), left[1:]
            where = self.counts.put(gang, domain)
            if where is not None:
                made[gang] = where
                self.out[gang] = False
                left = self.counts.hopeful(left, domain)
        return made

    def _size(self, home: Home) -> int:
        return int(sum(self.sizes[gang] for gang in home))


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
