"""Movable: who has room anywhere else at all. Places must be free now, so who has none stays, whoever else moves."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from specs.paths import plain
from topology.demand import Demand
from topology.search.problem import shapes_of
from topology.supply.room import Room
from topology.supply.shapes import Shape

Counts = tuple[tuple[Shape, int], ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """Pods of a gang that must share a domain; or a pod by itself, where nothing binds it."""

    name: str
    level: int
    """Of the domain; the host level for a pod by itself."""
    slots: tuple[str, ...]


@dataclass(slots=True)
class Places:
    """Domains of a room that have enough for some pods."""

    room: Room
    _known: dict[tuple[int, Counts], bool] = field(default_factory=dict[tuple[int, Counts], bool])

    def any(self, level: int, counts: Counts) -> bool:
        """Whether one domain of a level has."""
        found = self._known.get((level, counts))
        if found is None:
            enough = [self.room.fits(shape).at[level] >= count for shape, count in counts]
            found = self._known[level, counts] = bool(np.logical_and.reduce(enough).any())
        return found


@dataclass(slots=True)
class Movable:
    """What each pod of one gang may do, by what is free: never less than it can. Cost: about 10 us a pod."""

    places: Places
    demand: Demand
    instances: Mapping[str, Instance] = field(init=False)
    """By slot, the innermost."""
    _shapes: Mapping[str, Shape] = field(init=False)

    def __post_init__(self) -> None:
        keep, found, fabric = self.demand.keep, dict[str, Instance](), self.places.room.layout.fabric
        self._shapes = shapes_of(self.demand)
        for scope, slots in self.demand.gang.domains():  # the outer ones first
            held = tuple(slot for slot in slots if slot in keep)
            found |= dict.fromkeys(held, Instance(scope.name, fabric.index(scope.level), held))
        self.instances = {slot: found.get(slot, Instance(slot, fabric.host, (slot,))) for slot in sorted(keep)}

    def together(self, slot: str) -> bool:
        """Whether some domain has room for its whole instance."""
        return self._room_for(self.instances[slot])

    def alone(self, slot: str) -> bool:
        """Whether there is room for it, be it in the domain of its instance or with all of that elsewhere."""
        instance, room = self.instances[slot], self.places.room
        if self._room_for(instance):
            return True
        host = room.layout.position.get(self.demand.keep[slot], -1)
        domain = room.layout.domain_of(host, instance.level) if host >= 0 else -1
        if domain < 0 or instance.level == room.layout.fabric.host:
            return False
        area = room.layout.area(instance.level, domain)
        return bool((room.fits(self._shapes[plain(slot)]).host[area.low : area.high] > 0).any())

    def _room_for(self, instance: Instance) -> bool:
        counts = Counter(self._shapes[plain(slot)] for slot in instance.slots)
        return self.places.any(instance.level, tuple(counts.items()))
