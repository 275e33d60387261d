"""Wards: gangs whose lost pods must go into one domain, and the instances of theirs that could leave it.

A rack is full and loses a host. On it were a pod of gang A and one of gang B, which both must stay in one rack with the rest of
their gang. Both lost pods need room in the rack, so A and B are one ward: if the pods that are left of A leave the rack, there is
room for B. A third gang that lost a pod in another rack is another ward: neither helps the other.

What is left of A in the rack is a `Stay`, and so is what is left of B. A stay leaves its rack as a whole, or not at all.
Wards are the connected components of a graph: gangs are joined by a domain that both have lost pods in, and by their system.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from topology.demand import Demand
from topology.supply.layout import Layout

Slot = tuple[int, str]
"""Demand, by its place, and slot."""
Area = tuple[int, int]
"""Hosts of a domain, from the first up to, not including, the second."""
MOST_STAYS = 10
"""Instances of which every combination is looked at."""

MOST_PODS = 8
"""Pods of which every combination is looked at."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One instance that has lost pods, and that must be in one domain: it moves as a whole, or inside it, or not at all."""

    kept: frozenset[Slot]
    lost: frozenset[Slot]
    area: Area
    innermost: bool
    """Of nested ones, the one that decides."""


@dataclass(frozen=True, slots=True, eq=False)
class Ward:
    """What is settled together."""

    demands: Sequence[Demand]
    """All of them, those of other wards too."""
    members: tuple[int, ...]
    """Demands, by their place, in turn."""
    stays: tuple[Stay, ...]
    placed: tuple[tuple[Slot, int], ...]
    """Pods that have their place, of gangs of any ward that have lost others, with the host that each is on."""
    bound: frozenset[Slot]
    """Pods that some level binds to others."""

    def narrowed(self, members: Sequence[int]) -> "Ward":
        """With some of its members only."""
        own = frozenset(members)
        stays = tuple(stay for stay in self.stays if all(index in own for index, _ in stay.lost))
        return replace(self, members=tuple(members), stays=stays)

    def everything(self) -> frozenset[Slot]:
        """All of its pods that may move: those of instances that have lost one, and those that are bound to no domain."""
        own = frozenset(self.members)
        loose = frozenset(slot for slot, _ in self.placed if slot[0] in own and slot not in self.bound)
        return loose.union(*(stay.kept for stay in self.stays))

    def choices(self) -> Iterator[frozenset[Slot]]:
        """Sets of pods that may be let go, the smallest first: whole instances, then everything."""
        count = len(self.stays)
        sizes: Iterable[int] = range(1, count + 1) if count <= MOST_STAYS else (1, 2)
        found = {frozenset[Slot]().union(*(stay.kept for stay in some)) for n in sizes for some in combinations(self.stays, n)}
        yield from sorted(found, key=lambda each: (len(each), sorted(each)))
        yield self.everything()

    def smaller(self, than: int, least: int) -> Iterator[frozenset[Slot]]:
        """Every set of fewer pods, the smallest first; none where that would be too many."""
        pods = sorted(self.everything())
        for size in range(max(1, least), than if len(pods) <= MOST_PODS else 0):
            yield from map(frozenset, combinations(pods, size))


def wards_of(demands: Sequence[Demand], layout: Layout, turn: Sequence[int]) -> list[Ward]:
    """Demands whose lost pods are bound to domains that overlap are one ward, and so are those of one system.

    In the order of their turns, those that are bound first: the others can go anywhere. Every kept slot is on a node there is.
    """
    stays = {index: _stays(index, demands[index], layout) for index in turn}
    outer = outermost([stay.area for some in stays.values() for stay in some])
    keys: dict[int, list[Hashable]] = {
        index: [*(outer[stay.area] for stay in stays[index]), *filter(None, [demands[index].system])] for index in turn
    }
    hurt = [index for index in turn if len(demands[index].keep) < len(demands[index].gang.slots())]
    placed = tuple(((index, slot), layout.position[node]) for index in hurt for slot, node in sorted(demands[index].keep.items()))
    bound = frozenset((index, slot) for index in turn for slot in _bound(demands[index]))
    found = [
        Ward(demands, tuple(some), tuple(stay for index in some for stay in stays[index]), placed, bound)
        for some in _components(turn, keys)
    ]
    return sorted(found, key=lambda ward: not ward.stays)


def together(wards: Sequence[Ward]) -> Ward:
    """All of them as one."""
    members = tuple(index for ward in wards for index in ward.members)
    return replace(wards[0], members=members, stays=tuple(stay for ward in wards for stay in ward.stays))


def _components(turn: Sequence[int], keys: dict[int, list[Hashable]]) -> list[list[int]]:
    """Those that share a key, directly or by way of others: connected components, by union-find."""
    group = {index: index for index in turn}
    owner: dict[Hashable, int] = {}

    def head(index: int) -> int:
        while group[index] != index:
            index = group[index]
        return index

    for index in turn:
        for key in keys[index]:
            one, other = head(owner.setdefault(key, index)), head(index)
            group[other] = one
    found: dict[int, list[int]] = {}
    for index in turn:
        found.setdefault(head(index), []).append(index)
    return list(found.values())


def outermost(areas: Iterable[Area]) -> dict[Area, Area]:
    """The broadest of these areas that each lies in."""
    found: dict[Area, Area] = {}
    around: Area = (-1, -1)
    for area in sorted(set(areas), key=lambda each: (each[0], -each[1])):
        around = area if area[1] > around[1] else around
        found[area] = around
    return found


def _stays(index: int, demand: Demand, layout: Layout) -> list[Stay]:
    lost = {slot for slot in demand.gang.slots() if slot not in demand.keep}
    found: list[Stay] = []
    decided: set[str] = set()
    for scope, slots in reversed(demand.gang.domains()):  # the inner ones first
        gone = lost.intersection(slots)
        kept = [slot for slot in slots if slot in demand.keep]
        if not gone or not kept or scope.name in demand.taken or scope.level not in layout.fabric.names:
            continue
        level = layout.fabric.index(scope.level)
        domain = layout.domain_of(layout.position[demand.keep[kept[0]]], level)
        if domain < 0:
            continue
        area = layout.area(level, domain)
        here = frozenset((index, slot) for slot in kept), frozenset((index, slot) for slot in gone)
        found.append(Stay(*here, (area.low, area.high), not gone <= decided))
        decided |= gone
    return found


def _bound(demand: Demand) -> list[str]:
    """Slots that some level binds to others, or to a domain that is settled."""
    return [slot for _, slots in demand.gang.domains() for slot in slots]
