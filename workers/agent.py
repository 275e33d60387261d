"""`espalier agent`: one per cluster; serves the activities that need the cluster, beside its cache and its solver."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.agent import Agent
from activities.cluster.credentials import find_access
from activities.cluster.http import HttpKube
from activities.cluster.kube import Busy, Kube
from activities.cluster.pace import Pace
from activities.listening.admission import Admission
from activities.messages import agent_queue
from specs.crds import crds
from workers.connection import answers
from workers.console import say
from workers.definitions import check, install
from workers.doors import TemporalDoor
from workers.health import probed
from workers.patience import patiently
from workers.serving import settle, stopped
from workers.settings import Settings
from workers.webhook import admitting
from workers.worker import HEARTBEAT_THROTTLE

SWITCH_S = 0.001
"""How long the solver's thread may keep the event loop waiting; Python's own is 5 ms, and the loop gives way at each read."""


async def run_agent(client: Client, settings: Settings, *, install_crds: bool) -> None:
    """Serve one cluster until told to stop. Raises `Failure`, `Busy` or `Refused` when the cluster can't be served."""
    access = await find_access(str(settings.kubeconfig or ""), settings.context or "")
    async with HttpKube(access, Pace(settings.kube_qps, settings.kube_burst)) as kube:
        prepare = install if install_crds else check
        await patiently(lambda: prepare(kube, crds()), Busy)
        async with (
            running(kube, client, settings) as agent,
            agent_worker(client, agent, settings),
            admitting(kube, Admission(agent.cache), settings.webhook_port, settings.webhook_url),
            probed(settings.health_port, lambda: able(agent, client)),
        ):
            settle()
            sys.setswitchinterval(SWITCH_S)
            say(f"agent: serves cluster {settings.cluster} at {access.server}")
            await stopped()


async def able(agent: Agent, client: Client) -> str:
    """Why it can't serve now; empty when it can."""
    return agent.cache.problem or await answers(client)


@asynccontextmanager
async def running(kube: Kube, client: Client, settings: Settings) -> AsyncGenerator[Agent]:
    """An agent that knows its cluster and follows it."""
    agent = Agent(
        kube,
        TemporalDoor(client, settings.cluster),
        settings.cluster,
        provisioning_class=settings.provisioning_class,
        schedulers=tuple(filter(None, settings.schedulers.split(","))),
    )
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(agent.run())
        await agent.ready()
        yield agent
        following.cancel()


def agent_worker(client: Client, agent: Agent, settings: Settings) -> Worker:
    """A worker for the activities of one cluster."""
    return Worker(
        client,
        task_queue=agent_queue(settings.cluster),
        activities=agent.activities,
        max_concurrent_activities=settings.activity_slots,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=timedelta(seconds=settings.grace_s),
    )
