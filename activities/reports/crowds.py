"""Crowds: of many parts of a system on their way at once, each has its status written when it has come to rest, not before.

A set of Grove has hundreds of cliques. While its pods are made, or replaced all at once, the API server has these to write, and
a status that is another in a second is a write for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.cluster.kube import Kind, Manifest

CROWD = 50
"""So many parts on their way are a crowd."""
LONGEST_S = 10.0
"""For so long a crowd is not told of."""
Key = tuple[str, str]


@dataclass(frozen=True)
class Told:
    """An object and its new status."""

    kind: Kind
    found: Manifest
    status: Manifest
    passing: bool = False
    """It is on its way, and will have another status soon."""

    @property
    def is_news(self) -> bool:
        """Whether the object says something else."""
        old: Manifest = self.found.get("status") or {}
        return any(old.get(field) != value for field, value in self.status.items())


class Crowds:
    """Remembers since when a system's crowd has not been told of."""

    def __init__(self) -> None:
        self._since: dict[Key, float] = {}

    def due(self, key: Key, told: Sequence[Told], now: float) -> tuple[list[Told], float | None]:
        """What is to be written now, of those that say something else; and when the rest is to be, if there is a rest."""
        news = [each for each in told if each.is_news]
        if sum(each.passing for each in news) <= CROWD:
            self._since.pop(key, None)
            return news, None
        until = self._since.setdefault(key, now) + LONGEST_S
        if until <= now:
            self._since[key] = now
            return news, None
        return [each for each in news if not each.passing], until
