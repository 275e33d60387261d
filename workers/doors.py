"""The agent's way to Temporal: nudges, and what was edited in custom resources as commands."""

from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.cache.store import Key
from activities.cluster.kube import Busy
from activities.listening.door import Admitted, TurnedDown
from activities.messages import Observation
from activities.reports.edits import Declared, Scaled
from workflows.client import Systems
from workflows.insisting import innermost
from workflows.requests import NUDGE, Accepted, Apply

TIMEOUT = timedelta(seconds=5)
NO_SYSTEM = "there is no such system any more; delete this object, or apply the system again"


class TemporalDoor:
    """Implements `activities.listening.inlet.Door`."""

    def __init__(self, client: Client, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    async def nudge(self, workflow_id: str, seen: Observation | None) -> bool:
        """Signal `nudge`; False when no such workflow runs. Raises `Busy` when the server does not answer."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(NUDGE, seen, rpc_timeout=TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise Busy(f"Temporal did not take the nudge for {workflow_id}: {error}") from error
        return True

    async def declare(self, declared: Declared) -> Admitted:
        """Declare a system, or change it."""
        request = Apply(
            request_id=declared.request_id,
            who=declared.who[:200],
            manifest=declared.manifest,
            uid=declared.uid,
            counts=dict(declared.counts),
            over=declared.over,
        )
        return await _answered(lambda: self._systems().declare(declared.namespace, declared.name, request))

    async def scale(self, scaled: Scaled) -> Admitted:
        """Change counts."""
        systems = self._systems(scaled.who)
        return await _answered(lambda: systems.scale(scaled.namespace, scaled.name, scaled.counts, request_id=scaled.request_id))

    async def running(self) -> Collection[Key]:
        """Systems whose workflows run, as far as is known."""
        try:
            return await self._systems().running()
        except RPCError as error:
            raise Busy(f"Temporal did not list what runs: {error}") from error

    def _systems(self, who: str = "") -> Systems:
        return Systems(self._client, self._cluster, who[:200])


async def _answered(send: Callable[[], Awaitable[Accepted]]) -> Admitted:
    try:
        accepted = await send()
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        reason, details = (cause.type, cause.details) if isinstance(cause, ApplicationError) else (None, ())
        generation = next((each for each in details if isinstance(each, int)), 0)
        raise TurnedDown(reason or "Refused", innermost(error), generation) from error
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        raise Busy("Temporal did not answer an edit in time") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise TurnedDown("NotFound", NO_SYSTEM) from error
        raise Busy(f"Temporal did not take an edit: {error}") from error
    return Admitted(accepted.changed, accepted.generation)
