"""Admission: of gangs whose turn is the same, those that together use most of the room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from specs.gangs import Bundle, Gang, Seats
from specs.members import NOWHERE
from topology.demand import Budget, Demand
from topology.problem import Problem, Task, seats_of
from topology.room import Room
from topology.units import WHOLE

ROUNDS = 2_000
"""Of the local search."""
LOOKS = 1_000_000
"""Looks at a domain for a part, all in all: about 0.5 us each."""
CLOCK = 64
"""Rounds between two looks at the caller's clock."""
LEAVE = (1, 1, 2, 2, 3, 9)
"""How many gangs leave a domain at once, as often as written."""
Home = dict[int, list[int]]
"""Gangs to the domains of their parts, in the order of `parts`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What must be in one domain of the narrow level: what it needs by every gauge, and the gauge that counts most."""

    name: str
    needs: tuple[int, ...]
    main: int


class Mix:
    """Numbers from 0 to 1, well mixed, the same ones every time: so the same demands get the same answer.

    Source: Knuth's MMIX generator, The Art of Computer Programming, volume 2, 3.3.4.
    """

    def __init__(self) -> None:
        self._state = 1

    def next(self) -> float:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return float(self._state >> 11) / float(2**53)


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
        gauges = range(len(problem.weights))
        self.parts: list[list[Part]] = [[] for _ in demands]
        for task in problem.root.tasks:
            self.parts[int(task.unit.name.partition(".")[0])].append(_part(task, len(gauges)))
        self.left = [list(row) for row in zip(*(problem.gauge(gauge).at[self.narrow].tolist() for gauge in gauges), strict=True)]
        domains = [room.layout.whole] if self.broad == WHOLE else [
            room.layout.area(self.broad, index) for index in range(*room.layout.inside(room.layout.whole, self.broad))
        ]  # fmt: skip
        self.inside = [range(*room.layout.inside(domain, self.narrow)) for domain in domains]

    def put(self, gang: int, domain: int) -> list[int] | None:
        """Room for a gang in a domain: best fit, in the order of its parts; None, and nothing taken, when there is none."""
        chosen: list[int] = []
        for part in self.parts[gang]:
            self.looks += len(self.inside[domain])
            best, tightest = -1, 0
            for index in self.inside[domain]:
                left = self.left[index]
                if all(map(int.__ge__, left, part.needs)) and (best < 0 or left[part.main] < tightest):
                    best, tightest = index, left[part.main]
            if best < 0:
                self.change(gang, chosen, 1)
                return None
            self.left[best] = [have - need for have, need in zip(self.left[best], part.needs, strict=True)]
            chosen.append(best)
        return chosen

    def change(self, gang: int, homes: Sequence[int], sign: int) -> None:
        """Give back (+1) or take (-1) what a gang's first parts need in their domains."""
        for part, index in zip(self.parts[gang], homes, strict=False):
            self.left[index] = [have + sign * need for have, need in zip(self.left[index], part.needs, strict=True)]


def admitted(counts: Counts, sizes: Sequence[int], budget: Budget) -> list[Home]:
    """For each domain the gangs that are admitted there, and the homes of their parts; `sizes` is what is to be made large.

    The bulkiest gangs first; then domains are partly emptied and filled again in mixed order, never to the worse.
    Cost: at most `ROUNDS` rounds and `LOOKS` looks, half a second; less when all are admitted or the budget's clock runs out.
    Source: large neighbourhood search (Shaw, 1998).
    """
    homes: list[Home] = [{} for _ in counts.inside]
    waiting = sorted(range(len(sizes)), key=lambda gang: (-sizes[gang], gang))
    for domain in range(len(homes)):
        waiting = _filled(counts, homes[domain], domain, waiting)
    mix = Mix()
    for turn in range(ROUNDS):
        if not waiting or counts.looks >= LOOKS or (turn % CLOCK == 0 and budget.expired()):
            break
        waiting = _refilled(counts, homes[turn % len(homes)], turn % len(homes), waiting, sizes, mix)
    return homes


def _filled(counts: Counts, home: Home, domain: int, candidates: Sequence[int]) -> list[int]:
    """Put as many candidates into a domain as go, in their order; returns the others."""
    others: list[int] = []
    for gang in candidates:
        found = counts.put(gang, domain) if counts.looks < LOOKS else None
        if found is None:
            others.append(gang)
        else:
            home[gang] = found
    return others


def _refilled(counts: Counts, home: Home, domain: int, waiting: list[int], sizes: Sequence[int], mix: Mix) -> list[int]:
    shuffled = {gang: mix.next() for gang in sorted(home)}
    gone = sorted(shuffled, key=lambda gang: shuffled[gang])[: LEAVE[int(mix.next() * len(LEAVE))]]
    before = {gang: home.pop(gang) for gang in gone}
    for gang, where in before.items():
        counts.change(gang, where, 1)
    candidates = [*waiting, *gone]
    drawn = {gang: sizes[gang] * mix.next() for gang in candidates}
    made: Home = {}
    others = _filled(counts, made, domain, sorted(candidates, key=lambda gang: -drawn[gang]))
    if sum(sizes[gang] for gang in made) >= sum(sizes[gang] for gang in gone):
        home |= made
        return sorted(others)
    for gang, where in made.items():
        counts.change(gang, where, 1)
    for gang, where in before.items():
        counts.change(gang, where, -1)
    home |= before
    return waiting


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


def _part(task: Task, gauges: int) -> Part:
    needs: Mapping[int, int] = dict(task.needs)
    return Part(task.unit.name.partition(".")[2], tuple(needs.get(gauge, 0) for gauge in range(gauges)), task.main)
