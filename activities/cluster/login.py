"""`Pass`: the headers that prove who we are, kept fresh."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Login:
    """Headers that prove who we are, and for how long they are good."""

    headers: Headers = field(default_factory=dict[str, str], repr=False)
    good_for_s: float = float("inf")


class Pass:
    """Keeps a login fresh: got again when it is too old, or when the server refused it."""

    def __init__(
        self, login: Login, again: Callable[[], Awaitable[Login]] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._again, self._clock = again, clock
        self._lock = asyncio.Lock()
        self._take(login)

    async def headers(self, refused: Headers | None = None) -> Headers:
        """The headers of now. Give those that were answered with 401 to get others, if there are others to be had."""
        if self._again is None or not self._stale(refused):
            return self._login.headers
        async with self._lock:
            if self._stale(refused):  # else somebody else has just renewed them
                self._take(await self._again())
            return self._login.headers

    def _stale(self, refused: Headers | None) -> bool:
        return self._clock() >= self._good_until or refused == self._login.headers

    def _take(self, login: Login) -> None:
        self._login = login
        self._good_until = self._clock() + login.good_for_s
