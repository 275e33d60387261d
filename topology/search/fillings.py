"""Fillings: what each domain can be filled with: patterns of all classes but one, and as many units of that one as still fit."""

from dataclasses import dataclass, replace

import numpy as np

from topology.search.patterns import Floats, patterns, sizes_of
from topology.supply.layout import Ints

MOST_PATTERNS = 1_500


@dataclass(frozen=True, slots=True)
class Fillings:
    """Patterns for each of some domains."""

    found: Ints
    """`[pattern, class]`; nothing of the class that fills up."""
    rest: int
    """The class that fills up: the smallest, of which fewer would never be better."""
    room: Ints
    """`[pattern, domain]`: how many of that one fit on top; -1 where the pattern does not fit."""
    domains: Ints

    def worth(self, prices: Floats) -> Floats:
        """Of each pattern in each domain; less than nothing where it does not fit."""
        worth: Floats = np.where(self.room >= 0, (self.found @ prices)[:, None] + self.room * prices[self.rest], -1.0)
        return worth

    def brought(self, prices: Floats) -> Ints:
        """Units of each class in all domains that are worth more than one, each filled in its best way."""
        worth = self.worth(prices)
        chosen = worth.argmax(axis=0)
        places = np.flatnonzero(worth[chosen, np.arange(len(chosen))] > 1)
        total: Ints = self.found[chosen[places]].sum(axis=0)
        total[self.rest] += int(self.room[chosen[places], places].sum())
        return total

    def best_at(self, place: int, prices: Floats, counts: Ints) -> Ints:
        """The best filling of one domain with no more than so many units."""
        rest = np.minimum(self.room[:, place], counts[self.rest])
        possible = (rest >= 0) & (self.found <= counts).all(axis=1)
        best = int(np.where(possible, self.found @ prices + rest * prices[self.rest], -1.0).argmax())
        taken: Ints = self.found[best].copy()
        taken[self.rest] += max(0, int(rest[best]))
        return taken

    def of(self, places: Ints) -> "Fillings":
        """Of some domains, by their place here."""
        return replace(self, room=self.room[:, places], domains=self.domains[places])

    def without(self, domains: list[int]) -> "Fillings":
        """Of the other domains."""
        return self.of(np.flatnonzero(~np.isin(self.domains, domains)))

    def for_no_more_than(self, counts: Ints) -> "Fillings":
        """Patterns that take no more than so many units."""
        useful = (self.found <= counts).all(axis=1)
        return replace(self, found=self.found[useful], room=np.minimum(self.room[useful], counts[self.rest]))


def fillings_of(counts: Ints, needs: Ints, left: Ints) -> Fillings | None:
    """All fillings with up to `counts[class]` units; None where there are too many patterns.

    `needs[class, gauge]` is what one unit takes, `left[gauge, domain]` what a domain has.
    """
    rest = int(sizes_of(needs, left).argmin())
    others = np.where(np.arange(len(counts)) == rest, 0, counts)
    found = patterns(others, needs, left.max(axis=1), MOST_PATTERNS)
    if found is None:
        return None
    room = np.full((len(found), left.shape[1]), counts[rest], np.int64)
    for gauge, taken in enumerate((found @ needs).T):
        spare = left[gauge][None] - taken[:, None]
        asked = int(needs[rest, gauge])
        room = np.where(spare < 0, -1, np.minimum(room, spare // asked) if asked else room)
    everywhere: Ints = np.arange(left.shape[1], dtype=np.int64)
    return Fillings(found, rest, room, everywhere)
