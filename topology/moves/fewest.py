"""Fewest: how many pods a repair must move at least, by volume.

A rack lacks room for 3 GPUs' worth of lost pods. Gangs in it that could leave free 2, 2 and 8 GPUs, and have 1, 1 and 4 pods left
there: the two small ones together are enough, so at least 2 pods move.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np

from specs.paths import plain
from topology.moves.wards import MOST_STAYS, Area, Slot, Stay, Ward, outermost
from topology.supply.layout import Ints
from topology.supply.room import Room


def fewest_moves(ward: Ward, room: Room) -> int:
    """How many pods must move at least, as this ward can't be repaired in place: one, or more by volume.

    Pods that move inside their domain leave its volume as it is; what is short there takes others that leave it.
    """
    by_area: dict[Area, list[Stay]] = {}
    for stay in ward.stays:
        if stay.innermost:
            by_area.setdefault(stay.area, []).append(stay)
    around = outermost(by_area)
    most: dict[Area, int] = {}
    for area in sorted(by_area):  # of domains in one another only one counts: what leaves the outer one leaves both
        most[around[area]] = max(most.get(around[area], 0), _fewest_in(ward, room, area, by_area[area]))
    return max(sum(most.values()), 1 if ward.stays else 0)


def _fewest_in(ward: Ward, room: Room, area: Area, stays: Sequence[Stay]) -> int:
    free = np.maximum(room.free[area[0] : area[1]], 0).sum(axis=0)
    short = _volume(ward, room, (slot for stay in stays for slot in stay.lost)) - free
    if not (short > 0).any():
        return 0
    gains = [(len(stay.kept), _volume(ward, room, (*stay.kept, *stay.lost))) for stay in stays]
    held = frozenset[Slot]().union(*(stay.kept for stay in stays))
    gains += [(1, _volume(ward, room, [slot])) for slot, _ in _free_to_leave(ward, area) if slot not in held]
    if len(gains) > MOST_STAYS:
        return min(pods for pods, _ in gains)
    some = (each for size in range(1, len(gains) + 1) for each in combinations(gains, size))
    enough = (sum(pods for pods, _ in each) for each in some if (sum(gain for _, gain in each) >= short).all())
    return min(enough, default=0)


def _free_to_leave(ward: Ward, area: Area) -> Iterator[tuple[Slot, int]]:
    """Pods in a domain that nothing keeps there: bound to nothing, or to a broader one."""
    movable = frozenset[Slot]().union(*(stay.kept for stay in ward.stays if stay.area != area))
    here = (each for each in ward.placed if area[0] <= each[1] < area[1])
    yield from (each for each in here if each[0] in movable or each[0] not in ward.bound)


def _volume(ward: Ward, room: Room, slots: Iterable[Slot]) -> Ints:
    total = np.zeros(len(room.columns), np.int64)
    for index, slot in slots:
        total += room.need(ward.demands[index].shapes[plain(slot)].requests).vector
    return total
