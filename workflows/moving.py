"""What clients say to a cluster's Defragmentation, and what it answers. Wire format: fields are only ever added, with defaults.

| name      | is a   | takes   | answers |
|-----------|--------|---------|---------|
| `approve` | update | Approve | a sentence |
| `stop`    | update | Stop    | a sentence |
| `status`  | query  | nothing | Defragmented |
"""

from typing import Annotated, Literal

from pydantic import Field

from activities.messages import Message
from activities.plans import MovePlan

DEFRAGMENTATION = "Defragmentation"
"""Workflow: takes Defragment, answers Defragmented."""
SCHEDULED_DEFRAGMENTATION = "ScheduledDefragmentation"
"""Workflow: what a schedule starts. Takes Defragment."""
APPROVE, STOP = "approve", "stop"
SEND_MOVES = "SendMoves"
"""Activity, served beside the workflows: takes MoveRequest, answers Accepted."""
Stage = Literal["Planning", "Approval", "Moving", "Ended"]


def workflow_id(cluster: str) -> str:
    """Of the one Defragmentation that a cluster has at a time."""
    return f"defragmentation/{cluster}"


class Defragment(Message):
    """For all of a cluster's gangs that wait, one after the other."""

    cluster: str = "default"
    who: Annotated[str, Field(max_length=200)] = ""
    approved: bool = False
    """Whatever is planned is carried out; else each plan waits for an approval."""
    most: Annotated[int, Field(ge=1, le=1_000)] = 100
    """Moves of one plan."""
    patience_s: float = 86_400.0
    """With an approval that does not come."""


class Approve(Message):
    """Carry a plan out."""

    who: Annotated[str, Field(max_length=200)] = ""
    plan: str = ""
    """`MovePlan.id` of the one that is meant; empty: the one that waits."""


class Stop(Message):
    """Plan no more; what has not moved yet stays."""

    who: Annotated[str, Field(max_length=200)] = ""


class Defragmented(Message):
    """How far it is, and in the end what came of it."""

    stage: Stage = "Planning"
    reason: str = ""
    """Of the end: `NothingWaits`, `NoMovesHelp`, `NotApproved`, `Stopped`, `WorldChanged`, `Enough`."""
    message: str = ""
    plan: MovePlan = MovePlan()
    done: int = 0
    """Moves of this plan that are done."""
    moved: int = 0
    """Pods that were moved by all plans together."""
    let_in: tuple[str, ...] = ()
    """Gangs that have found room."""
