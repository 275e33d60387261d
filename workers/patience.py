"""How a process that stays waits for what it needs: it says once what is missing, and tries again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

RETRY_S = 0.5
T = TypeVar("T")
log = structlog.get_logger("espalier.workers")


async def patiently(attempt: Callable[[], Awaitable[T]], missing: type[Exception]) -> T:
    """The answer of `attempt`, however long `missing` is raised before. What is said of it is logged when it changes."""
    said = ""
    while True:
        try:
            return await attempt()
        except missing as error:
            if str(error) != said:
                log.warning("waiting", problem=str(error))
            said = str(error)
            await asyncio.sleep(RETRY_S)
