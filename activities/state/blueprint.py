"""Blueprint: one revision of a system at certain counts, expanded once: its gangs, and every slot with its role."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from activities.cache.recent import Recent
from specs.counts import Counts
from specs.gangs import Bundle, Gang, Seats, expand
from specs.order import Order
from specs.paths import parent
from specs.system import InferenceSystem

KEPT = 100_000
"""Pods in the blueprints in memory: 10,000 take about 4 MB, and 250 ms to expand."""
SMALLEST = 4
"""As many pods as a blueprint weighs that has none."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One wanted slot."""

    slot: str
    role: str
    instance: str
    """The role's instance: `0/prefill/2/worker`."""
    gang: int
    """Its gang's place in `Blueprint.gangs`."""


@dataclass(frozen=True)
class Blueprint:
    """What is wanted."""

    system: InferenceSystem
    revision: str
    counts: Counts
    order: Order
    gangs: tuple[Gang, ...]
    by_gang: tuple[tuple[Seat, ...], ...]
    seats: Mapping[str, Seat]
    index: Mapping[str, int]
    """Gang's name -> its place in `gangs`."""

    @cached_property
    def parts(self) -> Mapping[str, int]:
        """Copy, or instance of a group or role -> how many parts it has, one level down. Cost: linear in pods, once."""
        inside: defaultdict[str, set[str]] = defaultdict(set)
        for slot in self.seats:
            above, _, last = slot.rpartition("/")
            while above and last not in inside[above]:
                inside[above].add(last)
                above, _, last = above.rpartition("/")
        return {path: len(parts) for path, parts in inside.items()}

    @property
    def name(self) -> str:
        """The system's."""
        return self.system.metadata.name


def blueprint(system: InferenceSystem, revision: str, counts: Counts) -> Blueprint:
    """Expand a system. Cost: about 25 us a pod."""
    gangs = expand(system.metadata.name, system.spec, counts)
    by_gang = tuple(tuple(_seats(gang.root, index)) for index, gang in enumerate(gangs))
    seats = {seat.slot: seat for held in by_gang for seat in held}
    index = {gang.name: place for place, gang in enumerate(gangs)}
    return Blueprint(system, revision, dict(counts), Order(system.spec), gangs, by_gang, seats, index)


class Blueprints:
    """The last blueprints made; a system's observations and writes share one."""

    def __init__(self, kept: int = KEPT) -> None:
        self._made: Recent[tuple[object, ...], Blueprint] = Recent(kept, lambda each: SMALLEST + len(each.seats))

    def of(self, system: InferenceSystem, revision: str, counts: Counts) -> Blueprint:
        """The blueprint of this revision at these counts. `revision` names the content of `system`."""
        key = (system.metadata.namespace, system.metadata.name, id(system), revision, tuple(sorted(counts.items())))
        return self._made.of(key, lambda: blueprint(system, revision, counts))


def _seats(part: Bundle | Seats, gang: int) -> list[Seat]:
    if isinstance(part, Seats):
        return [Seat(slot, part.role, parent(slot), gang) for slot in part.slots]
    return [seat for child in part.parts for seat in _seats(child, gang)]
