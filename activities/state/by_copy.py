"""Which copy a rollout is at, where copies are updated one after the other. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """One unit, as far as the order of copies goes."""

    copy: int
    waiting: bool
    """It is still to be updated."""
    available: bool
    updated: bool
    """It was changed by this rollout."""


class Turn(NamedTuple):
    """Whose turn it is."""

    copy: int
    held_by: int | None = None
    """An earlier copy that has to be whole first."""


def turn_of(parts: Sequence[Part]) -> Turn | None:
    """The copy that was begun; else one that lacks something already; else the first. None when none waits."""
    waiting = {part.copy for part in parts if part.waiting}
    if not waiting:
        return None
    begun = {part.copy for part in parts if part.updated}
    broken = {part.copy for part in parts if not part.available}
    copy = min(waiting, key=lambda each: (each not in begun, each not in broken, each))
    return Turn(copy, min(broken - waiting, default=None) if copy not in begun else None)
