"""Queueing: in what order those that wait are served."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from activities.cache.census import Census, SystemKey
from activities.cache.devices import NotUnderstood
from activities.room.demands import Demands, Want, asked
from specs.paths import plain
from topology.line.line import MOST
from topology.line.turns import by_turns


def queue(census: Census, demands: Demands) -> list[Want]:
    """All who ask for room, as they are served."""
    return in_order(want for key in census.systems_asking() for want in demands.of(key, asked(census, key))[0])


def in_order(found: Iterable[Want]) -> list[Want]:
    """As they are served: priority, base gangs before growth, who has waited too long; then namespaces by turns, then age.

    Namespaces take turns by size: who has the fewest devices of its own namespace before it goes first.
    """
    ordered = sorted(found, key=lambda want: (*_class(want), want.asked.age))
    served = [want for _, some in groupby(ordered, _class) for want in _by_turns(list(some))]
    return [replace(want, turn=turn) for turn, want in enumerate(served)]


def without_orphans(ordered: Iterable[Want]) -> Iterator[Want]:
    """Those whose needed gang has its room or comes before them; the others would wait in vain."""
    there: set[tuple[SystemKey, str]] = set()
    for want in ordered:
        if not want.needs or (want.asked.key, want.needs) in there:
            there.add((want.asked.key, want.asked.name))
            yield want


def heads(waiting: Iterable[Want]) -> list[Want]:
    """Those that are minded while others are placed: the first of the aged, and as many of the others."""
    found = list(waiting)
    return [each for aged in (True, False) for each in [some for some in found if some.aged == aged][:MOST]]


def _class(want: Want) -> tuple[int, int, bool, bool]:
    return *want.asked.rank, not want.aged


def _by_turns(ordered: list[Want]) -> list[Want]:
    """Those of one class, the oldest first, by what their namespaces want before them. Who is aged goes by age alone."""
    namespaces = [want.asked.key[0] for want in ordered]
    if len(set(namespaces)) < 2 or ordered[0].aged:
        return ordered
    return [ordered[place] for place in by_turns(namespaces, [size_of(want) for want in ordered])]


def size_of(want: Want) -> int:
    """Devices that its pods without a place ask for; a pod without devices, or not understood, counts for one."""
    slots = [slot for slot in want.asked.home if slot not in want.keep]
    try:
        shapes = want.accepted.shapes
    except (NotUnderstood, ValueError):
        return len(slots)
    devices = {role: max(1, shape.bulk[0]) for role, shape in shapes.items()}
    return sum(devices.get(plain(slot), 1) for slot in slots)
