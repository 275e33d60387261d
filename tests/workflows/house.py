"""Workflows on a real Temporal dev server, with a fake agent; one cluster a test, so that tests do not meet."""

import asyncio
import subprocess
import uuid
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.messages import WORKFLOW_QUEUE, agent_queue
from tests.cluster.ports import free_ports
from tests.workflows.fake_agent import FakeAgent
from workers.temporal import DevServer
from workflows.client import Systems
from workflows.requests import Status
from workflows.schedules import Schedules
from workflows.serving import served
from workflows.state import Patience
from workflows.wiring import DATA_CONVERTER, WORKFLOWS

PURE = ("activities", "specs", "workflows", "yaml")
"""Loaded once and not once a workflow. What they hold at module level never changes."""
SANDBOX = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE))
"""Stricter than `espalier worker`: what a workflow may not do fails here."""
EAGER = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60")
"""A server that suggests to continue as new forty times sooner than it would."""
UP_TIMEOUT_S, TIMEOUT_S, POLL_S = 15.0, 15.0, 0.02
NAMESPACE = "default"
IDENTITY = "test"
"""In histories instead of the machine's name."""


@contextmanager
def dev_server(*flags: str) -> Generator[str]:
    """The address of a server."""
    (port,) = free_ports(1)
    server = DevServer(port=port, ui_port=None)
    process = subprocess.Popen([*server.command(), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield server.address
    finally:
        process.kill()
        process.wait()


async def connected(address: str) -> Client:
    """A client, once the server answers."""
    async with asyncio.timeout(UP_TIMEOUT_S):
        while True:
            try:
                client = await Client.connect(address, data_converter=DATA_CONVERTER, identity=IDENTITY)
                _ = [each async for each in client.list_workflows("SystemName='none'", page_size=1)]
            except Exception:  # noqa: BLE001 - whatever it says while it starts
                await asyncio.sleep(0.05)
            else:
                return client


@dataclass
class House:
    """A worker, an agent, and a client of both."""

    client: Client
    systems: Systems
    schedules: Schedules
    agent: FakeAgent

    def entity(self, name: str = "llama") -> "WorkflowHandle[object, Status]":
        return self.client.get_workflow_handle(self.systems.ref(NAMESPACE, name).workflow_id, result_type=Status)

    async def status(self, name: str = "llama") -> Status:
        return await self.systems.status(NAMESPACE, name)

    async def until(self, happened: Callable[[Status], bool], name: str = "llama") -> Status:
        """Its status, once it is so."""
        status: Status | None = None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while status is None or not happened(status):
                    await asyncio.sleep(POLL_S)
                    status = await self.status(name)
        except TimeoutError:
            raise AssertionError(f"{status} {self.agent.calls[-12:]}") from None
        return status

    async def ready(self, name: str = "llama", generation: int = 1) -> Status:
        """Its status, once all is as declared, by its own word and in the cluster."""
        found = await self.until(lambda status: status.phase == "Ready" and status.generation >= generation, name)
        assert self.agent.model(name).as_declared(self.agent.orders[name])
        return found

    async def gone(self, name: str = "llama") -> None:
        await self.until(lambda status: status.phase == "Deleted", name)
        assert self.agent.model(name).empty

    async def happens(self, so: Callable[[], bool]) -> None:
        """Wait for something that is no system's status."""
        async with asyncio.timeout(TIMEOUT_S):
            while not so():  # noqa: ASYNC110 - what is waited for knows nothing of tests
                await asyncio.sleep(POLL_S)

    async def runs(self, workflow_id: str) -> list[WorkflowExecution]:
        """Every run of a workflow, oldest first, once they are all visible."""
        found = [each async for each in self.client.list_workflows(f"WorkflowId='{workflow_id}'")]
        return sorted(found, key=lambda each: each.start_time)

    async def operations(self, name: str = "llama") -> list[WorkflowExecution]:
        """Operations of a system that are visible, oldest first."""
        query = f"SystemName='{name}' AND SystemCluster='{self.agent.cluster}' AND WorkflowType!='InferenceSystem'"
        found = [each async for each in self.client.list_workflows(query)]
        return sorted(found, key=lambda each: each.start_time)

    async def ended(self, name: str = "llama") -> list[WorkflowExecution]:
        """The same, once none runs any more: an operation tells its system before it ends."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                found = await self.operations(name)
                if all(each.status is not WorkflowExecutionStatus.RUNNING for each in found):
                    return found
                await asyncio.sleep(POLL_S)


@asynccontextmanager
async def house(address: str, patience: Patience | None = None, *, works: bool = True) -> AsyncGenerator[House]:
    """All of it (unless it `works`: without a worker); what was started is terminated at the end."""
    client = await connected(address)
    cluster = f"c{uuid.uuid4().hex[:8]}"
    agent = FakeAgent(client, cluster)
    systems = Systems(client, cluster, "alice", patience)
    async with agent_worker(client, agent), workflow_worker(client) if works else nullcontext():
        kubelets = asyncio.create_task(agent.run())
        schedules = Schedules(client, cluster, "alice")
        yield House(client, systems, schedules, agent)
        kubelets.cancel()
        async for left in client.list_workflows(f"SystemCluster='{cluster}' AND ExecutionStatus='Running'"):
            with suppress(RPCError):  # it may have ended since
                await client.get_workflow_handle(left.id).terminate("the test is over")


def workflow_worker(client: Client, cached: int = 1000) -> Worker:
    """As `espalier worker` has it, but in the sandbox."""
    return Worker(
        client,
        task_queue=WORKFLOW_QUEUE,
        workflows=WORKFLOWS,
        activities=served(client),
        workflow_runner=SANDBOX,
        max_cached_workflows=cached,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
    )


def agent_worker(client: Client, agent: FakeAgent) -> Worker:
    """As `espalier agent` has it."""
    throttle = timedelta(seconds=1)
    queue = agent_queue(agent.cluster)
    return Worker(client, task_queue=queue, activities=agent.activities, max_heartbeat_throttle_interval=throttle)
