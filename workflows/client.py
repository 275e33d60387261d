"""`Systems`: what a program says to Espalier through a Temporal client. Used by the command line, the agent and examples."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Self

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import WORKFLOW_QUEUE, Ref
from specs.system import InferenceSystem
from workflows.requests import (
    APPLY, DELETE, NUDGE, SCALE_UPDATE, STATUS, SYSTEM_WORKFLOW, Accepted, Apply, Delete, Scale, Status,
)  # fmt: skip
from workflows.state import SystemState
from workflows.wiring import DATA_CONVERTER

RPC_TIMEOUT = timedelta(seconds=10)
TRIES = 8
PAUSE_S = 0.2
OVERTAKEN = ("unexpected workflow task failure", "workflow execution already completed", "Workflow Update was aborted")


class Systems:
    """The systems of one cluster. A command is sent again, with its own request id, until it is answered or refused."""

    def __init__(self, client: Client, cluster: str = "default", who: str = "") -> None:
        self._client = client
        self._cluster = cluster
        self._who = who

    @classmethod
    async def connect(cls, address: str, cluster: str = "default", who: str = "") -> Self:
        """To a Temporal server, `host:port`."""
        return cls(await Client.connect(address, data_converter=DATA_CONVERTER), cluster, who)

    async def apply(self, system: InferenceSystem, *, request_id: str = "") -> Accepted:
        """Declare a system: create it, or change it. Raises WorkflowUpdateFailedError when it is refused."""
        manifest = system.model_dump(mode="json", by_alias=True, exclude_unset=True)
        ref = self.ref(system.metadata.namespace, system.metadata.name)
        request = Apply(request_id=request_id or new_id(), who=self._who, manifest=manifest)
        return await answered(lambda: self._start_and_apply(ref, request))

    async def scale(self, namespace: str, name: str, counts: Mapping[str, int], *, request_id: str = "") -> Accepted:
        """Set counts by path."""
        request = Scale(request_id=request_id or new_id(), who=self._who, counts=dict(counts))
        return await self._update(self.ref(namespace, name), SCALE_UPDATE, request)

    async def delete(self, namespace: str, name: str, *, request_id: str = "") -> Accepted:
        """Tear a system down."""
        return await self._update(self.ref(namespace, name), DELETE, Delete(request_id=request_id or new_id(), who=self._who))

    async def status(self, namespace: str, name: str) -> Status:
        """What a system does now: its own word, and what its operation saw last."""
        found = await self._ask(self.ref(namespace, name).workflow_id)
        if found.operation is None:
            return found
        try:
            live = await self._ask(found.operation.id)
        except RPCError:
            return found
        return found.model_copy(update={"seen": live.seen, "message": live.message, "reason": live.reason, "phase": live.phase})

    async def list(self, namespace: str | None = None) -> list[Status]:
        """Every system there is, of one namespace or of all."""
        asked = f"WorkflowType='{SYSTEM_WORKFLOW}' AND ExecutionStatus='Running' AND SystemCluster='{self._cluster}'"
        where = f" AND SystemNamespace='{namespace}'" if namespace else ""
        found = [each.id.split("/", 3) async for each in self._client.list_workflows(asked + where)]
        statuses = await asyncio.gather(*(self.status(parts[2], parts[3]) for parts in sorted(found)), return_exceptions=True)
        return [status for status in statuses if isinstance(status, Status)]

    async def nudge(self, workflow_id: str) -> bool:
        """Tell a workflow that something changed; False when no such workflow runs."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(NUDGE, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    def ref(self, namespace: str, name: str) -> Ref:
        """The address of a system."""
        return Ref(cluster=self._cluster, namespace=namespace, name=name)

    async def _start_and_apply(self, ref: Ref, request: Apply) -> Accepted:
        start = WithStartWorkflowOperation(
            SYSTEM_WORKFLOW,
            SystemState(ref=ref),
            id=ref.workflow_id,
            task_queue=WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=f"{ref.namespace}/{ref.name}",
        )
        return await self._client.execute_update_with_start_workflow(
            APPLY, request, start_workflow_operation=start, result_type=Accepted, rpc_timeout=RPC_TIMEOUT
        )

    async def _update(self, ref: Ref, name: str, request: Scale | Delete) -> Accepted:
        handle = self._client.get_workflow_handle(ref.workflow_id)
        return await answered(lambda: handle.execute_update(name, request, result_type=Accepted, rpc_timeout=RPC_TIMEOUT))

    async def _ask(self, workflow_id: str) -> Status:
        found: Status = await self._client.get_workflow_handle(workflow_id).query(STATUS, result_type=Status, rpc_timeout=RPC_TIMEOUT)
        return found


def new_id() -> str:
    """Of one command."""
    return uuid.uuid4().hex


async def answered(send: Callable[[], Awaitable[Accepted]]) -> Accepted:
    """Send until answered. An update that meets a continue-as-new may fail although it was applied: its request id tells."""
    for attempt in range(1, TRIES + 1):
        try:
            return await send()
        except (RPCError, WorkflowUpdateFailedError) as error:
            if attempt == TRIES or not overtaken(error):
                raise
            await asyncio.sleep(PAUSE_S * attempt)
    raise AssertionError("the last try answers or raises")


def overtaken(error: RPCError | WorkflowUpdateFailedError) -> bool:
    """The workflow went on under a new run meanwhile."""
    if isinstance(error, RPCError):
        return error.status is RPCStatusCode.FAILED_PRECONDITION
    return any(words in str(error.cause) for words in OVERTAKEN)

