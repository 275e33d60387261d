"""What would let those in who wait for room, as it was found last."""

from collections.abc import Mapping, Sequence

from activities.cache.census import SystemKey

Fits = Mapping[tuple[SystemKey, str], tuple[str, ...]]
"""Sentences for a gang, by its system and name."""


class Advice:
    """Lost with the process, and found anew."""

    def __init__(self) -> None:
        self._fits: Fits = {}

    def of(self, key: SystemKey) -> Mapping[str, tuple[str, ...]]:
        """Of a system's gangs, by name; nothing where nothing is known."""
        return {gang: fits for (system, gang), fits in self._fits.items() if system == key}

    def replace(self, fits: Fits) -> Sequence[SystemKey]:
        """Forget what was; returns the systems for which that makes a difference."""
        before, self._fits = self._fits, fits
        return sorted({mark[0] for mark in {**before, **fits} if before.get(mark) != fits.get(mark)})
