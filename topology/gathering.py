"""Gathering: many units of a few classes into as few domains as can be.

What a domain can be filled with is a pattern: so many units of each class. Every class gets a price, and a domain is worth its
best pattern. Prices rise for classes that the domains worth using would bring too few of, and fall for the others. Then the
domains worth most are filled, half of them for good, and prices are found anew for what is left.
Source: the patterns of Gilmore and Gomory (1961), priced by a subgradient (Held, Wolfe and Crowder, 1974) instead of an LP.
"""

from typing import Any

import numpy as np

from topology.layout import Ints

Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Filling = tuple[int, Ints]
"""Domain, and how many units of each class it gets."""

MOST_PATTERNS, MOST_DOMAINS = 1_500, 1_024
ROUNDS, SWEEPS, LATER_SWEEPS = 6, 16, 8
STEP, LONGEST_STEP = 0.5, 0.5


def gathered(counts: Ints, needs: Ints, left: Ints) -> list[Filling] | None:
    """Fillings of as few domains as were found for `counts[class]` units; none where they do not fit, None for too many patterns.

    `needs[class, gauge]` is what one unit takes, `left[gauge, domain]` what a domain has.
    Cost: O(patterns x domains) a sweep: 25 ms for 500 units of 4 classes and 512 domains.
    """
    patterns = _patterns(counts, needs, left.max(axis=1))
    if patterns is None:
        return None
    able: Flags = np.logical_and.reduce((patterns @ needs)[:, :, None] <= left[None], axis=1)
    prices, domains = _first_prices(needs, patterns, able)
    best: list[Filling] | None = None
    settled: list[Filling] = []
    for sweeps in (SWEEPS, *[LATER_SWEEPS] * (ROUNDS - 1)):
        prices = _priced(counts, patterns, able[:, domains], prices, sweeps)
        found = [(int(domains[at]), taken) for at, taken in _filled(counts, patterns, able[:, domains], prices)]
        counts_left = counts - sum((taken for _, taken in found), np.zeros_like(counts))
        if counts_left.any():
            break
        if best is None or len(settled) + len(found) < len(best):
            best = settled + found
        kept = found[: len(found) // 2]
        if not kept:
            break
        settled = settled + kept
        counts = counts - sum((taken for _, taken in kept), np.zeros_like(counts))
        domains = domains[~np.isin(domains, [domain for domain, _ in kept])]
        useful = (patterns <= counts).all(axis=1)
        patterns, able = patterns[useful], able[useful]
    return _snug(best, needs, left) if best else []


def _patterns(counts: Ints, needs: Ints, most: Ints) -> Ints | None:
    """Every mix of units that the roomiest domain could hold, the empty one first; None when they are too many."""
    found: list[Ints] = [np.zeros(len(counts), np.int64)]
    for kind, count in enumerate(counts.tolist()):
        grown: list[Ints] = []
        for pattern in found:
            free = most - pattern @ needs
            asked = needs[kind] > 0
            fits = min(count, int((free[asked] // needs[kind][asked]).min(initial=count)))
            for number in range(fits + 1):
                grown.append(pattern.copy())
                grown[-1][kind] = number
            if len(grown) > MOST_PATTERNS:
                return None
        found = grown
    return np.array(found)


def _first_prices(needs: Ints, patterns: Ints, able: Flags) -> tuple[Floats, Ints]:
    """Prices by size, so that the fullest domain is worth a little more than one; and the domains that can be filled best."""
    sizes = needs.sum(axis=1).astype(float)
    worth = _worth(patterns, able, sizes)
    order = np.argsort(-worth, kind="stable")[:MOST_DOMAINS]
    return 1.3 * sizes / worth.max(initial=1.0), np.sort(order)


def _worth(patterns: Ints, able: Flags, prices: Floats) -> Floats:
    worth: Floats = np.where(able, (patterns @ prices)[:, None], 0.0).max(axis=0)
    return worth


def _priced(counts: Ints, patterns: Ints, able: Flags, prices: Floats, sweeps: int) -> Floats:
    """Prices at which the domains worth more than one bring about what is asked for; the mean of the later sweeps."""
    total = np.zeros_like(prices)
    for sweep in range(sweeps):
        values = patterns @ prices
        choice = np.where(able, values[:, None], -1.0).argmax(axis=0)
        brought = patterns[choice[values[choice] > 1]].sum(axis=0)
        step = STEP / (1 + sweep / 4) * (counts - brought) / np.maximum(counts, 1)
        prices = prices * np.exp(np.clip(step, -LONGEST_STEP, LONGEST_STEP))
        total += prices if 2 * sweep >= sweeps else 0
    return total / (sweeps - (sweeps + 1) // 2)


def _filled(counts: Ints, patterns: Ints, able: Flags, prices: Floats) -> list[Filling]:
    """The domain worth most first, each with the best pattern of what is left."""
    values, counts, found = patterns @ prices, counts.copy(), list[Filling]()
    for domain in np.argsort(-_worth(patterns, able, prices), kind="stable").tolist():
        if not counts.any():
            break
        possible = able[:, domain] & (patterns <= counts).all(axis=1)
        taken = patterns[int(np.where(possible, values, -1.0).argmax())]
        if taken.any():
            found.append((domain, taken))
            counts -= taken
    return found


def _snug(found: list[Filling], needs: Ints, left: Ints) -> list[Filling]:
    """The last domain, which may be far from full, is the tightest that will do."""
    *full, (domain, taken) = found
    enough: Flags = np.logical_and.reduce(left >= (taken @ needs)[:, None], axis=0)
    enough[[other for other, _ in full]] = False
    spare = left.sum(axis=0)
    return [*full, (min(np.flatnonzero(enough).tolist(), key=lambda each: (int(spare[each]), each), default=domain), taken)]
