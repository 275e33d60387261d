"""A hostile way to the API server: some calls are refused, fail, or are never answered, and watches are cut."""

import asyncio
import random
from collections import Counter

import aiohttp
from aiohttp import web

from tests.cluster.api import Access
from tests.cluster.proxy import Proxy, cut

SHARE = 0.05
WATCH_LASTS_S = (0.2, 8.0)
FAULTS = ("429", "500", "nothing before", "nothing after")
"""`nothing`: the connection is cut, before the call has an effect or after."""


class Faulty(Proxy):
    """Hands on what is asked, but for one call in twenty. The seed decides which."""

    def __init__(self, access: Access, seed: int, share: float = SHARE) -> None:
        super().__init__(access)
        self._chance = random.Random(seed)
        self._share = share
        self.faults: Counter[str] = Counter()
        self.calls = 0

    async def handed_on(self, http: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        fault = self._chance.choice(FAULTS) if self._chance.random() < self._share else ""
        if fault:
            self.faults[fault] += 1
        if fault in ("429", "500"):
            return _status(int(fault))
        if fault == "nothing before":
            return cut(request)
        answer = await super().handed_on(http, request)
        return cut(request) if fault == "nothing after" else answer

    async def watched(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Cut in the middle of a line, some time."""
        try:
            async with asyncio.timeout(self._chance.uniform(*WATCH_LASTS_S)):
                return await super().watched(request, answer)
        except TimeoutError:
            self.faults["watch cut"] += 1
            return cut(request)


def _status(code: int) -> web.Response:
    words = {429: "TooManyRequests", 500: "InternalError"}[code]
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": words, "message": "made to fail"}
    return web.json_response(said, status=code, headers={"Retry-After": "1"} if code == 429 else {})
