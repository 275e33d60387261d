"""`Wire`: sends calls over pooled connections, measured, paced, bounded in time, and repeated where that is safe."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import aiohttp

from activities.cluster.answers import Unanswered, failure, object_in
from activities.cluster.calls import Call
from activities.cluster.credentials import Access
from activities.cluster.faults import scrubbed, translated
from activities.cluster.kube import Busy, Manifest, Refused
from activities.cluster.measures import measured
from activities.cluster.pace import Pace

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "espalier"}
CHUNK_BYTES = 2**18
UNAUTHORIZED = 401


@dataclass(frozen=True)
class Limits:
    """How long and how much. No call takes longer than `call_s` in all, nor a single try longer than `answer_s`."""

    connect_s: float = 5.0
    answer_s: float = 30.0
    long_answer_s: float = 65.0
    """For calls that the server itself ends after a minute."""
    call_s: float = 75.0
    tries: int = 4
    first_delay_s: float = 0.1
    """Doubled with every try; the server's own Retry-After counts when it is longer."""
    idle_s: float = 150.0
    """A watch without any word for so long is dead: bookmarks come every minute."""
    watch_s: int = 300
    """Asked of the server as the length of one watch; up to twice that, by the jitter."""
    connections: int = 96
    page: int = 500
    answer_bytes: int = 2**26
    line_bytes: int = 2**24


class Wire:
    """One cluster's connections. Watches have a pool of their own, because they never give a connection back."""

    def __init__(self, access: Access, pace: Pace, limits: Limits, jitter: Callable[[], float]) -> None:
        self._access, self._pace, self.limits, self.jitter = access, pace, limits, jitter

    async def __aenter__(self) -> Self:
        self._calls = self._session(self.limits.connections)
        self._watches = self._session(0)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._calls.close()
        await self._watches.close()
        await asyncio.sleep(0)  # the last transports end in the loop's next turn

    def _session(self, connections: int) -> aiohttp.ClientSession:
        tls: ssl.SSLContext | bool = self._access.tls or True
        connector = aiohttp.TCPConnector(limit=connections, ssl=tls, keepalive_timeout=30)
        cookies = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(headers=HEADERS, connector=connector, read_bufsize=CHUNK_BYTES, cookie_jar=cookies)

    async def answer(self, call: Call) -> Manifest:
        """The object in the answer to a call."""
        return object_in(call, await self.body(call))

    async def body(self, call: Call) -> bytes:
        """The bytes that answer a call, tried again while the cluster is busy: at most `tries` times within `call_s`.

        A call that is not `repeatable` is not sent again once it may have been carried out: that raises `Unanswered`.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.limits.call_s
        for attempt in range(self.limits.tries):
            try:
                return await self._once(call, deadline - clock())
            except Busy as busy:
                wait_s = max(busy.delay.total_seconds(), self.limits.first_delay_s * 2**attempt * (1 + self.jitter()))
                busy.delay = timedelta(seconds=wait_s)
                last = attempt + 1 == self.limits.tries or clock() + wait_s >= deadline
                if last or (isinstance(busy, Unanswered) and not call.repeatable):
                    raise
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _once(self, call: Call, left_s: float) -> bytes:
        longest_s = self.limits.long_answer_s if call.long else self.limits.answer_s
        timeout = aiohttp.ClientTimeout(total=max(0.001, min(longest_s, left_s)), sock_connect=self.limits.connect_s)
        async with self._opened(self._calls, call, timeout) as response:
            return await self._whole(call, response)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncGenerator[aiohttp.ClientResponse]:
        """An answer that goes on. Raises as `body` does, without repeating."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.limits.connect_s, sock_read=self.limits.idle_s)
        async with self._opened(self._watches, call, timeout) as response:
            yield response

    @asynccontextmanager
    async def _opened(
        self, session: aiohttp.ClientSession, call: Call, patience: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        await self._pace.turn()
        headers = await self._access.headers()
        response = await self._sent(session, call, patience, headers)
        if response.status == UNAUTHORIZED and (renewed := await self._access.headers(headers)) != headers:
            response.release()
            response = await self._sent(session, call, patience, renewed)
        with _dropped_if_unread(response):
            if response.status >= 300:
                said = scrubbed(response, await self._whole(call, response))
                raise failure(call, response.status, response.headers, said)
            yield response

    async def _sent(
        self, session: aiohttp.ClientSession, call: Call, patience: aiohttp.ClientTimeout, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        with measured(call.verb, call.plural) as answered, translated(call):
            response = await session.request(
                call.method,
                self._access.server + call.path,
                params=call.query,
                data=call.body or None,
                headers={"Content-Type": call.content_type, **headers},
                timeout=patience,
                allow_redirects=False,
                proxy=self._access.proxy,
                server_hostname=self._access.server_name,
            )
            answered(response.status)
            return response

    async def _whole(self, call: Call, response: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        with translated(call):
            async for piece in response.content.iter_any():
                size += len(piece)
                if size > self.limits.answer_bytes:
                    most = f"{self.limits.answer_bytes >> 20} MiB"
                    raise Refused(f"{call.title}: the answer is larger than {most}; is this an API server?")
                pieces.append(piece)
        return b"".join(pieces)


@contextmanager
def _dropped_if_unread(response: aiohttp.ClientResponse) -> Generator[None]:
    """Give the connection back when the answer was read; else drop it at once, without a farewell nobody would wait for."""
    try:
        yield
    finally:
        if response.connection is not None and response.connection.transport is not None:
            response.connection.transport.abort()
        response.release()
