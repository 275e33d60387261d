"""Gathering: many units of a few classes into as few domains as can be.

Every class gets a price, and a domain is worth its best pattern. Prices rise for classes that the domains worth using would bring
too few of, and fall for the others. Then the domains worth most are filled, half of them for good, and prices are found anew for
what is left.
Source: cutting stock by patterns, priced by a subgradient (Held, Wolfe and Crowder, 1974) instead of a linear program.
"""

import numpy as np

from topology.layout import Ints
from topology.patterns import Flags, Floats, able, best, patterns, sizes_of

Filling = tuple[int, Ints]
"""Domain, and how many units of each class it gets."""

MOST_PATTERNS, MOST_PAIRS = 1_500, 400_000
ROUNDS, SWEEPS, LATER_SWEEPS = 6, 16, 8
STEP, LONGEST_STEP = 0.5, 0.5


def gathered(counts: Ints, needs: Ints, left: Ints) -> list[Filling] | None:
    """Fillings of as few domains as were found for `counts[class]` units; none where they do not fit, None for too many patterns.

    `needs[class, gauge]` is what one unit takes, `left[gauge, domain]` what a domain has.
    Cost: O(patterns x domains) a sweep: 25 ms for 500 units of 4 classes and 512 domains.
    """
    found = patterns(counts, needs, left.max(axis=1), MOST_PATTERNS)
    if found is None:
        return None
    flags = able(found, needs, left)
    prices, domains = _first_prices(sizes_of(needs, left), found, flags)
    fewest: list[Filling] = []
    settled: list[Filling] = []
    for sweeps in (SWEEPS, *[LATER_SWEEPS] * (ROUNDS - 1)):
        prices = _priced(counts, found, flags[:, domains], prices, sweeps)
        filled = [(int(domains[at]), taken) for at, taken in _filled(counts, found, flags[:, domains], prices)]
        if (_brought(filled, counts) < counts).any():
            break
        if not fewest or len(settled) + len(filled) < len(fewest):
            fewest = settled + filled
        kept = filled[: len(filled) // 2]
        if not kept:
            break
        settled, counts = settled + kept, counts - _brought(kept, counts)
        domains = domains[~np.isin(domains, [domain for domain, _ in kept])]
        useful = (found <= counts).all(axis=1)
        found, flags = found[useful], flags[useful]
    return _snug(fewest, needs, left) if fewest else []


def _brought(filled: list[Filling], like: Ints) -> Ints:
    """Units of each class."""
    total: Ints = np.sum([np.zeros_like(like), *(taken for _, taken in filled)], axis=0)
    return total


def _first_prices(sizes: Floats, found: Ints, flags: Flags) -> tuple[Floats, Ints]:
    """Prices by size, so that the fullest domain is worth a little more than one; and the domains that can be filled best."""
    worth = _worth(found, flags, sizes)
    order = np.argsort(-worth, kind="stable")[: MOST_PAIRS // len(found)]
    most = float(worth.max())
    return (1.3 * sizes / most if most > 0 else sizes), np.sort(order)


def _worth(found: Ints, flags: Flags, prices: Floats) -> Floats:
    """Of the best pattern of each domain."""
    values = found @ prices
    worth: Floats = values[best(values, flags)]
    return worth


def _priced(counts: Ints, found: Ints, flags: Flags, prices: Floats, sweeps: int) -> Floats:
    """Prices at which the domains worth more than one bring about what is asked for; the mean of the later sweeps."""
    total = np.zeros_like(prices)
    for sweep in range(sweeps):
        values = found @ prices
        chosen = best(values, flags)
        brought = found[chosen[values[chosen] > 1]].sum(axis=0)
        step = STEP / (1 + sweep / 4) * (counts - brought) / np.maximum(counts, 1)
        prices = prices * np.exp(np.clip(step, -LONGEST_STEP, LONGEST_STEP))
        total += prices if 2 * sweep >= sweeps else 0
    return total / (sweeps - (sweeps + 1) // 2)


def _filled(counts: Ints, found: Ints, flags: Flags, prices: Floats) -> list[Filling]:
    """The domain worth most first, each with the best pattern of what is left."""
    values, counts, filled = found @ prices, counts.copy(), list[Filling]()
    for domain in np.argsort(-_worth(found, flags, prices), kind="stable").tolist():
        if not counts.any():
            break
        possible = flags[:, domain] & (found <= counts).all(axis=1)
        taken = found[int(np.where(possible, values, -1.0).argmax())]
        if taken.any():
            filled.append((domain, taken))
            counts -= taken
    return filled


def _snug(found: list[Filling], needs: Ints, left: Ints) -> list[Filling]:
    """The last domain, which may be far from full, is the tightest that will do."""
    *full, (domain, taken) = found
    enough: Flags = np.logical_and.reduce(left >= (taken @ needs)[:, None], axis=0)
    enough[[other for other, _ in full]] = False
    spare = left.sum(axis=0)
    return [*full, (min(np.flatnonzero(enough).tolist(), key=lambda each: (int(spare[each]), each), default=domain), taken)]
