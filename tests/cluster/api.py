"""A small asynchronous client for tests: JSON in, JSON out, one pooled session.

It shares no code with the product's own adapter on purpose, since it is used to judge it.
"""

import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import aiohttp
import orjson

Json: TypeAlias = dict[str, Any]
PatchKind = Literal["merge", "json", "strategic", "apply"]

CONNECTIONS = 64
WATCH_LINE_BYTES = 2**22
PATCH_TYPES: dict[PatchKind, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True)
class Access:
    """What a client needs to get in."""

    server: str
    token: str
    ca_file: Path
    """Read for https only."""
    kubeconfig: Path


class ApiError(Exception):
    """The API server said no. Facts: `code` (HTTP) and `reason` (as in a v1 Status)."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason


class Api:
    """Requests by path, such as `get("/api/v1/nodes")`. Parameters are query parameters. Raises `ApiError`.

    `acting_as` sends every request in the name of another user, which is how permissions are tried without new credentials.
    """

    def __init__(self, access: Access, acting_as: str | None = None) -> None:
        self._access = access
        self._headers = {"Authorization": f"Bearer {access.token}", "User-Agent": "espalier-tests"}
        if acting_as:
            self._headers["Impersonate-User"] = acting_as

    async def __aenter__(self) -> Self:
        secure = self._access.server.startswith("https:")
        trusted = ssl.create_default_context(cafile=self._access.ca_file) if secure else True
        self._http = aiohttp.ClientSession(
            self._access.server,
            headers=self._headers,
            connector=aiohttp.TCPConnector(ssl=trusted, limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            read_bufsize=WATCH_LINE_BYTES,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.close()

    async def get(self, path: str, **params: str) -> Json:
        """Read one object or one list."""
        return await self._send("GET", path, params)

    async def items(self, path: str, **params: str) -> list[Json]:
        """The items of a list."""
        found: list[Json] = (await self.get(path, **params))["items"]
        return found

    async def post(self, path: str, body: Json, **params: str) -> Json:
        """Create."""
        return await self._send("POST", path, params, body)

    async def put(self, path: str, body: Json, **params: str) -> Json:
        """Replace."""
        return await self._send("PUT", path, params, body)

    async def patch(self, path: str, body: object, kind: PatchKind = "merge", **params: str) -> Json:
        """Change a part; `kind="apply"` wants a `fieldManager` parameter."""
        return await self._send("PATCH", path, params, body, {"Content-Type": PATCH_TYPES[kind]})

    async def delete(self, path: str, **params: str) -> Json:
        """Delete one object, or everything that a list path and its selectors name."""
        return await self._send("DELETE", path, params)

    async def watch(self, path: str, since: str = "", **params: str) -> AsyncGenerator[Json, None]:
        """Events after a resourceVersion, or from the present state when that is empty.

        Whoever leaves early closes it: `async with aclosing(api.watch(...)) as events`.
        """
        asked = {"watch": "1", "resourceVersion": since, **params}
        async with self._http.get(path, params=asked) as stream:
            await _check(stream)
            try:
                async for line in stream.content:
                    yield orjson.loads(line)
            finally:
                _hang_up(stream)

    async def _send(
        self, method: str, path: str, params: dict[str, str], body: object = None, headers: dict[str, str] | None = None
    ) -> Json:
        data = None if body is None else orjson.dumps(body)
        sent = {"Content-Type": "application/json"} | (headers or {})
        async with self._http.request(method, path, params=params, data=data, headers=sent) as answer:
            await _check(answer)
            found: Json = orjson.loads(await answer.read())
            return found


def _hang_up(stream: aiohttp.ClientResponse) -> None:
    # A polite TLS goodbye waits for the server's, which nobody would be there to hear.
    if stream.connection is not None and stream.connection.transport is not None:
        stream.connection.transport.abort()


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status < 400:
        return
    text = await answer.text()
    try:
        status: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        status = {}
    raise ApiError(answer.status, status.get("reason", answer.reason or ""), status.get("message", text))
