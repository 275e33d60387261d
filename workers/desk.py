"""Where commands get the systems of one cluster from."""

import getpass
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import WORKFLOW_QUEUE, agent_queue
from workers import telemetry
from workers.connection import connect
from workers.failure import Failure
from workers.settings import Settings
from workflows.client import Systems
from workflows.requests import Status

ASK_TIMEOUT = timedelta(seconds=5)


class Desk(Systems):
    """The systems of one cluster, and who is there to serve them."""

    def __init__(self, client: Client, cluster: str) -> None:
        super().__init__(client, cluster, who())
        self._connection = client
        self._agents = agent_queue(cluster)

    async def absent(self) -> list[str]:
        """Which processes are missing, a sentence each. Temporal remembers a poller for some minutes after its end."""
        found = list[str]()
        if not await self._polled(WORKFLOW_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW):
            found.append("No worker runs; start one with: espalier worker")
        if not await self._polled(self._agents, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
            cluster = self._agents.removeprefix(agent_queue(""))
            found.append(f"No agent serves cluster {cluster}; start one with: espalier agent --cluster {cluster}")
        return found

    async def _polled(self, queue: str, kind: TaskQueueType.ValueType) -> bool:
        request = DescribeTaskQueueRequest(
            namespace=self._connection.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        answer = await self._connection.workflow_service.describe_task_queue(request, timeout=ASK_TIMEOUT)
        return bool(answer.pollers)


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
