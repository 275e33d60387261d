"""What the solver asks, and what it is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from activities.cache.census import SystemKey
from activities.cache.placements import Waiting
from activities.room.demands import Want
from topology.demand import Demand
from topology.supply.devices import Chosen
from topology.supply.fleet import Fleet
from topology.supply.tenants import Tenancy

T = TypeVar("T")


@dataclass(frozen=True)
class Room:
    """Where a gang goes: slot -> node, for all of its slots."""

    nodes: Mapping[str, str]
    devices: Mapping[str, Chosen] = field(default_factory=dict[str, Chosen])
    """GPUs, by index, of slots on nodes that share theirs."""


@dataclass(frozen=True)
class Clearing:
    """Why a gang has no room yet, and who is to leave for it."""

    waiting: Waiting
    victims: Mapping[SystemKey, Sequence[str]]
    """Gangs, by their system."""
    because: Waiting
    """What they are told."""


Answers = Sequence[Room | Waiting | Clearing]


class Supply(Protocol):
    """The room of the cluster, as far as the solver needs it."""

    def prepare(self, wanted: Sequence[Want]) -> Callable[[], Answers]:
        """Take down all that the answers depend on; quick. What is returned gives an answer for each, in a thread."""
        ...

    def rehouse(self, wanted: Sequence[Want], *, may_stay: bool, to: Mapping[str, str]) -> Callable[[], Room | Waiting]:
        """The same for gangs of one system with pods that leave, for `to` (slot -> node) or any place: all, or why not."""
        ...

    def study(self, wanted: Sequence[Want], look: Callable[[Fleet, Sequence[Demand]], T]) -> Callable[[], T]:
        """The same for a question of any kind: `look` is given the room, and what these gangs ask for."""
        ...

    def tenancy(self) -> Callable[[], Tenancy]:
        """Who holds what, as of now; to be called in a thread."""
        ...
