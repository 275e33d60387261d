"""A small HTTP server that answers what a test tells it to, however wrong."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from activities.cluster.credentials import with_token
from activities.cluster.http import HttpKube
from activities.cluster.kube import Manifest
from activities.cluster.wire import Limits

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = "s3cr3t-t0k3n"
QUICK = Limits(
    connect_s=0.5, answer_s=0.5, long_answer_s=0.5, call_s=2.0, tries=3, first_delay_s=0.01, idle_s=0.5, line_bytes=2**16
)


@dataclass
class Script:
    """Answers in their order; the last one is given for ever. `seen` is what was asked."""

    answers: list[Answer]
    seen: list[web.Request] = field(default_factory=list[web.Request])
    address: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Give the next answer."""
        self.seen.append(request)
        await request.read()
        return await self.answers[min(len(self.seen), len(self.answers)) - 1](request)


@asynccontextmanager
async def serving(script: Script, limits: Limits = QUICK) -> AsyncGenerator[HttpKube]:
    """The adapter, connected to a server that follows the script."""
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", script.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with HttpKube(with_token(script.address, TOKEN), limits=limits, jitter=lambda: 0.0) as kube:
            yield kube
    finally:
        await runner.cleanup()


def json(content: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    return raw(orjson.dumps(content), status, "application/json", **headers)


def raw(body: bytes, status: int = 200, content_type: str = "text/html", **headers: str) -> Answer:
    """Any answer; `_` in the names of headers stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type=content_type, headers=named)

    return answer


def status(code: int, reason: str = "", message: str = "no", **details: Any) -> Manifest:
    """A Status object, the API server's way of saying no."""
    return {
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
        "details": details,
    }


def refusing(code: int, reason: str = "", message: str = "no", **headers: str) -> Answer:
    """A proper refusal."""
    return json(status(code, reason, message), code, **headers)


async def hanging(_: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.sleep(60)
    return web.Response()


async def cutting(request: web.Request) -> web.StreamResponse:
    """Cuts the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def half(body: bytes, declared: int) -> Answer:
    """Declares so many bytes, sends these, and cuts the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(declared), "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(body)
        return await cutting(request)

    return answer


def streaming(*pieces: bytes, then: str = "end") -> Answer:
    """Sends the pieces of a watch one by one, then ends it, cuts it, or hangs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.01)
        if then == "cut":
            return await cutting(request)
        if then == "hang":
            await asyncio.sleep(60)
        await response.write_eof()
        return response

    return answer


def event(kind: str, name: str = "one", version: str = "7", **more: Any) -> bytes:
    """One line of a watch."""
    content = {"metadata": {"name": name, "namespace": "x", "resourceVersion": version}, **more}
    return orjson.dumps({"type": kind, "object": content}) + b"\n"


def config(version: str = "1", name: str = "one", **more: Any) -> Manifest:
    """An object as the server gives it."""
    metadata = {"name": name, "namespace": "x", "resourceVersion": version, "uid": f"uid-of-{name}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def page(*items: Manifest, version: str = "9", token: str = "") -> Manifest:
    """One page of a list."""
    return {"kind": "ConfigMapList", "metadata": {"resourceVersion": version, "continue": token}, "items": list(items)}
