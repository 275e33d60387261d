"""The webhook of the agent: the API server asks it before it stores a system. While it is away: see specs.admission."""

import asyncio
import os
import ssl
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import structlog
from aiohttp import web

from activities.cluster.kube import Busy, Kube, Refused
from activities.listening.admission import Admission
from specs.admission import PATH, configuration
from workers.certificates import Pair, now, shared
from workers.definitions import tell_of_webhook

MANAGER = "espalier-agent"
LOOK_EVERY_S, RETRY_S = 60.0, 5.0
HEARD_AFTER_S = 5.0
"""By then the API server knows which certificates to trust: it watches that, and hears within milliseconds when idle."""
log = structlog.get_logger("espalier.workers")


@asynccontextmanager
async def admitting(
    kube: Kube, admission: Admission, port: int, url: str, clock: Callable[[], datetime] = now
) -> AsyncGenerator[None]:
    """Serve while the body runs; not at all on port 0. Never stands in the agent's way: what fails is said and tried again."""
    if not port:
        yield
        return
    serving = asyncio.create_task(_Webhook(kube, admission, port, url, clock).run())
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class _Webhook:
    def __init__(self, kube: Kube, admission: Admission, port: int, url: str, clock: Callable[[], datetime]) -> None:
        self._kube, self._admission, self._port, self._url, self._clock = kube, admission, port, url, clock
        self._secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._shown: Pair | None = None
        self._told: Pair | None = None

    async def run(self) -> None:
        """A certificate, then the server, then the API server is told; then the certificate is looked after."""
        app = web.Application(client_max_size=4 * 2**20)
        app.add_routes([web.post(PATH, self._review)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        started = False
        try:
            while True:
                pause_s = LOOK_EVERY_S
                try:
                    pair = await shared(self._kube, self._clock())
                    if self._shown is None or self._told == pair:
                        self._show(pair)
                    if not started:
                        await web.TCPSite(runner, port=self._port, ssl_context=self._secure).start()
                        started = True
                    await tell_of_webhook(self._kube, configuration(self._trusted(pair), self._url), MANAGER)
                    self._told = pair
                    if self._shown != pair:
                        pause_s = HEARD_AFTER_S
                except (Busy, Refused, OSError) as error:
                    log.warning("webhook_not_ready", problem=str(error))
                    pause_s = RETRY_S
                await asyncio.sleep(pause_s)
        finally:
            await runner.cleanup()

    def _trusted(self, pair: Pair) -> str:
        """Also what is shown still: the API server trusts a new certificate before it meets it, and asks all the while."""
        shown = self._shown.certificate if self._shown else ""
        return pair.trusted if shown in pair.trusted else pair.trusted + shown

    def _show(self, pair: Pair) -> None:
        """To whom connects from now on. OpenSSL reads keys from files only: it has one for a moment, which only we may read."""
        if pair == self._shown:
            return
        handle, name = tempfile.mkstemp(prefix="espalier-")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(pair.certificate + pair.key)
            self._secure.load_cert_chain(name)
        finally:
            Path(name).unlink()
        self._shown = pair

    async def _review(self, request: web.Request) -> web.Response:
        return web.json_response(self._admission.review(await request.json()))
