"""How one system stands: every slot in its class, every gang with what it was granted."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from activities.cache.placements import Entry, Placement, Waiting
from activities.cache.pods import Pod
from activities.messages import PodClass


class Standing(NamedTuple):
    """One slot, or one pod that nobody wants."""

    slot: str
    role: str
    pod: Pod | None = None
    node: str = ""
    """The granted node."""
    due: bool = False
    gang: int = -1


@dataclass(frozen=True)
class Surplus:
    """Slots of an entry that nobody wants any more, or that another Placement holds."""

    placement: Placement
    entry: Entry
    slots: frozenset[str]


@dataclass
class Grants:
    """What the Placements of a system say."""

    home: dict[str, Placement] = field(default_factory=dict[str, Placement])
    """Slot -> the Placement that holds it."""
    node: dict[str, str] = field(default_factory=dict[str, str])
    """Slot -> the granted node."""
    devices: dict[str, str] = field(default_factory=dict[str, str])
    """Slot -> the granted GPUs by index, where the node shares them."""
    waiting: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    """Gang -> why it has no room."""
    displaced: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    """Gang -> why it must leave its nodes, or had to."""
    later: set[str] = field(default_factory=set[str])
    """Slots that start when their units are updated."""
    surplus: list[Surplus] = field(default_factory=list[Surplus])
    idle: list[Placement] = field(default_factory=list[Placement])
    """Placements that hold nothing that is wanted."""


@dataclass
class Digest:
    """All of it, made anew for each observation and each write."""

    members: defaultdict[PodClass, list[Standing]]
    roles: defaultdict[str, Counter[PodClass]]
    grants: Grants
    unplanned: list[int]
    """Gangs (by index) with slots that no Placement holds."""
    waiting: list[int]
    """Gangs that are planned and have slots without a node."""
    granted: int
    displaced: list[Standing]
    """Slots whose granted node can serve them no more, or must be given back, and that no pod occupies."""
    evicted: list[Standing]
    """Slots of gangs that must leave, with pods that are there still."""
    renewed: list[Standing]
    """Pods that are to be changed in place."""
    idle: list[Standing]
    """Slots with a place that have not started, where places are warmed up before."""
    undue: Counter[str]
    """Why a pod's turn to start has not come -> how many pods."""
    copies: int
    ready_copies: int
