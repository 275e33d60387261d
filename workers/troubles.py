"""What Temporal knows of a system that the system itself can't tell: nobody serves it, or a step fails again and again."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.service import RPCError

from activities.messages import WORKFLOW_QUEUE, agent_queue
from workflows.requests import Status

ASK_TIMEOUT = timedelta(seconds=5)
OFTEN = 3
"""Tries of one step that are worth telling."""


async def troubles(client: Client, workflow_id: str, status: Status) -> Sequence[str]:
    """A sentence for each, worst first."""
    found = [each async for each in _nobody(client, status.cluster)]
    for each in (workflow_id, status.operation.id if status.operation else ""):
        if each:
            found += await _failures(client, each)
    return found


async def _nobody(client: Client, cluster: str) -> AsyncIterator[str]:
    # Temporal remembers a poller for some minutes after its end.
    if not await _polled(client, WORKFLOW_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW):
        yield "No worker runs; start one with: espalier worker"
    if not await _polled(client, agent_queue(cluster), TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        yield f"No agent serves cluster {cluster}; start one with: espalier agent --cluster {cluster}"


async def _polled(client: Client, queue: str, kind: TaskQueueType.ValueType) -> bool:
    request = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind)
    answer = await client.workflow_service.describe_task_queue(request, timeout=ASK_TIMEOUT)
    return bool(answer.pollers)


async def _failures(client: Client, workflow_id: str) -> list[str]:
    try:
        found = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=ASK_TIMEOUT)
    except RPCError:  # it has just ended
        return []
    return told(found.raw_description)


def told(raw: DescribeWorkflowExecutionResponse) -> list[str]:
    """What fails again and again in one workflow, a sentence each."""
    steps = [
        f"{each.activity_type.name} was tried {each.attempt} times: {each.last_failure.message or 'no answer'}"
        for each in raw.pending_activities
        if each.attempt >= OFTEN
    ]
    if raw.pending_workflow_task.attempt >= OFTEN:
        steps.append("its workflow can't go on; the worker's log says why. It goes on by itself once that is mended")
    return steps
