"""What clients say to a system's workflow, and what it answers. Wire format: fields are only ever added, with defaults.

| name     | is a   | takes    | answers  |
|----------|--------|----------|----------|
| `apply`  | update | Apply    | Accepted |
| `scale`  | update | Scale    | Accepted |
| `delete` | update | Delete   | Accepted |
| `rollout` | update | Steer   | Accepted |
| `status` | query  | nothing  | Status (operations answer it too) |
| `check`  | query  | Scale    | the sentence that it would be refused with, or "" |
| `history` | query | nothing  | a list of Revised, oldest first |
| `nudge`  | signal | Observation or nothing | |
| `done`   | signal | Outcome  | (from an operation to its system) |
| `retarget` | signal | Retarget | (from a system to its operation) |
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from activities.messages import Message, Observation, Order, Ref

SYSTEM_WORKFLOW = "InferenceSystem"
TASK_TIMEOUT = timedelta(seconds=4)
"""A worker that is killed in the middle of a workflow task is noticed after this."""
STARTUP, SCALE, ROLLOUT, RECOVERY, TEARDOWN = "Startup", "Scale", "Rollout", "Recovery", "Teardown"
EVACUATION, RELOCATION = "Evacuation", "Relocation"
OperationKind = Literal["Startup", "Scale", "Rollout", "Recovery", "Evacuation", "Relocation", "Teardown"]

APPLY, SCALE_UPDATE, DELETE, STEER = "apply", "scale", "delete", "rollout"
DESCRIBE = "DescribeOperation"
"""Activity, served beside the workflows: whether a workflow still runs."""
STATUS, CHECK, NUDGE, DONE, RETARGET = "status", "check", "nudge", "done", "retarget"
HISTORY = "history"

SCHEDULED_SCALE = "ScheduledScale"
"""Workflow: what a schedule starts. Takes Scheduled, answers Accepted."""
SEND_SCALE, KEEP_SCHEDULES, REMOVE_SCHEDULES = "SendScale", "KeepSchedules", "RemoveSchedules"
"""Activities, served beside the workflows, which have no way of their own to another workflow's updates or to schedules."""

Action = Literal["pause", "resume", "approve", "undo", "recover", "move"]
Phase = Literal[
    "Pending", "Starting", "Scaling", "Updating", "Recovering", "Moving", "Ready", "Waiting", "Degraded", "Deleting", "Deleted"
]  # fmt: skip


class Request(Message):
    """Every command carries its own id: repeated with the same id it is answered again and done once."""

    request_id: Annotated[str, Field(min_length=1, max_length=500)]
    who: Annotated[str, Field(max_length=200)] = ""
    """Who asks, for the record: `alice@laptop via cli`."""


class Apply(Request):
    """The whole manifest, as declared (camelCase JSON of an InferenceSystem)."""

    manifest: dict[str, object]
    uid: str = ""
    """Of the custom resource that it was read from: when that goes, the system goes."""
    counts: dict[str, int] = Field(default_factory=dict, max_length=1_000)
    """Runtime counts by path that outlived an earlier workflow of the system; of no account when this one has its own."""
    over: int | None = None
    """Of an edit of the custom resource: the generation that this said before (0: it said none). What was accepted since then is
    no part of the edit, and stays where that has not changed the same field. None: the manifest is all that is wanted."""


class Scale(Request):
    """New counts by path (specs.counts)."""

    counts: Annotated[dict[str, int], Field(max_length=1_000)]


class Scheduled(Message):
    """New counts of a system by path, at the times of one of its schedules."""

    ref: Ref
    name: str
    """Of the schedule."""
    counts: dict[str, int]

    @property
    def words(self) -> str:
        """`copies=1, decode=8`."""
        return ", ".join(f"{path}={count}" for path, count in sorted(self.counts.items()))

    @property
    def who(self) -> str:
        """Who asks, for the record."""
        return f"schedule {self.name}"


class KeepSchedules(Message):
    """The schedules that a system's manifest declares, all of them, as its manifest has them."""

    ref: Ref
    schedules: tuple[dict[str, object], ...] = ()


class Delete(Request):
    """Tear the system down."""


class Steer(Request):
    """Hold a rollout, let it go on, approve a step, or go back; try again what was restarted too often; or move pods."""

    action: Action
    step: Annotated[int, Field(ge=0)] = 0
    """Number of the hold that is to be passed, as `seen.hold` in the status has it."""
    revision: str = ""
    """The revision that is meant; empty: the one that is wanted."""
    to: Annotated[int, Field(ge=0)] = 0
    """Number of the revision to go back to; 0: the one before."""
    moves: Annotated[dict[str, str], Field(max_length=1_000)] = Field(default_factory=dict)
    """Slot -> the node that its pod is to move to; empty: none is to move any more."""
    why: Annotated[str, Field(max_length=300)] = ""
    """What for."""


class Revised(Message):
    """One revision of a system."""

    number: int
    """1 for the first; one that is gone back to gets the next number."""
    revision: str
    """Its hash, as the pods' label `espalier.dev/revision` has it."""
    when: str = ""
    """When it was accepted, RFC 3339; empty where nobody noted it."""
    who: str = ""
    change: str = ""
    """What it changed, in a few words."""
    manifest: dict[str, object] = Field(default_factory=dict)
    """What was declared; empty where that was too large to be kept."""


class Accepted(Message):
    """The answer to a command: recorded durably, not yet carried out."""

    generation: int
    changed: bool = True
    """False when it was so already."""
    message: str = ""


class Operation(Message):
    """One bounded piece of work on a system, as its system knows it."""

    id: str
    """Workflow id of the child."""
    kind: OperationKind
    causes: tuple[str, ...] = ()


class Outcome(Message):
    """How an operation ended."""

    id: str
    kind: OperationKind
    ok: bool = True
    message: str = ""
    seen: Observation = Observation()
    uid: str = ""
    """Of the custom resource."""
    generation: int = 0
    """Of the intent that it brought about, or was at when it ended."""
    recorded: int = 0
    """The last generation that is recorded in the cluster."""
    versions: dict[str, int] = Field(default_factory=dict)
    """Of what it wrote last, by plural."""
    revision: str = ""
    stalled: str = ""
    """Why it ended: no unit became available for too long."""
    overtaken: bool = False
    """Ended because the cluster records a newer generation than it was told of."""


class Retarget(Message):
    """A newer intent for a running operation."""

    order: Order
    cause: str
    manifest: dict[str, object] = Field(default_factory=dict)


class Status(Message):
    """What `espalier status` shows."""

    name: str
    namespace: str
    cluster: str = "default"
    phase: Phase = "Pending"
    generation: int = 0
    revision: str = ""
    number: int = 0
    """Of the revision."""
    message: str = ""
    """One sentence: what it does or waits for."""
    reason: str = ""
    """The same, for machines."""
    reason_since: str = ""
    """When that began to be the reason, RFC 3339."""
    counts: dict[str, int] = Field(default_factory=dict)
    """Current counts of every scalable path."""
    operation: Operation | None = None
    last: Outcome | None = None
    seen: Observation = Observation()
    schedule_problem: str = ""
    """Why a schedule that the manifest declares could not be made."""
    since: str = ""
    """When the phase began, RFC 3339."""
