"""What a cluster's probes ask: does this process live, and can it work."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Check = Callable[[], Awaitable[str]]
"""Why the process can't work now; empty when it can."""


@asynccontextmanager
async def probed(port: int, check: Check) -> AsyncGenerator[None]:
    """Answer GET /livez and /readyz on all interfaces while the body runs; not at all on port 0."""
    if not port:
        yield
        return

    async def ready(_: web.Request) -> web.Response:
        why = await check()
        return web.Response(text=f"{why or 'ok'}\n", status=503 if why else 200)

    app = web.Application()
    app.add_routes([web.get("/livez", _alive), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
