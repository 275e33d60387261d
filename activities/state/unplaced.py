"""Units that run on as they are, because what they are to be has no room: until some comes free."""

from collections.abc import Callable, Mapping, Sequence

from activities.cache.census import SystemKey
from activities.cache.placements import Waiting


class Unplaced:
    """What was found, by system and revision; `tell` is called for each system that may try again.

    Lost with the process, and found anew.
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._told: dict[tuple[SystemKey, str], dict[str, Waiting]] = {}

    def note(self, key: SystemKey, revision: str, unit: Sequence[str], waiting: Waiting) -> None:
        """There is no room for this unit (its slots)."""
        for old in [old for old in self._told if old[0] == key and old[1] != revision]:
            del self._told[old]
        self._told.setdefault((key, revision), {})[unit[0]] = waiting

    def of(self, key: SystemKey, revision: str) -> Mapping[str, Waiting]:
        """First slot of each unit -> why."""
        return self._told.get((key, revision), {})

    def more_room(self, but: SystemKey | None = None) -> None:
        """All may try again, but for this system."""
        told = [mark for mark in self._told if mark[0] != but]
        self._told = {mark: each for mark, each in self._told.items() if mark[0] == but}
        for (namespace, name), _ in told:
            self._tell(namespace, name)
