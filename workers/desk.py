"""Where commands get the systems of one cluster from."""

import getpass
import os
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workers import telemetry
from workers.connection import connect
from workers.failure import Failure
from workers.settings import Settings
from workers.troubles import troubles
from workflows.client import Systems
from workflows.fleet_moves import FleetMoves
from workflows.requests import Status
from workflows.schedules import Schedules


class Desk(Systems):
    """The systems of one cluster, and what Temporal knows besides."""

    def __init__(self, client: Client, cluster: str) -> None:
        super().__init__(client, cluster, who())
        self._temporal = client
        self.fleet_moves = FleetMoves(client, cluster, who())
        self.schedules = Schedules(client, cluster, who())

    async def troubles(self, status: Status) -> Sequence[str]:
        """What keeps a system from going on that it can't tell itself."""
        return await troubles(self._temporal, self.ref(status.namespace, status.name).workflow_id, status)


@asynccontextmanager
async def systems(settings: Settings) -> AsyncGenerator[Desk]:
    """The systems of `settings.cluster`, for the time of one command."""
    told = telemetry.start(settings, "espalier", os.environ)
    try:
        yield Desk(await connect(settings, told), settings.cluster)
    finally:
        told.close()


@asynccontextmanager
async def about(settings: Settings, name: str) -> AsyncGenerator[Desk]:
    """The same, for a command about one system. Raises `Failure` if there is none of that name."""
    try:
        async with systems(settings) as found:
            yield found
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise nothing_called(name, settings) from None


def nothing_called(name: str, settings: Settings) -> Failure:
    """There is no such system."""
    where = f"namespace {settings.namespace} of cluster {settings.cluster}"
    return Failure(f"there is no system {name!r} in {where}", "List all with: espalier get -A")


async def status_of(found: Systems, settings: Settings, name: str) -> Status:
    """What a system does now. Raises `Failure` if it is gone: Temporal remembers it for a while."""
    status = await found.status(settings.namespace, name)
    if status.phase == "Deleted":
        raise nothing_called(name, settings)
    return status


def who() -> str:
    """Who asks, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "somebody"
    return f"{user}@{socket.gethostname()} via cli"
