"""Mixing: numbers that look drawn by chance and are the same every time, so that the same question gets the same answer."""

import numpy as np

from topology.search.patterns import Floats

AT_ONCE = 8_192
_GAMMA, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Mix:
    """A stream of numbers from 0 to 1, not including 1.

    Source: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    """

    def __init__(self) -> None:
        self._drawn = 0
        self._ready: Floats = np.zeros(0)

    def draw(self, count: int) -> Floats:
        """The next numbers. Cost: about 1 us, and 10 ns a number."""
        if len(self._ready) < count:
            self._ready = np.concatenate((self._ready, self._made(max(count, AT_ONCE))))
        drawn, self._ready = self._ready[:count], self._ready[count:]
        return drawn

    def _made(self, count: int) -> Floats:
        state = np.arange(self._drawn + 1, self._drawn + count + 1, dtype=np.uint64) * _GAMMA
        self._drawn += count
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
        made: Floats = ((state ^ (state >> np.uint64(31))) >> np.uint64(11)) / 2.0**53
        return made
