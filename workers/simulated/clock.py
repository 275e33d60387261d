"""Time in the simulated cluster: that of the wall, or one that a test moves."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What everything in the cluster takes its time from."""

    def now(self) -> datetime:
        """The time of day."""
        ...

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do it then."""
        ...


class WallClock:
    """As the world has it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(max(0.0, delay_s), act)


class VirtualClock:
    """Stands still until it is moved; what is due by then is done on the way, in order."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._order = itertools.count()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self._now

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self._now + timedelta(seconds=max(0.0, delay_s)), next(self._order), act))

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self._now + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= end:
            self._now, _, act = heapq.heappop(self._due)
            act()
        self._now = end


def stamp(moment: datetime) -> str:
    """As Kubernetes writes it: to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Read from a timestamp."""
    return datetime.fromisoformat(text)
