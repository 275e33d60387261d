"""DescribeOperation: what became of a child that has not been heard of. Run by the worker, which has the client."""

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode


class DescribeActivity:
    """Asks Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name="DescribeOperation")
    async def describe(self, workflow_id: str) -> bool:
        """Whether it still runs."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING
