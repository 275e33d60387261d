"""A real Temporal server that skips time, and a real agent on a simulated cluster, all by one clock that a test moves on."""

import asyncio
import heapq
import itertools
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker

from activities.agent import Agent, Clocks
from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import PODS, Manifest
from activities.messages import agent_queue
from specs.crds import crds
from tests.workflows import house as houses
from workers.definitions import install
from workers.doors import TemporalDoor
from workers.settings import Settings
from workers.simulated.cluster import Cluster
from workers.simulated.fleets import gb200
from workers.simulated.serving import running
from workflows.client import Systems
from workflows.requests import Status

SKIPPING = (
    "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true",
    "--dynamic-config-value", 'history.timerProcessorMaxTimeShift="1ms"',
)  # fmt: skip
SPACE, NAME = "default", "llama"
TIMEOUT_S, POLL_S, TICK_S = 20.0, 0.02, 0.005
AT_A_GO = timedelta(minutes=20)
"""The agent is ahead by so much at most, and asks to be looked at again by what is left then."""


class MovedClock:
    """That of the wall, and so much later as a test says."""

    def __init__(self) -> None:
        self.gone_by = timedelta(0)
        self._order = itertools.count()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.gone_by

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now() + timedelta(seconds=delay_s), next(self._order), act))

    async def run(self) -> None:
        while True:
            while self._due and self._due[0][0] <= self.now():
                heapq.heappop(self._due)[2]()
            await asyncio.sleep(TICK_S)


@dataclass
class Later:
    """One system, and how late it is."""

    kube: HttpKube
    systems: Systems
    skipper: TimeSkipper
    clock: MovedClock
    settings: Settings
    agents: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def passes(self, delay: timedelta) -> None:
        """So much time, for the cluster, the agent, and whichever workflow is at work for the system."""
        at_work = await self.at_work()
        async with asyncio.timeout(TIMEOUT_S):
            while delay > timedelta(0):
                step = min(delay, AT_A_GO)
                self.clock.gone_by += step
                await self.skipper.fast_forward(at_work, step)
                delay -= step

    async def at_work(self) -> "WorkflowHandle[object, object]":
        """The operation, if there is one: the server skips no time of a workflow whose child runs."""
        operation = (await self.status()).operation
        name = operation.id if operation else self.systems.ref(SPACE, NAME).workflow_id
        return self.skipper.client.get_workflow_handle(name)

    async def status(self) -> Status:
        return await self.systems.status(SPACE, NAME)

    async def until(self, so: Callable[[Status], bool]) -> Status:
        status: Status | None = None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while status is None or not so(status):
                    await asyncio.sleep(POLL_S)
                    with suppress(RPCError):  # it may not have begun
                        status = await self.said()
        except TimeoutError:
            raise AssertionError(f"{status}") from None
        return status

    async def said(self) -> Status:
        """By whoever is at work."""
        found = await self.status()
        if found.operation is None:
            return found
        asked: Status = await self.skipper.client.get_workflow_handle(found.operation.id).query("status", result_type=Status)
        return asked

    async def pods(self) -> dict[str, Manifest]:
        """By slot: those that stay."""
        found = (pod for pod in (await self.kube.list(PODS)).items if "deletionTimestamp" not in pod["metadata"])
        return {pod["metadata"]["annotations"]["espalier.dev/slot"]: pod for pod in found}

    async def uids(self) -> dict[str, str]:
        return {slot: pod["metadata"]["uid"] for slot, pod in (await self.pods()).items()}

    async def anew(self, before: dict[str, str], slots: set[str]) -> None:
        """These pods came instead of those before, and no others; all are Ready."""

        def so(status: Status) -> bool:
            return status.phase == "Ready" and status.operation is None

        async with asyncio.timeout(TIMEOUT_S):
            while {slot for slot, uid in (await self.uids()).items() if before[slot] != uid} != slots:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        await self.until(so)
        assert {slot for slot, uid in (await self.uids()).items() if before[slot] != uid} == slots

    async def another_agent(self) -> None:
        """The one before is gone without a word; what it knew is in the cluster, or lost."""
        await self.agents.aclose()
        self.agents = AsyncExitStack()
        await self.agents.enter_async_context(self._agent())

    @asynccontextmanager
    async def _agent(self) -> AsyncGenerator[None]:
        client, cluster = self.skipper.client, self.systems.ref(SPACE, NAME).cluster
        agent = Agent(self.kube, TemporalDoor(client, cluster), cluster, Clocks(now=self.clock.now))
        following = asyncio.create_task(agent.run())
        await agent.ready()
        try:
            async with Worker(client, task_queue=agent_queue(cluster), activities=agent.activities):
                yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


@asynccontextmanager
async def later(address: str, folder: Path) -> AsyncGenerator[Later]:
    """All of it; what was started is terminated at the end."""
    client = await houses.connected(address)
    skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
    clock, name = MovedClock(), f"c{uuid.uuid4().hex[:8]}"
    cluster = Cluster(folder / "cluster.db", clock)
    cluster.add_nodes(gb200(1))
    ticking = asyncio.create_task(clock.run())
    async with running(cluster, 0, folder / "kubeconfig"), HttpKube(await from_kubeconfig(str(folder / "kubeconfig"))) as kube:
        await install(kube, crds())
        found = Later(kube, Systems(skipper.client, name, "alice"), skipper, clock, Settings(kubeconfig=folder / "kubeconfig"))
        async with houses.workflow_worker(client):
            try:
                await found.another_agent()
                yield found
            finally:
                await found.agents.aclose()
                await terminated(client, name)
    ticking.cancel()


async def terminated(client: Client, cluster: str) -> None:
    """Whatever still runs of it."""
    async for left in client.list_workflows(f"SystemCluster='{cluster}' AND ExecutionStatus='Running'"):
        with suppress(RPCError):  # it may have ended since
            await client.get_workflow_handle(left.id).terminate("the test is over")
