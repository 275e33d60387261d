"""Answers that still hold: who was told that there is no room, and when."""

from collections.abc import Iterable

from activities.cache.placements import Waiting
from activities.room.demands import Asked

Fingerprint = tuple[object, ...]


class Answered:
    """Each answer holds until room may have come free, or the gang asks for, or has, something else."""

    def __init__(self) -> None:
        self._epoch = 0
        self._told: dict[Fingerprint, tuple[int, Waiting]] = {}

    @property
    def epoch(self) -> int:
        """Grows whenever room may have come free."""
        return self._epoch

    @property
    def anybody_waits(self) -> bool:
        """Whether more room would be news to anybody."""
        return bool(self._told)

    def more_room(self) -> None:
        """All answers are to be had anew; the old sentences stay until then."""
        self._epoch += 1

    def tell(self, gang: Asked, waiting: Waiting, epoch: int) -> None:
        """The answer to a question that was asked at `epoch`."""
        self._told[_fingerprint(gang)] = (epoch, waiting)

    def holds(self, gang: Asked) -> bool:
        """Whether asking again would bring the same."""
        return self._told.get(_fingerprint(gang), (-1, None))[0] == self._epoch

    def of(self, gang: Asked) -> Waiting | None:
        """The last answer."""
        return self._told.get(_fingerprint(gang), (-1, None))[1]

    def keep_only(self, gangs: Iterable[Asked]) -> None:
        """Forget the others."""
        wanted = map(_fingerprint, gangs)
        self._told = {mark: self._told[mark] for mark in wanted if mark in self._told}


def _fingerprint(gang: Asked) -> Fingerprint:
    return (*gang.key, gang.name, gang.newest.revision, frozenset(gang.home), frozenset(gang.nodes.items()))
