"""What workflows and activities say to each other. Wire format: fields are only ever added, with defaults.

Pure: workflows import this module and nothing else of this package.
"""

from collections.abc import Mapping

from pydantic import Field

from activities.particulars import Deviant as Deviant
from activities.particulars import Message as Message
from activities.particulars import OfRevision as OfRevision
from activities.particulars import OnGpus as OnGpus
from activities.particulars import PodClass as PodClass

WORKFLOW_QUEUE = "espalier"
OBSERVE = "Observe"
RECORD = "RecordSystem"
SUPPORT = "ApplyServices"
PLACE = "PlaceGangs"
CREATE = "CreatePods"
HOLD = "HoldPods"
RELEASE = "ReleasePods"
REPLACE = "ReplacePods"
REMOVE = "RemovePods"
UPDATE = "UpdateUnits"
MOVE = "MoveUnits"
RENEW = "RenewPods"
RESTART = "RestartUnits"
ERASE = "EraseSystem"


def agent_queue(cluster: str) -> str:
    """Task queue of the activities that need the cluster's cache."""
    return f"espalier-agent-{cluster}"


class Ref(Message):
    """Which system."""

    cluster: str = "default"
    namespace: str
    name: str

    @property
    def workflow_id(self) -> str:
        return f"isys/{self.cluster}/{self.namespace}/{self.name}"


class Order(Message):
    """What an activity is to bring about. It names sets; the activity finds their members in its cache."""

    ref: Ref
    uid: str = ""
    """UID of the custom resource, once recorded: the owner of all else."""
    kind: str = "InferenceSystem"
    """Of the object that declares it."""
    revision: str = ""
    number: int = 0
    """Of the revision; 0 where nobody counts them."""
    edition: str = ""
    """Which of the declarations of that revision."""
    pardon: int = 0
    """How often somebody said that what failed too often is to be tried again."""
    generation: int = 0
    """Of the intent. A write for an older generation than the system's last is refused: a zombie's."""
    counts: dict[str, int] = Field(default_factory=dict)
    approved: int = 0
    """Holds of this revision's rollout that it was told to pass."""
    rolls: bool = False
    """The revision is newer than the last that was complete."""
    failed: str = ""
    """Why its rollout got no further in time; it holds until somebody decides."""
    rolled_back: str = ""
    """Why the last rollout was taken back."""
    deleting: bool = False
    moves: dict[str, str] = Field(default_factory=dict)
    """Slot -> the node that its pod is to move to."""
    watcher: str = ""
    """Workflow id to nudge when what was observed changes."""
    versions: dict[str, int] = Field(default_factory=dict)
    """Plural of a kind -> resourceVersion that the cache must have reached before it answers."""
    operation: str = ""
    """Type and cause of what is going on, for the object's status: `Startup: applied by alice`."""
    limit: int = 1_000
    """Most objects that one step writes."""
    recorded: int = 0
    """Generation that RecordSystem is known to have written."""
    problems: dict[str, str] = Field(default_factory=dict)
    """Activity -> why it last failed or was refused, for the object's status."""

    def reaching(self, versions: Mapping[str, int]) -> "Order":
        """The same, to be answered by a cache that has reached these versions too."""
        newest = {plural: max(version, self.versions.get(plural, 0)) for plural, version in versions.items()}
        return self.model_copy(update={"versions": {**self.versions, **newest}})

    def troubled(self, activity: str, problem: str) -> "Order":
        """The same, after an activity that had this problem; none, if it is empty."""
        others = {name: why for name, why in self.problems.items() if name != activity}
        return self.model_copy(update={"problems": {**others, **({activity: problem} if problem else {})}})

    @property
    def question(self) -> str:
        """What is asked of an observation; one made for another question does not answer it."""
        return f"{self.uid}/{self.generation}/{self.revision}/{'gone' if self.deleting else 'there'}"


class Wait(Message):
    """Why something does not go on."""

    reason: str
    message: str
    gangs: int = 1
    first: str = ""
    """Name of the first gang it holds up."""
    fits: tuple[str, ...] = ()
    """What would let that gang in, each a sentence."""


CRASH_LOOPING, CANNOT_PULL, CANNOT_START = "CrashLooping", "CannotPullImage", "CannotStart"
ENDED, EVICTED = "PodFailed", "Evicted"
NEVER_READY, GIVEN_UP, DEADLINE = "NeverReady", "GivenUp", "ProgressDeadlineExceeded"
FAILING = (DEADLINE, GIVEN_UP, CRASH_LOOPING, CANNOT_PULL, CANNOT_START, ENDED, EVICTED, NEVER_READY)
"""Reasons of waits that neither room nor a turn will end: somebody has to look."""


