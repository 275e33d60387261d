"""DescribeOperation: whether a workflow that has not been heard of still runs. Served by the worker, which has the client."""

from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workflows.requests import DESCRIBE

RPC_TIMEOUT = timedelta(seconds=5)


class DescribeActivity:
    """Asks Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=DESCRIBE)
    async def describe(self, workflow_id: str) -> bool:
        """Whether it still runs; False too when Temporal does not know it any more."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING
