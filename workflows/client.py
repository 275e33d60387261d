"""`Systems`: what a program says to Espalier through a Temporal client. Used by the command line, the agent and examples.

Needs Temporal alone, and neither a cluster nor a Kubernetes client.
"""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Self, cast

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowExecution
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import WORKFLOW_QUEUE, Ref, agent_queue
from specs.system import InferenceSystem
from workflows.insisting import insist
from workflows.requests import (
    APPLY,
    CHECK,
    DELETE,
    HISTORY,
    SCALE_UPDATE,
    STATUS,
    STEER,
    SYSTEM_WORKFLOW,
    TASK_TIMEOUT,
    Accepted,
    Action,
    Apply,
    Delete,
    Phase,
    Revised,
    Scale,
    Status,
    Steer,
)
from workflows.state import Patience, SystemState
from workflows.visibility import CLUSTER, NAME, NAMESPACE, PHASE, attributes
from workflows.wiring import DATA_CONVERTER

WORKFLOWS, ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
RPC_TIMEOUT = timedelta(seconds=10)
SERVED_TIMEOUT_S, POLL_S = 30.0, 0.1
ASKED_AT_ONCE = 16
MOST_ASKED = 200
"""Systems that a list asks one by one; of more, it tells what the search attributes say."""
NOT_ASKED = f"not asked, because there are more than {MOST_ASKED} systems; name it, or a namespace with fewer"


