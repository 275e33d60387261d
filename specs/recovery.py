"""What is done about pods that are lost."""

from datetime import timedelta

from specs.durations import Duration, seconds_of
from specs.strict import Spec


class Recovery(Spec):
    """A pod that is lost is replaced at once; this says when it counts as lost."""

    node_lost_after: Duration = "60s"
    """How long a node may not answer before its pods are placed elsewhere; counted from when it is NotReady."""

    @property
    def patience(self) -> timedelta:
        """With a node that does not answer."""
        return timedelta(seconds=seconds_of(self.node_lost_after))
