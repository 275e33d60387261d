"""What a Placement says: which gangs are to be placed together, and the answer so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from activities.cache.pods import parsed_time
from activities.cluster.kube import Manifest
from specs.sections import entries, section
from topology.demand import Granted


@dataclass(frozen=True, slots=True)
class Entry:
    """One gang, or those slots of one that were added later."""

    gang: str
    minimum: bool
    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A node that the scheduler refused pods of a role on."""

    role: str
    node: str
    until: datetime
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A slot, or a unit, that was restarted (see specs.placements)."""

    path: str
    count: int
    first: datetime
    at: datetime
    reason: str
    message: str
    revision: str
    pardon: int
    least: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a gang has no room, or must give its room back."""

    reason: str
    message: str
    promised: Granted | None = field(default=None, compare=False)
    """Where it goes once others have left. Known to the solver only, never written."""
    since: str = field(default="", compare=False)
    """When it was told to give its room back, RFC 3339."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One Placement object."""

    namespace: str
    name: str
    uid: str
    version: int
    created: str
    system: str
    owner: str
    """UID of the custom resource."""
    revision: str
    pod_priority: int
    priority: int
    entries: tuple[Entry, ...]
    nodes: Mapping[str, str]
    """Slot -> node, for slots of `entries` only."""
    waiting: Mapping[str, Waiting]
    refusals: tuple[Refusal, ...]
    leaving: bool
    displaced: Mapping[str, Waiting] = field(default_factory=dict[str, Waiting])
    """Gang -> why it must leave the nodes that it has here, or why it had to."""
    revisions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Slot -> revision, where it is not `revision`."""
    joined: frozenset[str] = frozenset()
    """Slots that were added to units before their turn (see specs.placements)."""
    attempts: tuple[Attempt, ...] = ()
    devices: Mapping[str, str] = field(default_factory=dict[str, str])
    """Slot -> its GPUs by index, `0,1`, where the node shares them."""

    @property
    def whole(self) -> bool:
        """Every slot has a node."""
        return len(self.nodes) == sum(len(entry.slots) for entry in self.entries)

    def revision_of(self, slot: str) -> str:
        """The revision that the slot's pod is to be of."""
        return self.revisions.get(slot, self.revision)

    def starts_later(self, slot: str) -> bool:
        """The revision of its unit does not have it: it starts once its unit is updated."""
        return slot in self.joined and slot not in self.revisions

    @property
    def importance(self) -> tuple[int, int]:
        """Priority of the pods, then the system's own: the higher goes first."""
        return self.pod_priority, self.priority

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def rank(self) -> tuple[str, str]:
        """Age, then name: who asked first."""
        return self.created, self.name


def read_placement(manifest: Manifest) -> Placement:
    """The facts of a Placement."""
    metadata, spec, status = manifest["metadata"], manifest["spec"], section(manifest, "status")
    asked = tuple(Entry(gang["name"], bool(gang.get("minimum")), tuple(gang["slots"])) for gang in entries(spec, "gangs"))
    held = {slot for entry in asked for slot in entry.slots}
    return Placement(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        created=metadata.get("creationTimestamp", ""),
        system=spec["system"],
        owner=spec.get("uid", ""),
        revision=spec.get("revision", ""),
        pod_priority=int(spec.get("podPriority", 0)),
        priority=int(spec.get("priority", 0)),
        entries=asked,
        nodes={slot: node for slot, node in section(status, "nodes").items() if node and slot in held},
        waiting={each["gang"]: Waiting(each["reason"], each["message"]) for each in entries(status, "waiting")},
        refusals=tuple(_refusal(each) for each in entries(status, "refusals")),
        displaced={gang: _displaced(each) for gang, each in section(status, "displaced").items()},
        leaving="deletionTimestamp" in metadata,
        revisions=section(spec, "revisions"),
        joined=frozenset(spec.get("joined", ())),
        attempts=tuple(_attempt(each) for each in entries(status, "attempts")),
        devices={slot: each for slot, each in section(status, "devices").items() if each and slot in held},
    )


def _displaced(entry: Manifest) -> Waiting:
    return Waiting(entry["reason"], entry["message"], since=entry.get("since", ""))


def _refusal(entry: Manifest) -> Refusal:
    until = parsed_time(entry["until"])
    return Refusal(entry["role"], entry["node"], until, int(entry.get("count", 1)), entry.get("message", ""))


def _attempt(entry: Manifest) -> Attempt:
    first, at = parsed_time(entry["first"]), parsed_time(entry["at"])
    reason, message = entry.get("reason", ""), entry.get("message", "")
    count, least = int(entry["count"]), int(entry.get("least", 0))
    return Attempt(
        entry["path"], count, first, at, reason, message, entry.get("revision", ""), int(entry.get("pardon", 0)), least
    )
