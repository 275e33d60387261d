"""`Pace`: how many requests a second this process sends to a cluster."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PER_SECOND = 1_000.0
BURST = 2_000


class Pace:
    """Hands out turns in the order they were asked for: `burst` at once, then `per_second`.

    It guards the cluster from a mistake of ours, not from load: a busy API server says 429 by itself. By default the burst is
    two steps' most objects (`Order.limit`), so that no step waits here, and the rate is a little more than a bare client with
    32 connections reaches on two cores (400-830 creations a second), so that a runaway loop is no worse than that.
    A turn that is cancelled while it waits is spent.

    Source: the generic cell rate algorithm (ITU-T I.371), which is a token bucket kept as one number.
    """

    def __init__(
        self,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError(f"a pace of {per_second} a second with a burst of {burst} never gives a turn; use numbers above 0")
        self._interval_s = 1 / per_second
        self._credit_s = burst / per_second
        self._clock, self._sleep = clock, sleep
        self._taken_until = clock() - self._credit_s

    async def turn(self) -> None:
        """Return when the caller may send its request."""
        now = self._clock()
        self._taken_until = max(self._taken_until, now - self._credit_s) + self._interval_s
        wait_s = self._taken_until - now
        if wait_s > 0:
            await self._sleep(wait_s)
