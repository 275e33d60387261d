"""What is asked of placement, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from specs.gangs import Gang, Talk
from specs.paths import plain
from topology.supply.capacity import Requests
from topology.supply.devices import Chosen
from topology.supply.fractions import held
from topology.supply.shapes import Shape

Code = Literal[
    "NoEligibleHost", "InsufficientCapacity", "NoDomainFits", "ScopeFull", "UnknownLevel", "LevelOrder", "WaitsForGang",
    "WaitsInTurn", "Preempting", "WaitsForMove", "SearchLimit", "Fault",
]  # fmt: skip
"""NoEligibleHost: no node may take such a pod. InsufficientCapacity: too little is free in all. NoDomainFits: enough is free, but
not together. ScopeFull: the domain that the gang is bound to has no room. UnknownLevel, LevelOrder: a level that the fabric does
not have, or that is broader than what is around it. WaitsForGang: the gang it adds to has no room. WaitsInTurn: one that comes
first would have to wait for more. Preempting, WaitsForMove: others leave its place. SearchLimit: time ran out. Fault: Espalier's
own."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One gang that wants room."""

    gang: Gang
    shapes: Mapping[str, Shape]
    """By path of the role."""
    system: str = ""
    """Namespace and name. Gangs of one system share scopes and are told apart by name."""
    taken: Mapping[str, str] = field(default_factory=dict[str, str])
    """Domain (its path) of every scope, by name, that gangs granted earlier have settled."""
    keep: Mapping[str, str] = field(default_factory=dict[str, str])
    """Node of every slot that has its place already and stays: only the others are placed, in the domains that these are in."""
    devices: Mapping[str, Chosen] = field(default_factory=dict[str, Chosen])
    """GPUs, by index, of every slot in `keep` on a node that shares them, so far as is known."""
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Node of every slot that other gangs of the system hold, for `spread`."""
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Nodes, by path of the role, that refused such pods lately."""
    priority: int = 0
    age_rank: int = 0
    """Of two gangs of one priority the lower one goes first."""
    batch: str = ""
    """Of gangs of one priority in one batch none comes first: they are solved together, in the order of `age_rank`."""
    known: "NoRoom | None" = None
    """Why it has no room, where nothing has changed since that was found: it is not tried again, only minded."""
    aged: bool = False
    """It has waited so long that nothing may pass it."""
    preempts: bool = False
    """Others of lower priority may have to leave for it."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Room for every pod of a gang."""

    gang: str
    nodes: Mapping[str, str]
    """Node of every slot, those that were kept included."""
    score: float
    """Closeness, 0 to 1: the share of its traffic that stays inside the narrowest network domain; `search.closeness`."""
    domains: Mapping[str, str]
    """Domain (its path) of every instance that must share one, by name."""
    moved: tuple[str, ...] = ()
    """Slots that had a place and leave it, because the gang could not be repaired where it was."""
    devices: Mapping[str, Chosen] = field(default_factory=dict[str, Chosen])
    """GPUs, by index, of every slot that was placed on a node that shares its GPUs."""
    near: tuple[tuple[Talk, float], ...] = ()
    """Of what two roles that talk say, the share that stays in one narrowest domain."""


def requests_of(demand: Demand, slot: str, devices: Mapping[str, Chosen]) -> Requests:
    """What a slot's pod takes, with its devices if it is given any."""
    return held(demand.shapes[plain(slot)].requests, devices.get(slot, ()))


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Why a gang has no room."""

    gang: str
    code: Code
    message: str
    """One sentence: what is missing, where the nearest fit is, what would make it fit."""
    level: str = ""
    """Level of the fabric that failed; "" for the fleet as a whole."""
    missing: int = 0
    """Pods without room, at the nearest fit."""
    nearest: str = ""
    """Domain that comes nearest."""
    best: tuple[int, int] | None = None
    """Of a search that ended early: pods that were found room for at once, and a bound that no placement exceeds."""
    promised: Granted | None = None
    """Where it goes once others have left: nobody after it gets that room."""


Answer = Granted | NoRoom


@dataclass(slots=True)
class Budget:
    """How long a search may take: so many steps of about 20 us, and no longer than the caller's clock says.

    Sizes that do not divide each other may take as many steps again, for packing.
    """

    steps: int = 20_000
    expired: Callable[[], bool] = lambda: False

    def spent(self) -> bool:
        """Count one step; says whether that was the last. The clock is looked at every 64 steps."""
        self.steps -= 1
        return self.steps < 0 or (self.steps % 64 == 0 and self.expired())
