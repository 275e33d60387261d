"""Placement: the object that holds a demand for room and its answer. Espalier writes it; it is shown, never edited."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from specs.strict import Spec

NodeName = Annotated[str, Field(max_length=253)]
Slot = Annotated[str, Field(max_length=253)]
GangName = Annotated[str, Field(max_length=63)]
MOST_GANGS = 512
"""In one Placement: a gang has at least one pod."""


class AskedGang(Spec):
    """Pods that are granted room together."""

    name: GangName
    """Its name, unique within the system."""
    minimum: bool = False
    """A base gang: without it the copy cannot run."""
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, max_length=100_000)]
    """The pods, by their paths: 0/prefill/2/worker/3."""


class PlacementSpec(Spec):
    """What is asked for."""

    system: Annotated[str, Field(max_length=63)]
    """Name of the InferenceSystem."""
    uid: Annotated[str, Field(max_length=64)]
    """Its UID: a system of the same name made later is another."""
    revision: Annotated[str, Field(max_length=63)]
    """Revision that says how much room each pod needs."""
    pod_priority: int = 0
    """Value of the pods' PriorityClass: who goes first where room is short; higher before lower."""
    priority: int = 0
    """The system's own: who goes first among those whose pods are of equal priority."""
    revisions: Mapping[Slot, Annotated[str, Field(max_length=63)]] = Field(default_factory=dict, max_length=100_000)
    """Pods of another revision than that, by slot: while a rollout is under way. A pod that is lost comes back at its own."""
    joined: Annotated[tuple[Slot, ...], Field(max_length=100_000)] = ()
    """Pods added to units before their turn, which have not served yet; those not in `revisions` start with their unit."""
    gangs: Annotated[tuple[AskedGang, ...], Field(max_length=MOST_GANGS)]
    """The gangs, first come first."""


class WaitingGang(Spec):
    """A gang that has no room, and why."""

    gang: GangName
    """Its name."""
    reason: Annotated[str, Field(max_length=128)]
    """One word for machines: NoRoom."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """One sentence: which level, how much is missing, what would make it fit."""


class DisplacedGang(Spec):
    """Why a gang's room was taken back."""

    reason: Annotated[str, Field(max_length=128)]
    """One word for machines: Preempted."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """One sentence: for whom."""
    since: Annotated[str, Field(max_length=64)] = ""
    """When it was told to, RFC 3339."""


class Refusal(Spec):
    """A node that did not take a pod that was sent to it."""

    role: Annotated[str, Field(max_length=255)]
    """Path of the pod's role: the node is left out for all of them, for a growing time."""
    node: NodeName
    """The node."""
    count: Annotated[int, Field(ge=1)] = 1
    """How often so far."""
    until: Annotated[str, Field(max_length=64)] = ""
    """Until when, RFC 3339."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The scheduler's sentence."""


class Attempt(Spec):
    """How often a pod or a unit was restarted in a row, and why last."""

    path: Slot
    """The pod's slot, or what is restarted as a whole: 0/prefill/2 (a group's replica), 0 (a copy)."""
    count: Annotated[int, Field(ge=0)] = 1
    """Restarts in a row."""
    first: Annotated[str, Field(max_length=64)] = ""
    """When the row began, RFC 3339."""
    at: Annotated[str, Field(max_length=64)] = ""
    """When the last one was."""
    reason: Annotated[str, Field(max_length=128)] = ""
    """Why, in one word."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """What the last pod that failed said: container, exit code, message."""
    revision: Annotated[str, Field(max_length=63)] = ""
    """Of what failed: a row ends with its template."""
    pardon: Annotated[int, Field(ge=0)] = 0
    """How often `espalier recover` had been said: a row ends with it."""
    least: Annotated[int, Field(ge=0)] = 0
    """Pods of the unit of earlier incarnations than this one are to go."""


class Stamp(Spec):
    """Where in the cluster's ledger of grants this answer stands; older writes are not applied over it."""

    epoch: Annotated[int, Field(ge=0)] = 0
    """Life of the ledger."""
    sequence: Annotated[int, Field(ge=0)] = 0
    """Number of the batch within it."""


class PlacementStatus(Spec):
    """What is granted."""

    nodes: Mapping[Slot, NodeName] = Field(default_factory=dict, max_length=100_000)
    """Pod to node."""
    devices: Mapping[Slot, Annotated[str, Field(max_length=128)]] = Field(default_factory=dict, max_length=100_000)
    """Pod to its GPUs by index, `0,1`, where the node shares them."""
    waiting: Annotated[tuple[WaitingGang, ...], Field(max_length=MOST_GANGS)] = ()
    """Gangs that wait for room."""
    displaced: Mapping[GangName, DisplacedGang] = Field(default_factory=dict, max_length=MOST_GANGS)
    """Gangs, by name, that must leave their nodes, or have left them and have no others yet."""
    refusals: Annotated[tuple[Refusal, ...], Field(max_length=MOST_GANGS)] = ()
    """Nodes that did not take a pod."""
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=MOST_GANGS)] = ()
    """What was restarted of late."""
    ledger: Stamp = Stamp()
    """The ledger's last word on it."""
