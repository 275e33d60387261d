"""How far roles and groups that are updated beside each other may be apart. Pure."""

from collections.abc import Sequence, Sized
from fractions import Fraction
from typing import Protocol

from specs.rollout import Rollout


class Part(Protocol):
    """Units of a role or group that is updated."""

    ruled: int
    """How many are to be updated in all, or have been."""

    @property
    def updated(self) -> Sized:
        """Those that have been."""
        ...

    @property
    def name(self) -> str:
        """`4 units of decode`."""
        ...


class Abreast:
    """By so many units, or by such a share of the units of each. Who is last may always go on by one unit.

    Only those that still change are asked about: what is updated to its end is nowhere the last. So a number, which means the
    same for large and small, holds while all of them change, and a share keeps the first of them from its end until the others
    are near.
    """

    def __init__(self, parts: Sequence[Part], rollout: Rollout) -> None:
        self._skew = rollout.max_skew
        self._last = min(parts, key=self._at, default=None)

    def left(self, part: Part) -> int:
        """How many more of its units may go."""
        if self._skew is None or self._last is None:
            return part.ruled
        return max(0, self._most(part, self._at(self._last), self._skew) - len(part.updated))

    def ahead(self, part: Part) -> bool:
        """Whether it waits for the others."""
        return self._skew is not None and self.left(part) == 0

    def told(self, part: Part) -> str:
        """Of one that is ahead: whom it waits for."""
        ahead, last = (f"{len(each.updated)} of {each.name}" for each in (part, self._last or part))
        return f"{ahead} are updated, which is as far ahead as maxSkew ({self._skew}) lets it be of {last}"

    def _at(self, part: Part) -> Fraction:
        return Fraction(len(part.updated), max(1, part.ruled) if isinstance(self._skew, str) else 1)

    def _most(self, part: Part, least: Fraction, skew: int | str) -> int:
        if isinstance(skew, int):
            return int(least) + skew
        share = int(part.ruled * (least + Fraction(int(skew.removesuffix("%")), 100)))
        return max(share, len(part.updated) + 1) if self._at(part) == least else share
