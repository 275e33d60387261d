"""Shortage: a proof that units do not fit, where every single gauge would let them.

Give every class a price. If all units together are worth more than the best fillings of all domains, they can't all be in.
Source: the Lagrangian bound of the generalised assignment problem (Fisher, 1981), by a subgradient; checked in integers.
"""

import numpy as np

from topology.search.patterns import able, best, patterns, sizes_of
from topology.supply.layout import Ints

MOST_PATTERNS, MOST_PAIRS = 20_000, 200_000
SWEEPS, STEP = 60, 0.3
_UNIT = 2**30
"""Prices are whole numbers, this many to the roomiest domain, so that the sums are exact."""


def short(counts: Ints, needs: Ints, left: Ints) -> bool:
    """Whether `counts[class]` units are proven not to fit; False says nothing.

    `needs[class, gauge]` is what one unit takes, `left[gauge, domain]` what a domain has.
    Cost: O(patterns x domains) a sweep, 5 ms for 10 classes in 8 domains; nothing where that are too many.
    """
    found = patterns(counts, needs, left.max(axis=1), MOST_PATTERNS)
    if found is None or len(found) * left.shape[1] > MOST_PAIRS:
        return False
    flags = able(found, needs, left)
    sizes = sizes_of(needs, left)
    prices = sizes.copy()
    for sweep in range(SWEEPS):
        exact = (prices * _UNIT).astype(np.int64)
        worth = found @ exact
        chosen = best(worth, flags)
        if int(counts @ exact) > int(worth[chosen].sum()):
            return True
        lacking = (counts - found[chosen].sum(axis=0)) / np.maximum(counts, 1)
        prices = np.maximum(0, prices + STEP / (1 + sweep / 6) * sizes * lacking)
    return False
