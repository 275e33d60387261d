"""SystemMember: the count of one role or group of a system, as an object with `/scale`, for kubectl and autoscalers."""

from typing import Annotated

from pydantic import Field

from specs.members import MOST_REPLICAS, Replicas
from specs.status import Condition
from specs.strict import Spec


class SystemMemberSpec(Spec):
    """What is wanted."""

    system: Annotated[str, Field(max_length=63)]
    """Name of the InferenceSystem."""
    path: Annotated[str, Field(max_length=253)]
    """Path of the role or group in the declaration: prefill, or prefill/worker."""
    replicas: Replicas = 1
    """How many, in each instance of what is around it."""


class SystemMemberStatus(Spec):
    """What is."""

    replicas: Annotated[int, Field(ge=0, le=MOST_REPLICAS)] = 0
    """How many there are, in each instance of what is around it."""
    ready_replicas: Annotated[int, Field(ge=0, le=MOST_REPLICAS)] = 0
    """How many of them are Ready."""
    selector: Annotated[str, Field(max_length=2048)] = ""
    """Label selector of its pods, for autoscalers."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Accepted: whether the count could be taken."""
