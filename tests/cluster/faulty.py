"""A hostile way to the API server: some calls are refused, fail, or are never answered, and watches are cut."""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.cluster.api import Access
from tests.cluster.ports import free_ports

SHARE = 0.05
WATCH_LASTS_S = (0.2, 8.0)
HOP_BY_HOP = {"transfer-encoding", "connection", "content-encoding", "content-length", "host"}
FAULTS = ("429", "500", "nothing before", "nothing after")
"""`nothing`: the connection is cut, before the call has an effect or after."""


class Faulty:
    """Hands on what is asked, but for one call in twenty. The seed decides which."""

    def __init__(self, access: Access, seed: int, share: float = SHARE) -> None:
        self._access = access
        self._chance = random.Random(seed)
        self._share = share
        self.faults: Counter[str] = Counter()
        self.calls = 0

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[Access]:
        """Access that leads through it."""
        trusted = ssl.create_default_context(cafile=self._access.ca_file)
        endless = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(ssl=trusted, limit=200)
        async with aiohttp.ClientSession(
            self._access.server, connector=connector, timeout=endless, auto_decompress=False
        ) as http:
            app = web.Application(client_max_size=0)

            async def hand_on(request: web.Request) -> web.StreamResponse:
                return await self._handed_on(http, request)

            app.router.add_route("*", "/{path:.*}", hand_on)
            runner, (port,) = web.AppRunner(app, shutdown_timeout=0.1), free_ports(1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            try:
                yield Access(f"http://127.0.0.1:{port}", self._access.token, self._access.ca_file, self._access.kubeconfig)
            finally:
                await runner.cleanup()

    async def _handed_on(self, http: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        fault = self._chance.choice(FAULTS) if self._chance.random() < self._share else ""
        if fault:
            self.faults[fault] += 1
        if fault in ("429", "500"):
            return _status(int(fault))
        if fault == "nothing before":
            return _cut(request)
        return await self._through(http, request, silent=fault == "nothing after")

    async def _through(self, http: aiohttp.ClientSession, request: web.Request, *, silent: bool) -> web.StreamResponse:
        headers = CIMultiDict((key, value) for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP)
        async with http.request(request.method, request.rel_url, headers=headers, data=await request.read()) as answer:
            if "watch" in request.query and request.query["watch"] in ("1", "true"):
                return await self._watched(request, answer)
            body = await answer.read()
        if silent:
            return _cut(request)
        kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_BY_HOP - {"content-encoding"}}
        return web.Response(status=answer.status, headers=kept, body=body)

    async def _watched(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Cut in the middle of a line, some time."""
        stream = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        try:
            async with asyncio.timeout(self._chance.uniform(*WATCH_LASTS_S)):
                async for chunk in answer.content.iter_any():
                    await stream.write(chunk)
        except TimeoutError:
            self.faults["watch cut"] += 1
            return _cut(request)
        return stream


def _status(code: int) -> web.Response:
    words = {429: "TooManyRequests", 500: "InternalError"}[code]
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": words, "message": "made to fail"}
    return web.json_response(said, status=code, headers={"Retry-After": "1"} if code == 429 else {})


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
