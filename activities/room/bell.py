"""The bell that wakes the solver."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

GATHER_S = 0.05
"""Room comes in steps: a rack is opened node by node, a system leaves pod by pod. Who waits for room is placed in what came
together, not in its first piece."""


class Bell:
    """Rung by whatever changes; heard once for all that rang together."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something has changed."""
        self._rung.set()

    async def heard(self, urgent: Callable[[], bool], at_most_s: float | None) -> bool:
        """Return when it has rung, and a moment later where nothing is urgent; False when it did not in time."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                while not urgent():
                    self._rung.clear()
                    await self._rung.wait()
        self._rung.clear()
        return True
