"""Hollows: what is free, domain in domain, by one resource; those that look alike have one number."""

from collections.abc import Sequence
from dataclasses import dataclass

from topology.supply.layout import Area, Layout


@dataclass(frozen=True, slots=True, eq=False)
class Hollow:
    """A domain, or a host, with room."""

    area: Area
    free: int
    look: int
    """Equal for those with equal hollows inside."""
    inside: "tuple[Hollow, ...] | None"
    """Of the next level that matters; None for a host."""

    @property
    def level(self) -> int:
        return self.area.level

    def at(self, level: int) -> "list[Hollow]":
        """Those of a level inside it: hosts from the largest on; domains from the smallest on, which has the fewest fillings."""
        found = list(self.inside or ())
        while found and found[0].level < level:
            found = [inner for each in found for inner in each.inside or ()]
        return sorted(found, key=lambda each: (-each.free if each.inside is None else each.free, each.look))


class Hollows:
    """Those of a fleet. Cost: O(n log n) for n hosts."""

    def __init__(self, layout: Layout, free: Sequence[int], levels: Sequence[int]) -> None:
        self._layout, self._free = layout, free
        self._levels = [*levels, layout.fabric.host]
        self._looks: dict[object, int] = {}

    def whole(self) -> Hollow:
        """The fleet."""
        return self._hollow(self._layout.whole, 0)

    def _hollow(self, area: Area, depth: int) -> Hollow:
        if depth == len(self._levels):
            free = self._free[area.low]
            return Hollow(area, free, self._look(free), None)
        level = self._levels[depth]
        kids = [self._hollow(self._layout.area(level, at), depth + 1) for at in range(*self._layout.inside(area, level))]
        kept = tuple(sorted((kid for kid in kids if kid.free > 0), key=lambda kid: kid.look))
        return Hollow(area, sum(kid.free for kid in kept), self._look((depth, tuple(kid.look for kid in kept))), kept)

    def _look(self, what: object) -> int:
        return self._looks.setdefault(what, len(self._looks))