class Observation(Message):
    """A digest of one system as the cluster has it: at most 32 KB whatever its size."""

    question: str = ""
    """`Order.question` of the order that it answers."""
    versions: dict[str, int] = Field(default_factory=dict)
    exists: bool = False
    """The custom resource and the revision that is wanted are there, and not being deleted."""
    leaving: bool = False
    """The custom resource is being deleted, by whomever."""
    unguarded: bool = False
    """The custom resource lacks our finalizer: somebody took it away, and deleting it would tear nothing down."""
    recorded: int = 0
    """Generation of intent that the custom resource says it was written for; 0 when it says nothing."""
    known: bool = False
    """What is wanted is known in the cluster, so that what follows speaks of it."""
    roles: dict[str, dict[PodClass, int]] = Field(default_factory=dict)
    """Role path -> class -> pods."""
    unplanned: int = 0
    """Wanted gangs that no Placement holds yet."""
    waiting: int = 0
    """Gangs that wait for room."""
    granted: int = 0
    surplus_gangs: int = 0
    """Gangs in Placements that nobody wants any more (given back once their pods are gone)."""
    staying: int = 0
    """Of them, those whose room is not to be given back yet."""
    displaced: int = 0
    """Slots whose granted node can't serve them any more: to be placed anew."""
    evacuating: int = 0
    """Units with a place on a node that is evacuated."""
    moving: int = 0
    """Of them, those that may go now."""
    planned: int = 0
    """Units with pods that are still to move as was planned."""
    relocating: int = 0
    """Of them, those that may go now."""
    evicted: int = 0
    """Pods of gangs that must leave their nodes for others."""
    draining: int = 0
    """Pods that are to go and stay for now: they know and have time yet, or too many others are out."""
    withdrawn: int = 0
    """Pods that were told to drain, and are wanted again."""
    support: int = 0
    """Services and budgets to write or to remove."""
    behind: int = 0
    """Placements that are still read by the rules of an older revision."""
    renewing: int = 0
    """Pods that are to be changed in place."""
    outdated: int = 0
    """Units of an older revision that are to be replaced."""
    updating: int = 0
    """Of them, those whose turn has come."""
    returning: int = 0
    """Of them, those that have no pod and get one of the newest revision."""
    settling: int = 0
    """Units that are Ready, but not for `minReadySeconds` yet."""
    lost: str = ""
    """Nodes that took pods with them: `rack r7 (18 nodes) with 36 pods`."""
    restarting: int = 0
    """Units that did not become whole again in time, and are to be restarted."""
    again_s: float | None = None
    """Seconds until there is something to do though nothing happens; None when there is no such moment."""
    deadline_s: float | None = None
    """How long a rollout may get no further; None where none is under way, or any time."""
    clock_stands: bool = False
    """That time does not count now: it waits for room, or for somebody."""
    available: int = 0
    """Units of the revision that is wanted that are available, while there is a deadline."""
    updated: int = 0
    """Units of the revision that is wanted, of the roles and groups in which something is still to be updated."""
    older: dict[str, int] = Field(default_factory=dict)
    """Role path -> pods whose unit is of an older revision."""
    revisions: tuple[OfRevision, ...] = ()
    """Of its units, the one that is wanted first, then the newest; at most 11. None where all are of that one."""
    older_units: dict[str, str] = Field(default_factory=dict)
    """Unit of an older revision -> that; at most 50."""
    gate: Wait | None = None
    """What keeps the next unit from being updated, or the last from being available."""
    hold: int = 0
    """Number of the hold at which the rollout waits to be told to go on; 0: at none."""
    left: int = 0
    """Objects of any kind that still carry the system's label: what Teardown waits for."""
    copies: int = 0
    ready_copies: int = 0
    """Copies whose base gang is ready."""
    waits: tuple[Wait, ...] = ()
    """At most ten, most gangs first: no room, start order, refused by the scheduler."""
    deviants: tuple[Deviant, ...] = ()
    """At most 50."""
    gpus: tuple[OnGpus, ...] = ()
    """Of pods on nodes that share theirs, by name; at most 50."""
    domains: tuple[str, ...] = ()
    """Racks, or what comes before the host, that it is in, once all of it has its room; at most 100, else none."""

    def total(self, *classes: PodClass) -> int:
        """Pods of these classes, over all roles."""
        return sum(seen.get(name, 0) for seen in self.roles.values() for name in classes)

    @property
    def failing(self) -> bool:
        """Pods that were to start do not, and will not by waiting."""
        return any(wait.reason in FAILING for wait in self.waits)

    def covers(self, versions: Mapping[str, int]) -> bool:
        """Whether it is not older than these."""
        return all(self.versions.get(plural, 0) >= version for plural, version in versions.items())


class Record(Message):
    """RecordSystem: write the accepted intent where kubectl sees it."""

    order: Order
    manifest: dict[str, object]
    """What was accepted, as declared."""


class Recorded(Message):
    """What RecordSystem wrote."""

    uid: str
    versions: dict[str, int] = Field(default_factory=dict)
    seen: Observation | None = None
    """The system after it; None when the cache does not show it yet."""


class Written(Message):
    """What one step did."""

    written: int = 0
    versions: dict[str, int] = Field(default_factory=dict)
    problem: str = ""
    """A refusal by the API server that repeating will not mend, as one sentence."""
    seen: Observation | None = None
    """The system after it; None when the cache does not show it yet."""