class Systems:
    """The systems of one cluster. A command is sent again, with its own request id, until it is answered or refused.

    Raises `WorkflowUpdateFailedError` for a command that is refused (its innermost cause is the sentence to show), and `RPCError`
    when Temporal or a worker does not answer in time, or with status NOT_FOUND when there is no such system.
    """

    def __init__(self, client: Client, cluster: str = "default", who: str = "", patience: Patience | None = None) -> None:
        self._client = client
        self._cluster = cluster
        self._who = who
        self._patience = patience or Patience()

    @classmethod
    async def connect(cls, address: str, cluster: str = "default", who: str = "", namespace: str = "default") -> Self:
        """To a Temporal server, `host:port`; `namespace` is Temporal's."""
        return cls(await Client.connect(address, namespace=namespace, data_converter=DATA_CONVERTER), cluster, who)

    async def apply(self, system: InferenceSystem, *, request_id: str = "") -> Accepted:
        """Declare a system: create it, or change it. Copies that it leaves out stay as they are."""
        request = Apply(request_id=request_id or new_id(), who=self._who, manifest=system.stated())
        return await self.declare(system.metadata.namespace, system.metadata.name, request)

    async def declare(self, namespace: str, name: str, request: Apply) -> Accepted:
        """The same for a manifest that nobody has read yet: the system's workflow says what is wrong with it."""
        ref = self.ref(namespace, name)
        return await insist(lambda: self._start_and_apply(ref, request), starts=True)

    async def scale(self, namespace: str, name: str, counts: Mapping[str, int], *, request_id: str = "") -> Accepted:
        """Set counts by path."""
        request = Scale(request_id=request_id or new_id(), who=self._who, counts=dict(counts))
        return await self._update(self.ref(namespace, name), SCALE_UPDATE, request)

    async def why_not(self, namespace: str, name: str, counts: Mapping[str, int]) -> str:
        """The sentence that these counts would be refused with now; empty when they would be accepted."""
        handle = self._client.get_workflow_handle(self.ref(namespace, name).workflow_id)
        asked = Scale(request_id=new_id(), who=self._who, counts=dict(counts))
        said: str = await handle.query(CHECK, asked, result_type=str, rpc_timeout=RPC_TIMEOUT)
        return said

    async def delete(self, namespace: str, name: str, *, request_id: str = "") -> Accepted:
        """Tear a system down."""
        return await self._update(self.ref(namespace, name), DELETE, Delete(request_id=request_id or new_id(), who=self._who))

    async def steer(
        self, namespace: str, name: str, action: Action, *, step: int = 0, revision: str = "", to: int = 0, request_id: str = ""
    ) -> Accepted:
        """Pause, resume, approve or undo a rollout; or pardon. `step`: the hold that is passed, `seen.hold`; `to`: a revision."""
        request = Steer(request_id=request_id or new_id(), who=self._who, action=action, step=step, revision=revision, to=to)
        return await self._update(self.ref(namespace, name), STEER, request)

    async def move(self, namespace: str, name: str, moves: Mapping[str, str], why: str, request_id: str) -> Accepted:
        """Have pods (slots) move to other nodes; none: those that have not moved yet stay."""
        request = Steer(request_id=request_id, who=self._who, action="move", moves=dict(moves), why=why)
        return await self._update(self.ref(namespace, name), STEER, request)

    async def status(self, namespace: str, name: str) -> Status:
        """What a system does now: its own word, and what its operation saw last."""
        found = await self._ask(self.ref(namespace, name).workflow_id)
        if found.operation is None:
            return found
        try:
            live = await self._ask(found.operation.id)
        except RPCError:
            return found  # not begun yet, or the worker is busy
        return found.model_copy(
            update={field: getattr(live, field) for field in ("seen", "message", "reason", "reason_since", "phase")}
        )

    async def history(self, namespace: str, name: str) -> Sequence[Revised]:
        """Revisions of a system, oldest first."""
        handle = self._client.get_workflow_handle(self.ref(namespace, name).workflow_id)
        found: list[Revised] = await handle.query(HISTORY, result_type=list[Revised], rpc_timeout=RPC_TIMEOUT)
        return found

    async def running(self) -> set[tuple[str, str]]:
        """Namespace and name of every system whose workflow runs; one that began a moment ago may be missing."""
        return {(each.namespace, each.name) for each in await self._found()}

    async def list(self, namespace: str | None = None) -> list[Status]:
        """Every system there is, of one namespace or of all, by namespace and name; of more than `MOST_ASKED` only the phases."""
        where = f" AND {NAMESPACE.name}='{_safe(namespace)}'" if namespace else ""
        found = sorted(await self._found(where), key=lambda each: (each.namespace, each.name))
        if len(found) <= MOST_ASKED:
            return [*await self._asked(found)]
        return [each.model_copy(update={"message": NOT_ASKED}) for each in found]

    async def forsake(self) -> int:
        """End every workflow of the cluster at once, without any work on it. Returns how many systems those were."""
        query = f"ExecutionStatus='Running' AND {CLUSTER.name}='{_safe(self._cluster)}'"
        found = [(each.id, each.workflow_type) async for each in self._client.list_workflows(query)]
        for workflow_id, _ in found:
            with suppress(RPCError):
                await self._client.get_workflow_handle(workflow_id).terminate("Espalier was taken out of the cluster")
        return sum(kind == SYSTEM_WORKFLOW for _, kind in found)

    async def leave(self, namespace: str, name: str) -> None:
        """End the workflow of one system, and its operation, without any work on it."""
        try:
            await self._client.get_workflow_handle(self.ref(namespace, name).workflow_id).terminate("Given back to Grove")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def until_served(self, timeout_s: float = SERVED_TIMEOUT_S) -> None:
        """Return once a worker and the cluster's agent take work. Raises TimeoutError when that takes too long."""
        async with asyncio.timeout(timeout_s):
            while not await self._served():  # noqa: ASYNC110 - Temporal is asked, nobody in this process knows
                await asyncio.sleep(POLL_S)

    def ref(self, namespace: str, name: str) -> Ref:
        """The address of a system."""
        return Ref(cluster=self._cluster, namespace=namespace, name=name)

    async def _start_and_apply(self, ref: Ref, request: Apply) -> Accepted:
        start: WithStartWorkflowOperation[object, Status] = WithStartWorkflowOperation(
            SYSTEM_WORKFLOW,
            SystemState(ref=ref, patience=self._patience, brief=True),
            id=ref.workflow_id,
            task_queue=WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"{ref.namespace}/{ref.name}",
            search_attributes=attributes(ref, "Pending"),
        )
        answer: Accepted = await self._client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType]
            APPLY, request, id=request.request_id, start_workflow_operation=start, result_type=Accepted, rpc_timeout=RPC_TIMEOUT
        )
        return answer

    async def _update(self, ref: Ref, name: str, request: Scale | Delete | Steer) -> Accepted:
        handle = self._client.get_workflow_handle(ref.workflow_id)
        update = handle.execute_update  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        known = request.request_id  # sent again while it is being answered, it joins that; later, the system knows it
        return await insist(lambda: update(name, request, id=known, result_type=Accepted, rpc_timeout=RPC_TIMEOUT))

    async def _ask(self, workflow_id: str) -> Status:
        handle = self._client.get_workflow_handle(workflow_id)
        found: Status = await handle.query(STATUS, result_type=Status, rpc_timeout=RPC_TIMEOUT)
        return found

    async def _asked(self, found: Sequence[Status]) -> Sequence[Status]:
        """The same, each asked; one that does not answer is told of as it was found."""
        limit = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(known: Status) -> Status:
            async with limit:
                try:
                    return await self.status(known.namespace, known.name)
                except RPCError:
                    return known

        return await asyncio.gather(*map(ask, found))

    async def _found(self, where: str = "") -> Sequence[Status]:
        kind = f"WorkflowType='{SYSTEM_WORKFLOW}' AND ExecutionStatus='Running'"
        query = f"{kind} AND {CLUSTER.name}='{_safe(self._cluster)}'{where}"
        return [_told(each) async for each in self._client.list_workflows(query)]

    async def _served(self) -> bool:
        return await self._polled(WORKFLOW_QUEUE, WORKFLOWS) and await self._polled(agent_queue(self._cluster), ACTIVITIES)

    async def _polled(self, queue: str, kind: "TaskQueueType.ValueType") -> bool:
        asked = DescribeTaskQueueRequest(namespace=self._client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind)
        return bool((await self._client.workflow_service.describe_task_queue(asked, timeout=RPC_TIMEOUT)).pollers)


def new_id() -> str:
    """Of one command."""
    return uuid.uuid4().hex


def _told(execution: WorkflowExecution) -> Status:
    """What the search attributes tell."""
    said = execution.typed_search_attributes
    phase = cast("Phase", said.get(PHASE) or "Pending")
    return Status(
        name=said.get(NAME) or "", namespace=said.get(NAMESPACE) or "", cluster=said.get(CLUSTER) or "default", phase=phase
    )


def _safe(value: str) -> str:
    return value.replace("'", "")
