"""What is done about pods that are lost."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from specs.durations import Duration, seconds_of
from specs.strict import Spec

Scope = Literal["pod", "group", "copy", "gang"]


class Recovery(Spec):
    """A pod that is lost is replaced at once. This says when it counts as lost, and what follows where that is not enough."""

    scope: Scope = "pod"
    """What is restarted as a whole when it lacks its minimum for too long: nothing (pod); a replica of a group at the top
    (group); a copy (copy); or a replica of a group, and the copy where too few replicas are left (gang)."""
    delay: Duration = "30s"
    """How long a unit may lack its minimum before it is restarted as a whole."""
    restarts: Annotated[int, Field(strict=True, ge=0, le=1_000)] = 10
    """How often in a row a pod or a unit is restarted; what fails once more is left as it is, for a person."""
    ready_within: Duration | None = None
    """How long a pod on a node may take to be Ready before it counts as failed; any time, when left out."""
    node_lost_after: Duration = "60s"
    """How long a node may not answer before its pods are placed elsewhere; counted from when it is NotReady."""

    @property
    def patience(self) -> timedelta:
        """With a node that does not answer."""
        return timedelta(seconds=seconds_of(self.node_lost_after))

    @property
    def delayed(self) -> timedelta:
        """How long a unit may lack its minimum."""
        return timedelta(seconds=seconds_of(self.delay))

    @property
    def allowance(self) -> timedelta | None:
        """How long a pod may take to be Ready; None for any time."""
        return timedelta(seconds=seconds_of(self.ready_within)) if self.ready_within else None
