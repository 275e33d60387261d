"""The agent's way to Temporal: one signal, without data."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.kube import Busy
from workflows.requests import NUDGE

TIMEOUT = timedelta(seconds=5)


class TemporalNudger:
    """Implements `activities.nudging.Nudger`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def nudge(self, workflow_id: str) -> bool:
        """Signal `nudge`; False when no such workflow runs. Raises `Busy` when the server does not answer."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(NUDGE, rpc_timeout=TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise Busy(f"Temporal did not take the nudge for {workflow_id}: {error}") from error
        return True
