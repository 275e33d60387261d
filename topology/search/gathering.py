"""Gathering: many units of a few classes into as few domains as can be.

Every class gets a price, and a domain is worth its best pattern. Prices rise for classes that the domains worth using would bring
too few of, and fall for the others. Then the domains worth most are filled, half of them for good, and prices are found anew for
what is left.
Source: cutting stock by patterns, priced by a subgradient (Held, Wolfe and Crowder, 1974) instead of a linear program.
"""

from collections.abc import Iterator

import numpy as np

from topology.search.fillings import Fillings, fillings_of
from topology.search.patterns import Flags, Floats, sizes_of
from topology.supply.layout import Ints

Filling = tuple[int, Ints]
"""Domain, and how many units of each class it gets."""

MOST_PAIRS = 400_000
ROUNDS, SWEEPS, LATER_SWEEPS = 6, 16, 8
STEP, LONGEST_STEP = 0.5, 0.5
NEARBY, FEW_DOMAINS = 0.85, 100
"""How much cheaper a class is tried once more; where more domains are filled than that, it costs more than it gains."""


def gathered(counts: Ints, needs: Ints, left: Ints) -> list[Filling] | None:
    """Fillings of as few domains as were found for `counts[class]` units; none where they do not fit, None for too many patterns.

    `needs[class, gauge]` is what one unit takes, `left[gauge, domain]` what a domain has.
    Cost: O(patterns x domains) a sweep, the patterns of all classes but one: 15 ms for 500 units of 4 classes and 512 domains.
    """
    fillings = fillings_of(counts, needs, left)
    if fillings is None:
        return None
    prices, fillings = _first_prices(sizes_of(needs, left), fillings)
    fewest: list[Filling] = []
    settled: list[Filling] = []
    for sweeps in (SWEEPS, *[LATER_SWEEPS] * (ROUNDS - 1)):
        prices = _priced(counts, fillings, prices, sweeps)
        filled = _filled(counts, fillings, prices)
        for nearby in _nearby(prices) if not settled and len(filled) <= FEW_DOMAINS else ():
            other = _filled(counts, fillings, nearby)
            if len(other) < len(filled) and not (_brought(other, counts) < counts).any():
                filled, prices = other, nearby
        if (_brought(filled, counts) < counts).any():
            break
        if not fewest or len(settled) + len(filled) < len(fewest):
            fewest = settled + filled
        kept = filled[: len(filled) // 2]
        if not kept:
            break
        settled, counts = settled + kept, counts - _brought(kept, counts)
        fillings = fillings.without([domain for domain, _ in kept]).for_no_more_than(counts)
    return _snug(fewest, needs, left) if fewest else []


def _brought(filled: list[Filling], like: Ints) -> Ints:
    """Units of each class."""
    total: Ints = np.sum([np.zeros_like(like), *(taken for _, taken in filled)], axis=0)
    return total


def _first_prices(sizes: Floats, fillings: Fillings) -> tuple[Floats, Fillings]:
    """Prices by size, so that the fullest domain is worth a little more than one; and the domains that can be filled best."""
    worth = fillings.worth(sizes).max(axis=0)
    order = np.argsort(-worth, kind="stable")[: MOST_PAIRS // len(fillings.found)]
    most = float(worth.max())
    return (1.3 * sizes / most if most > 0 else sizes), fillings.of(np.sort(order))


def _priced(counts: Ints, fillings: Fillings, prices: Floats, sweeps: int) -> Floats:
    """Prices at which the domains worth more than one bring about what is asked for; the mean of the later sweeps."""
    total = np.zeros_like(prices)
    for sweep in range(sweeps):
        brought = fillings.brought(prices)
        step = STEP / (1 + sweep / 4) * (counts - brought) / np.maximum(counts, 1)
        prices = prices * np.exp(np.clip(step, -LONGEST_STEP, LONGEST_STEP))
        total += prices if 2 * sweep >= sweeps else 0
    return total / (sweeps - (sweeps + 1) // 2)


def _nearby(prices: Floats) -> Iterator[Floats]:
    """Prices with one class a little cheaper: where many domains are alike, the mean may favour the wrong ones."""
    yield from (np.where(np.arange(len(prices)) == kind, prices * NEARBY, prices) for kind in range(len(prices)))


def _filled(counts: Ints, fillings: Fillings, prices: Floats) -> list[Filling]:
    """The domain worth most first, each with the best pattern of what is left."""
    counts, filled = counts.copy(), list[Filling]()
    for place in np.argsort(-fillings.worth(prices).max(axis=0), kind="stable").tolist():
        if not counts.any():
            break
        taken = fillings.best_at(place, prices, counts)
        if taken.any():
            filled.append((int(fillings.domains[place]), taken))
            counts -= taken
    return filled


def _snug(found: list[Filling], needs: Ints, left: Ints) -> list[Filling]:
    """The last domain, which may be far from full, is the tightest that will do."""
    *full, (domain, taken) = found
    enough: Flags = np.logical_and.reduce(left >= (taken @ needs)[:, None], axis=0)
    enough[[other for other, _ in full]] = False
    spare = left.sum(axis=0)
    return [*full, (min(np.flatnonzero(enough).tolist(), key=lambda each: (int(spare[each]), each), default=domain), taken)]
