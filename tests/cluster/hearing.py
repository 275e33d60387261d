"""Hearing of every change while something else goes on."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

from tests.cluster.api import Api, Json


@asynccontextmanager
async def heard(api: Api, path: str, take: Callable[[str, Json], None], **selector: str) -> AsyncGenerator[Sequence[Json]]:
    """What there is, and while the body runs `take(type, object)` for each change after that."""
    listed = await api.get(path, **selector)

    async def listen() -> None:
        async with aclosing(api.watch(path, listed["metadata"]["resourceVersion"], **selector)) as events:
            async for event in events:
                take(event["type"], event["object"])

    listening = asyncio.create_task(listen())
    try:
        yield listed["items"]
    finally:
        if listening.done():
            listening.result()  # who has heard nothing would testify to anything
        listening.cancel()
