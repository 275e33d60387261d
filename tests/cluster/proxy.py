"""A way to the API server that tests stand in: it hands on what is asked, and others make of it what they want."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.cluster.api import Access
from tests.cluster.ports import free_ports

HOP_BY_HOP = {"transfer-encoding", "connection", "content-encoding", "content-length", "host"}


class Proxy:
    """Hands on every call. Others override `handed_on` and `watched`."""

    def __init__(self, access: Access) -> None:
        self._access = access

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
                return await self.handed_on(http, request)

            app.router.add_route("*", "/{path:.*}", hand_on)
            runner, (port,) = web.AppRunner(app, shutdown_timeout=0.1), free_ports(1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            try:
                yield Access(f"http://127.0.0.1:{port}", self._access.token, self._access.ca_file, self._access.kubeconfig)
            finally:
                await runner.cleanup()

    async def handed_on(self, http: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        """The answer to one call."""
        headers = CIMultiDict((key, value) for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP)
        async with http.request(request.method, request.rel_url, headers=headers, data=await request.read()) as answer:
            if "watch" in request.query and request.query["watch"] in ("1", "true"):
                return await self.watched(request, answer)
            body = await answer.read()
        kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_BY_HOP - {"content-encoding"}}
        return web.Response(status=answer.status, headers=kept, body=body)

    async def watched(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """A watch, as long as it lasts."""
        stream = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        async for chunk in answer.content.iter_any():
            await stream.write(chunk)
        return stream


def cut(request: web.Request) -> web.StreamResponse:
    """No answer: the connection is gone."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
