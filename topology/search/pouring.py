"""Pouring: identical pods onto the hosts of one area, small holes first."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

import numpy as np

from topology.supply.layout import Area, Ints
from topology.supply.losses import MOST_HOSTS, NEVER, State, after, loss, losses, state
from topology.supply.room import Fits, Room
from topology.supply.shapes import is_scarce
from topology.supply.usual import Mix
from topology.weights import USUAL_SIZES

Share = tuple[int, int]
"""Host (or domain) and how many pods it gets."""
_FEW_HOSTS = 64


def fewest(room_for: Ints, count: int) -> list[Share]:
    """So many pods in as few places as can be; the last place is the tightest that takes the rest. They must fit.

    Cost: O(places) for each place that is used. Source: best fit by domains, as in Kueue's KEP-2724.
    """
    left, chosen = room_for.copy(), list[Share]()
    while count:
        enough = np.flatnonzero(left >= count)
        place = int(enough[left[enough].argmin()]) if len(enough) else int(left.argmax())
        taken = min(count, int(left[place]))
        chosen.append((place, taken))
        left[place] = 0
        count -= taken
    return chosen


def pour(room: Room, fits: Fits, count: int, area: Area, prefer: int | None) -> list[Share] | None:
    """Hosts for `count` pods of one shape in an area; None when they don't fit.

    As few domains of the preferred level as can be; else the narrowest domain that holds them all, else as few as can be of
    each level from broad to narrow. On the hosts of a domain: where least is wasted (see `waste`). Nothing is taken yet.
    """
    if int(fits.host[area.low : area.high].sum()) < count:
        return None
    if prefer is not None and prefer > area.level:
        return list(_over(room, fits, count, area, prefer))
    if count == 1 and room.usual and area.high - area.low <= MOST_HOSTS:
        return _least_loss(room, fits, room.usual, count, area)
    nest = narrowest(room, fits, count, area)
    if nest is not None:
        return _onto_hosts(room, fits, count, nest)
    return list(_over(room, fits, count, area, area.level + 1))


def pairs(room_for: Ints, count: int) -> int:
    """Of so many pods, two and two that share a place when the roomiest places are filled first."""
    shares = np.diff(np.minimum(np.cumsum(np.sort(room_for)[::-1]), count), prepend=0)
    return int((shares * (shares - 1) // 2).sum())


def narrowest(room: Room, fits: Fits, count: int, area: Area) -> Area | None:
    """The tightest domain, of the narrowest level above the host, that holds all of them; None if only the area does."""
    layout = room.layout
    if area.level >= layout.fabric.host - 1:
        return area
    for level in range(layout.fabric.host - 1, area.level, -1):
        first, last = layout.inside(area, level)
        room_for = fits.at[level][first:last]
        enough = np.flatnonzero(room_for >= count)
        if len(enough):
            return layout.area(level, first + int(enough[room_for[enough].argmin()]))
    return None


def _over(room: Room, fits: Fits, count: int, area: Area, level: int) -> Iterator[Share]:
    """Spread over as few domains of a level as can be. Hosts in none of them are used only when those in one do not suffice."""
    layout = room.layout
    if level >= layout.fabric.host:
        yield from ((area.low + place, taken) for place, taken in fewest(fits.host[area.low : area.high], count))
        return
    first, last = layout.inside(area, level)
    room_for = fits.at[level][first:last]
    if int(room_for.sum()) < count:
        yield from _onto_hosts(room, fits, count, area)
        return
    for place, taken in fewest(room_for, count):
        yield from pour(room, fits, taken, layout.area(level, first + place), None) or ()


def _onto_hosts(room: Room, fits: Fits, count: int, area: Area) -> list[Share]:
    """The hosts of one domain, the least waste first."""
    if area.high - area.low == 1:
        return [(area.low, count)]
    if room.usual and area.high - area.low <= MOST_HOSTS:
        return _least_loss(room, fits, room.usual, count, area)
    if area.high - area.low <= _FEW_HOSTS:
        return _one_by_one(room, fits, count, area)
    return _host_by_host(room, fits, count, area)


def waste(free: int, size: int) -> int:
    """What a hole of `free` devices loses by `size` of them: the usual sizes, summed, of which it then holds fewer.

    Source: after the fragmentation gradient of Weng et al., "Beware of Fragmentation" (USENIX ATC 2023), for a fixed mix.
    """
    return sum(usual for usual in USUAL_SIZES if usual > size and free % usual < size)


def _least_loss(room: Room, fits: Fits, mix: Mix, count: int, area: Area) -> list[Share]:
    """Where pods share GPUs: each where its host loses least of what it is worth to the usual pods. They must fit."""
    at, left = losses(room, fits, mix)[area.low : area.high].copy(), fits.host[area.low : area.high].tolist()
    states: dict[int, State] = {}
    taken: dict[int, int] = {}
    for _ in range(count):
        host = int(at.argmin())
        taken[host] = taken.get(host, 0) + 1
        if count > 1:
            now = states[host] = after(states.get(host) or state(room, area.low + host), fits)
            at[host] = loss(mix, now, fits) if taken[host] < left[host] else NEVER
    return [(area.low + host, number) for host, number in taken.items()]


def _one_by_one(room: Room, fits: Fits, count: int, area: Area) -> list[Share]:
    column, size, others = _device(room, fits)
    rows = room.free[area.low : area.high].tolist()
    open_hosts = [(number, host) for host, number in enumerate(fits.host[area.low : area.high].tolist()) if number]
    if size:
        heap = [(waste(rows[host][column], size), rows[host][column], number, host) for number, host in open_hosts]
    else:
        idle = [sum(max(0, row[other]) for other in others) for row in rows]
        heap = [(idle[host], 0, number, host) for number, host in open_hosts]
    heapify(heap)
    taken: dict[int, int] = {}
    while count:
        key, free, number, host = heappop(heap)
        taken[host] = taken.get(host, 0) + 1
        count -= 1
        if number > 1:
            left = free - size
            heappush(heap, (waste(left, size) if size else key, left, number - 1, host))
    return [(area.low + host, number) for host, number in taken.items()]


def _host_by_host(room: Room, fits: Fits, count: int, area: Area) -> list[Share]:
    """The same for many hosts at once: each is filled before the next."""
    column, size, others = _device(room, fits)
    numbers = fits.host[area.low : area.high]
    hosts = np.flatnonzero(numbers)
    rows = room.free[area.low + hosts]
    if size:
        free = rows[:, column]
        key = np.zeros(len(hosts), np.int64)
        for usual in USUAL_SIZES:
            key += usual * (free % usual < size) if usual > size else 0
    else:
        free = np.zeros(len(hosts), np.int64)
        key = np.maximum(rows[:, others], 0).sum(axis=1) if others else free
    order = hosts[np.lexsort((hosts, numbers[hosts], free, key))]
    used = int(np.searchsorted(np.cumsum(numbers[order]), count)) + 1
    shares = [(area.low + int(host), int(numbers[host])) for host in order[:used]]
    surplus = sum(number for _, number in shares) - count
    shares[-1] = (shares[-1][0], shares[-1][1] - surplus)
    return shares


def _device(room: Room, fits: Fits) -> tuple[int, int, list[int]]:
    """Column and size of the device that it asks most of; without one, the columns of all devices, to spare them."""
    asked = [(amount, name) for name, amount in fits.shape.requests if is_scarce(name) and name in room.columns]
    if asked:
        size, name = max(asked)
        return room.columns[name], size, []
    return 0, 0, [column for name, column in room.columns.items() if is_scarce(name)]
