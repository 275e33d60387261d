"""Status of an InferenceSystem object: what an SRE sees with kubectl. Its size is bounded whatever the system's size."""

from typing import Annotated, Literal

from pydantic import Field

from specs.members import MOST_REPLICAS
from specs.owners import Manifest
from specs.strict import Spec

Sentence = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(max_length=128)]
Path = Annotated[str, Field(max_length=255)]
MOST_FIRST = 255
MOST_REVISIONS_TOLD, MOST_OLDER_UNITS = 11, 50
"""Of a rollout: the ten that are kept, and one that is no more; units by name."""
MOST_ROLES = 256
"""Roles that a status tells apart, in tree order; the totals hold all."""

Phase = Literal[
    "Pending", "Starting", "Scaling", "Updating", "Recovering", "Moving", "Ready", "Waiting", "Degraded", "Deleting", "Deleted"
]  # fmt: skip


class RoleStatus(Spec):
    """One role, over all copies."""

    role: Annotated[str, Field(max_length=255)]
    """Path of the role: prefill/worker."""
    wanted: Annotated[int, Field(ge=0)] = 0
    """Pods that are wanted."""
    placed: Annotated[int, Field(ge=0)] = 0
    """Pods that have been granted a node."""
    ready: Annotated[int, Field(ge=0)] = 0
    """Pods that are Ready."""
    outdated: Annotated[int, Field(ge=0)] = 0
    """Pods whose unit is of an older revision."""


class RevisionStatus(Spec):
    """Units of one revision."""

    revision: Word
    """Its hash, as the pods' label has it."""
    number: Annotated[int, Field(ge=0)] = 0
    """Its number in the history; 0 where it is not kept any more."""
    units: Annotated[int, Field(ge=0)] = 0
    """How many are of it."""
    first: Path = ""
    """The first of them: 0/decode/2."""


class OlderUnit(Spec):
    """One unit of an older revision."""

    unit: Path
    """Its path: 0/decode/2."""
    revision: Word
    """What it is of."""


class RolloutStatus(Spec):
    """How a newer template gets on."""

    updated: Annotated[int, Field(ge=0)] = 0
    """Units of the revision that is wanted, of the roles and groups in which something is still to be updated."""
    outdated: Annotated[int, Field(ge=0)] = 0
    """Units of an older revision that are to be replaced."""
    gate: Word = ""
    """What the next unit waits for: Budget, MinReady, Ratio, Step, Approval, Paused, ProgressDeadlineExceeded, Starting, NoRoom
    and others."""
    message: Sentence = ""
    """The same in one sentence, with what to type."""
    first: Path = ""
    """The unit that it waits for, by its first pod, where it is one."""
    since: Word = ""
    """When it began to wait for that, RFC 3339; for another unit, or another reason, it begins anew."""
    revisions: Annotated[tuple[RevisionStatus, ...], Field(max_length=MOST_REVISIONS_TOLD)] = ()
    """How many units are of which, the one that is wanted first, then the newest; none where all are of that one."""
    older_units: Annotated[tuple[OlderUnit, ...], Field(max_length=MOST_OLDER_UNITS)] = ()
    """Units of older revisions, the first 50."""


class Condition(Spec):
    """One thing that is so, or is not, or can't be told."""

    type: Word
    """Accepted: the declaration is sound. Placed: every wanted pod has a node. Ready: every copy can serve.
    Progressing: what is to be updated gets on; Unknown while it waits for somebody. Others: Grove's."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Word
    """One word for machines: NoRoom."""
    message: Sentence = ""
    """One sentence for people, with what to do."""
    last_transition_time: Word
    """When the status last changed, RFC 3339."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation that this is about."""


class SystemStatus(Spec):
    """What is."""

    phase: Phase = "Pending"
    """In one word."""
    reason: Word = ""
    """Why it is not Ready, in one word."""
    message: Sentence = ""
    """What it does or waits for, in one sentence."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status is about."""
    revision: Word = ""
    """Revision that is wanted."""
    revision_number: Annotated[int, Field(ge=0)] = 0
    """Its number in the history: espalier rollout history."""
    outdated: Annotated[int, Field(ge=0)] = 0
    """Units (copies, group replicas, pods) of an older revision that are to be replaced."""
    rollout: RolloutStatus = RolloutStatus()
    """How a newer template gets on."""
    copies: Annotated[int, Field(ge=0, le=MOST_REPLICAS)] = 0
    """Copies that exist."""
    ready_copies: Annotated[int, Field(ge=0, le=MOST_REPLICAS)] = 0
    """Copies whose base gang is Ready."""
    pods: Annotated[int, Field(ge=0)] = 0
    """Pods that are wanted."""
    ready_pods: Annotated[int, Field(ge=0)] = 0
    """Pods that are Ready."""
    selector: Annotated[str, Field(max_length=255)] = ""
    """Label selector of the system's pods, for autoscalers."""
    roles: Annotated[tuple[RoleStatus, ...], Field(max_length=MOST_ROLES)] = ()
    """The same for each role."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Accepted, Placed, Ready and Progressing."""
    operation: Annotated[str, Field(max_length=255)] = ""
    """What is going on and why: Startup, applied by alice."""

    def manifest(self) -> Manifest:
        """As the status of the object."""
        return self.model_dump(mode="json", by_alias=True)


def clipped(sentence: str, limit: int = 1024) -> str:
    """A message that fits: cut at the end, with an ellipsis."""
    return sentence if len(sentence) <= limit else f"{sentence[: limit - 3]}..."
