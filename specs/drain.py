"""What a pod that serves is asked before it goes."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from specs.durations import Duration, seconds_of
from specs.strict import Spec


class Drain(Spec):
    """A Ready pod that is to go, by scaling in, a rollout or a move, is told first, and goes once it says that it is drained."""

    condition: Annotated[str, Field(pattern=r"^[A-Za-z0-9][-A-Za-z0-9_./]*$", max_length=316)]
    """A condition of the pod, such as example.com/Drained: once it is True, the pod goes."""
    within: Duration = "60s"
    """How long that may take; then it goes all the same, and an Event says so."""

    @property
    def most(self) -> timedelta:
        """How long it may take."""
        return timedelta(seconds=seconds_of(self.within))
