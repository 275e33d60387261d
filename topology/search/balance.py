"""Balance: the pods of one role as evenly as can be over domains of a level, in the fewest domains that allow it.

After Kueue's KEP-2724, whose balanced placement chooses among the blocks of racks that hold all pods the one where the
racks' shares differ least.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from topology.search.pouring import Share, pour
from topology.supply.layout import Area, Ints
from topology.supply.room import Fits, Room

EVEN = 1
"""Shares that differ by no more are even: five pods on two racks are 3 and 2."""
MOST_MORE = 64
"""Domains beyond the fewest that are tried for more evenness."""


@dataclass(frozen=True, slots=True)
class Split:
    """Pods shared out over the domains of a level in one area."""

    gap: int
    """By how much the largest share exceeds the smallest; `EVEN` at least."""
    shares: tuple[Share, ...]
    spare: int
    """Pods that the area would have room for beyond these."""

    @property
    def rank(self) -> tuple[int, int, int]:
        """Even before few before tight: the lowest is the best."""
        return self.gap, len(self.shares), self.spare


def pour_evenly(room: Room, fits: Fits, count: int, area: Area, level: int) -> list[Share] | None:
    """Hosts for `count` pods of one shape, their domains of `level` sharing them evenly; None when they don't fit.

    They stay in one domain of the narrowest level that holds them all, as any other pods do. Hosts in no domain of the level
    count only when the others do not suffice; then nothing is evened out. Nothing is taken yet.
    Cost: O(domains of the level), times `MOST_MORE` at worst.
    """
    split = _best(room, fits, count, area, level)
    if split is None:
        return pour(room, fits, count, area, None)
    if level >= room.layout.fabric.host:
        return list(split.shares)
    shares: list[Share] = []
    for domain, taken in split.shares:
        shares += pour(room, fits, taken, room.layout.area(level, domain), None) or ()
    return shares


def evenly(room_for: Sequence[int], count: int) -> list[Share] | None:
    """So many pods over places with this much room: as even as can be, in the fewest places that allow it; None if too many.

    The roomiest places are used, and of uneven shares they get the larger ones.
    """
    places = sorted((index for index, number in enumerate(room_for) if number > 0), key=lambda index: (-room_for[index], index))
    sizes = [room_for[index] for index in places]
    fewest = next((used for used in range(1, len(sizes) + 1) if sum(sizes[:used]) >= count), 0)
    best: list[int] | None = None
    for used in range(fewest, min(len(sizes), fewest + MOST_MORE) + 1) if fewest else ():
        loads = _levelled(sizes[:used], count)
        if best is None or _gap(loads) < _gap(best):
            best = loads
        if _gap(best) <= EVEN or used >= count:
            break
    return None if best is None else list(zip(places, best, strict=False))


def _levelled(sizes: Sequence[int], count: int) -> list[int]:
    """Shares of places with these sizes, largest first: what a small one can't take is shared by those before it."""
    shares: list[int] = []
    for left in range(len(sizes), 0, -1):
        share = min(sizes[left - 1], count // left)
        shares.append(share)
        count -= share
    return shares[::-1]


def _gap(shares: Sequence[int]) -> int:
    return max(EVEN, max(shares) - min(shares))


def _best(room: Room, fits: Fits, count: int, area: Area, level: int) -> Split | None:
    for around in range(level - 1, area.level, -1):
        first, last = room.layout.inside(area, around)
        enough = np.flatnonzero(fits.at[around][first:last] >= count).tolist()
        areas = (room.layout.area(around, first + index) for index in enough)
        splits = list(_splits(room, fits, count, areas, level))
        if splits:
            return min(splits, key=lambda split: split.rank)
    return next(_splits(room, fits, count, iter((area,)), level), None)


def _splits(room: Room, fits: Fits, count: int, areas: Iterator[Area], level: int) -> Iterator[Split]:
    for area in areas:
        first, last = room.layout.inside(area, level)
        room_for: Ints = fits.at[level][first:last] if level < room.layout.fabric.host else fits.host[first:last]
        shares = evenly(room_for.tolist(), count)
        if shares is not None:
            numbers = [number for _, number in shares]
            placed = tuple((first + index, number) for index, number in shares)
            yield Split(_gap(numbers), placed, int(room_for.sum()) - count)
