"""Patterns: what a domain can be filled with, so many units of each class, and what that is worth at prices.

Source: the cutting patterns of Gilmore and Gomory, "A linear programming approach to the cutting-stock problem" (1961).
"""

from typing import Any

import numpy as np

from topology.supply.layout import Ints

Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


def patterns(counts: Ints, needs: Ints, room: Ints, limit: int) -> Ints | None:
    """Every mix of units (one row each, one column a class) for which there is room, the empty one first; None beyond the limit.

    `counts[class]` units there are at most, `needs[class, gauge]` is what one takes of the `room[gauge]`.
    Cost: linear in rows, about 50 ns each.
    """
    found: Ints = np.zeros((1, len(counts)), np.int64)
    for kind, count in enumerate(counts.tolist()):
        asked = needs[kind] > 0
        free = (room - found @ needs)[:, asked] // needs[kind, asked]
        times = np.minimum(count, free.min(axis=1, initial=count)) + 1
        if int(times.sum()) > limit:
            return None
        first = np.repeat(np.cumsum(times) - times, times)
        found = np.repeat(found, times, axis=0)
        found[:, kind] = np.arange(len(found)) - first
    return found


def able(found: Ints, needs: Ints, left: Ints) -> Flags:
    """Whether each domain has what each pattern takes: `[pattern, domain]`, from `left[gauge, domain]`."""
    flags: Flags = np.logical_and.reduce((found @ needs)[:, :, None] <= left[None], axis=1)
    return flags


def best(worth: Floats | Ints, flags: Flags) -> Ints:
    """The pattern that is worth most in each domain."""
    chosen: Ints = np.where(flags, worth[:, None], -1).argmax(axis=0)
    return chosen


def sizes_of(needs: Ints, left: Ints) -> Floats:
    """What a unit of each class takes of the roomiest domain, all gauges counted alike."""
    sizes: Floats = (needs / np.maximum(left.max(axis=1), 1)).sum(axis=1)
    return sizes
