"""Admission: of gangs whose turn is the same, those that together use most of the room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from specs.gangs import Bundle, Gang, Seats
from specs.members import NOWHERE
from topology.demand import Demand
from topology.search.problem import Problem, Task, seats_of
from topology.search.stock import distinct
from topology.search.units import WHOLE
from topology.supply.layout import Ints
from topology.supply.room import Room

Home = dict[int, list[int]]
"""Gangs to the domains of their parts, in the order of `parts`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What must be in one domain of the narrow level: what it needs by every gauge, and the gauge that counts most."""

    name: str
    needs: tuple[int, ...]
    main: int


class Counts:
    """Gangs and domains as counts: which gangs are where, and what is left in each domain of the narrow level.

    Gangs are put into one domain of the broad level, their parts into domains of the narrow one inside it.
    """

    def __init__(self, room: Room, demands: Sequence[Demand]) -> None:
        problem = Problem(room, joined(demands))
        narrow = {task.unit.level for task in problem.root.tasks}
        self.narrow = max((level for level in narrow if level is not None), default=WHOLE)
        self.broad = _broad(room, demands[0])
        self.looks = 0
        self.speaks = len(narrow) == 1 and None not in narrow and self.narrow > self.broad and not problem.root.pods
        if not self.speaks:
            return
        gauges = distinct(problem)
        self.parts: list[list[Part]] = [[] for _ in demands]
        for task in problem.root.tasks:
            self.parts[int(task.unit.name.partition(".")[0])].append(_part(task, gauges))
        self.left = [list(row) for row in zip(*(problem.gauge(gauge).at[self.narrow].tolist() for gauge in gauges), strict=True)]
        kinds = list(dict.fromkeys(part.needs for parts in self.parts for part in parts))
        self._kinds: Ints = np.array(kinds, np.int64)
        self._has = np.array([[any(part.needs == kind for part in parts) for kind in kinds] for parts in self.parts])
        self.needs: Ints = np.array(
            [[sum(amounts) for amounts in zip(*(part.needs for part in each), strict=True)] for each in self.parts]
        )
        """Of each gang as a whole, by every gauge."""
        domains = [room.layout.whole] if self.broad == WHOLE else [
            room.layout.area(self.broad, index) for index in range(*room.layout.inside(room.layout.whole, self.broad))
        ]  # fmt: skip
        self.inside = [range(*room.layout.inside(domain, self.narrow)) for domain in domains]

    def hopeful(self, gangs: Ints, domain: int) -> Ints:
        """Of these gangs those for which there may be room in a domain: enough in all, and somewhere for each part by itself."""
        left: Ints = np.array([self.left[index] for index in self.inside[domain]], np.int64)
        homeless = ~np.logical_or.reduce((left[None] >= self._kinds[:, None]).all(axis=2), axis=1)
        fits = (self.needs[gangs] <= left.sum(axis=0)).all(axis=1) & ~(self._has[gangs] & homeless).any(axis=1)
        hopeful: Ints = gangs[fits]
        return hopeful

    def put(self, gang: int, domain: int) -> list[int] | None:
        """Room for a gang in a domain: best fit, in the order of its parts; None, and nothing taken, when there is none."""
        chosen: list[int] = []
        for part in self.parts[gang]:
            self.looks += len(self.inside[domain])
            best = self._tightest(part, domain)
            if best < 0:
                self.change(gang, chosen, 1)
                return None
            self.left[best] = [have - need for have, need in zip(self.left[best], part.needs, strict=True)]
            chosen.append(best)
        return chosen

    def _tightest(self, part: Part, domain: int) -> int:
        best, tightest, main, least = -1, 0, part.main, part.needs[part.main]
        for index in self.inside[domain]:
            left = self.left[index]
            if left[main] >= least and (best < 0 or left[main] < tightest) and all(map(int.__ge__, left, part.needs)):
                best, tightest = index, left[main]
        return best

    def change(self, gang: int, homes: Sequence[int], sign: int) -> None:
        """Give back (+1) or take (-1) what a gang's first parts need in their domains."""
        for part, index in zip(self.parts[gang], homes, strict=False):
            self.left[index] = [have + sign * need for have, need in zip(self.left[index], part.needs, strict=True)]


def joined(demands: Sequence[Demand]) -> Demand:
    """All of them as one gang, its parts renamed so that no two are one; what the roots ask for is left out."""
    parts = [_renamed(part, f"{number}.") for number, each in enumerate(demands) for part in each.gang.root.parts]
    shapes = {f"{number}.{role}": shape for number, each in enumerate(demands) for role, shape in each.shapes.items()}
    excluded = {f"{number}.{role}": nodes for number, each in enumerate(demands) for role, nodes in each.excluded.items()}
    gang = Gang("", minimum=True, copy_index=0, scopes=(), root=Bundle("", NOWHERE, tuple(parts)))
    return Demand(gang, shapes, excluded=excluded)


def size_of(demand: Demand) -> int:
    """What a gang counts for: the devices that it asks for, and its pods where it asks for none. Cost: linear in its roles."""
    return sum(len(each.slots) * max(1, demand.shapes[each.role].bulk[0]) for each in seats_of(demand.gang.root))


def _renamed(part: Bundle | Seats, prefix: str) -> Bundle | Seats:
    if isinstance(part, Seats):
        return replace(part, role=prefix + part.role, slots=tuple(prefix + slot for slot in part.slots))
    return replace(part, name=prefix + part.name, parts=tuple(_renamed(inner, prefix) for inner in part.parts))


def _broad(room: Room, demand: Demand) -> int:
    within = demand.gang.root.place.within
    return WHOLE if within is None else room.layout.fabric.index(within)


def _part(task: Task, gauges: Sequence[int]) -> Part:
    needs: Mapping[int, int] = dict(task.needs)
    main = gauges.index(task.main) if task.main in gauges else 0
    return Part(task.unit.name.partition(".")[2], tuple(needs.get(gauge, 0) for gauge in gauges), main)
