"""/livez and /readyz of a worker and an agent: what is away makes them unready, never dead, until it is back."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.agent import Agent
from activities.cluster.kube import Busy
from tests.activities.flaky_kube import FlakyKube, following, until
from tests.cluster.ports import free_ports
from workers.agent import able
from workers.connection import answers
from workers.health import probed

Asked = Callable[[], Awaitable[tuple[int, int, str]]]
"""Status of /livez, status of /readyz, and what the latter says."""
WELL = (200, 200, "ok")
AWAY = RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")


class Temporal:
    """A client of which nothing is asked but its server's health."""

    def __init__(self) -> None:
        self.service_client = self
        self.health: bool | Exception = True

    async def check_health(self, *, timeout: timedelta) -> bool:
        del timeout
        if isinstance(self.health, Exception):
            raise self.health
        return self.health


@asynccontextmanager
async def asking(check: Callable[[], Awaitable[str]]) -> AsyncGenerator[Asked]:
    (port,) = free_ports(1)
    async with probed(port, check), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def asked() -> tuple[int, int, str]:
            async with session.get("/livez") as lives, session.get("/readyz") as ready:
                return lives.status, ready.status, (await ready.text()).strip()

        yield asked


@pytest.mark.parametrize("health", [AWAY, RuntimeError("not connected"), False], ids=["away", "not connected", "not serving"])
async def test_a_worker_is_unready_and_alive_while_temporal_is_away(health: bool | Exception) -> None:
    temporal = Temporal()
    async with asking(lambda: answers(cast(Client, temporal))) as asked:
        assert await asked() == WELL
        temporal.health = health
        assert await asked() == (200, 503, "Temporal does not answer")
        temporal.health = True
        assert await asked() == WELL


async def test_an_agent_is_unready_and_alive_while_temporal_or_the_api_server_is_away() -> None:
    temporal, kube = Temporal(), FlakyKube()
    async with following(kube) as cache:
        agent = cast(Agent, SimpleNamespace(cache=cache))
        async with asking(lambda: able(agent, cast(Client, temporal))) as asked:
            await until(lambda: kube.watches == 1 and not cache.problem)
            assert await asked() == WELL
            temporal.health = AWAY
            assert await asked() == (200, 503, "Temporal does not answer")
            temporal.health = True
            kube.failures = [Busy("the API server does not answer")] * 10_000
            kube.cut()
            await until(lambda: bool(cache.problem))
            assert await asked() == (200, 503, "the API server does not answer")
            kube.failures.clear()
            await until(lambda: not cache.problem)
            assert await asked() == WELL
