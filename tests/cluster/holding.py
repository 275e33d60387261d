"""A way to the API server on which one write can be held up for as long as a test wants, and then goes through after all."""

import asyncio

import aiohttp
from aiohttp import web

from tests.cluster.api import Access
from tests.cluster.proxy import Proxy


class Holding(Proxy):
    """Hands on every call, but holds the first write of this method to a path that contains this, once it is told to."""

    def __init__(self, access: Access, method: str, part: str) -> None:
        super().__init__(access)
        self._method, self._part = method, part
        self.armed = False
        self.caught, self.released = asyncio.Event(), asyncio.Event()

    async def handed_on(self, http: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        if self.armed and not self.caught.is_set() and request.method == self._method and self._part in request.path:
            await request.read()  # all of it left the client, which may be frozen from now on
            self.caught.set()
            await self.released.wait()
        return await super().handed_on(http, request)
