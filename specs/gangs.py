"""Gangs: the pods that get their places all together or not at all.

A *slot* is one pod's seat, named by its path: `0/prefill/2/worker/3` is copy 0, prefill replica 2, worker 3.
A gang is a tree of `Bundle`s with `Seats` at the leaves; packing levels hang on the branches. The root is always the copy, so
that a gang granted later knows everything that holds for the pods around it.

Which gang a slot belongs to follows from the slot and the declaration alone, never from counts: scaling moves no pod to another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from specs.counts import Counts, slots
from specs.homes import Home, home, set_of
from specs.members import NOWHERE, Group, Member, Place, Role
from specs.names import gang_name
from specs.paths import unknown
from specs.system import SystemSpec


@dataclass(frozen=True, slots=True)
class Scope:
    """A domain shared with gangs granted earlier or later: the copy's block, the group replica's rack, a together-set's rack."""

    name: str
    """Path of the instance that shares: "" (the whole system), `0`, `0/prefill/2`, or `0/together/0/1` (rule 0, set 1)."""
    level: str


@dataclass(frozen=True, slots=True)
class Talk:
    """Roles that say more, or less, to each other than others do."""

    ends: tuple[str, str]
    """Paths of roles or groups."""
    weight: float
    """Of each pair of their pods; 1 is what any other pair says."""


@dataclass(frozen=True, slots=True)
class Seats:
    """Identical pods of one role."""

    role: str
    """Path of the role in the declared tree, without indexes: `prefill/worker`."""
    slots: tuple[str, ...]
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Bundle:
    """One instance of a copy, a group or a together-set: its parts share `place.within`."""

    name: str
    place: Place = NOWHERE
    parts: "tuple[Bundle | Seats, ...]" = ()


@dataclass(frozen=True, slots=True)
class Gang:
    """Pods that are granted room together."""

    name: str
    minimum: bool
    """A base gang: without it the copy cannot run."""
    copy_index: int
    scopes: tuple[Scope, ...]
    """Domains that all of it must share with other gangs of its system, broad to narrow."""
    root: Bundle
    needs: str = ""
    """Name of the gang that must have its room first, as this one only adds to it: the base gang, or a group replica's."""
    talks: tuple[Talk, ...] = ()

    def slots(self) -> tuple[str, ...]:
        """Every slot, in tree order."""
        return tuple(_seated(self.root))

    def domains(self) -> tuple[tuple[Scope, tuple[str, ...]], ...]:
        """Every domain that its pods must share, with the slots that share it: its scopes, and what holds for parts of it."""
        inner = _domains(self.root)
        whole = self.slots()
        system = [(scope, whole) for scope in self.scopes if scope.name == ""]
        return (*system, *inner)


def expand(system: str, spec: SystemSpec, counts: Counts) -> tuple[Gang, ...]:
    """All gangs that are wanted: base gangs, then group replicas and sets, outer before inner, then pods; each in tree order.

    A gang without pods is left out. That of a together-set holds what there is of the set: scaling may add slots or take some.
    Cost: linear in pods, about 20 us each.
    """
    homes: dict[str, tuple[Home, list[str]]] = {}
    for slot in slots(spec, counts):
        found = home(spec, slot)
        homes.setdefault(found.path, (found, []))[1].append(slot)
    ordered = sorted(homes.values(), key=lambda entry: (entry[0].rank, entry[0].depth))
    return tuple(_gang(system, spec, gang_name(system, where.path), where, members) for where, members in ordered)


def gang_from_slots(system: str, spec: SystemSpec, name: str, minimum: bool, slots: Iterable[str]) -> Gang:
    """The gang that `expand` gave, from what a Placement keeps of it; the order of slots does not matter.

    Raises LookupError when a slot leads to no role of this system (any more), ValueError when there are no slots.
    Cost: linear in slots.
    """
    members = list(slots)
    if not members:
        raise ValueError(f"gang {name!r} has no slots; a gang holds at least one pod")
    where = home(spec, members[0])
    return _gang(system, spec, name, Home(where.path, where.needs, 0 if minimum else 1), members)


def _gang(system: str, spec: SystemSpec, name: str, where: Home, members: list[str]) -> Gang:
    copy = members[0].partition("/")[0]
    rests = [slot.split("/")[1:] for slot in members]
    root = Bundle(copy, spec.place, _top(spec, copy, rests))
    needs = gang_name(system, where.needs) if where.needs else ""
    talks = tuple(Talk((each.between[0], each.between[1]), each.weight) for each in spec.talks)
    return Gang(name, where.rank == 0, int(copy), _scopes(spec, root), root, needs, talks)


def _top(spec: SystemSpec, copy: str, rests: list[list[str]]) -> "tuple[Bundle | Seats, ...]":
    """Parts of a copy: members that stand alone, in their order, then the together-sets."""
    if not spec.together:
        return _parts(spec, spec.members, copy, "", rests)
    alone: list[list[str]] = []
    sets: dict[tuple[int, int], list[list[str]]] = {}
    for rest in rests:
        found = set_of(spec, rest[0], int(rest[1]))
        (alone if found is None else sets.setdefault(found, [])).append(rest)
    bundles = (
        Bundle(
            f"{copy}/together/{rule}/{index}",
            Place(within=spec.together[rule].within),
            _parts(spec, spec.members, copy, "", sets[rule, index]),
        )
        for rule, index in sorted(sets)
    )
    return (*_parts(spec, spec.members, copy, "", alone), *bundles)


def _parts(
    spec: SystemSpec, members: tuple[Member, ...], instance: str, above: str, rests: list[list[str]]
) -> tuple[Bundle | Seats, ...]:
    """The tree of some slots, given as the steps that are left of them below `instance`."""
    by_name: dict[str, list[list[str]]] = {}
    for rest in rests:
        by_name.setdefault(rest[0], []).append(rest[1:])
    built: list[Bundle | Seats] = []
    for member in members:
        if (inside := by_name.pop(member.name, None)) is not None:
            path = f"{above}/{member.name}" if above else member.name
            exact = f"{instance}/{member.name}"
            built.extend(
                _replicas(spec, member, exact, path, inside)
                if isinstance(member, Group)
                else [_seats(member, exact, path, inside)]
            )
    if by_name:
        raise unknown(spec, f"{instance}/{min(by_name)}")
    return tuple(built)


def _replicas(spec: SystemSpec, group: Group, exact: str, path: str, rests: list[list[str]]) -> Iterator[Bundle]:
    by_index: dict[int, list[list[str]]] = {}
    for rest in rests:
        by_index.setdefault(int(rest[0]), []).append(rest[1:])
    for index in sorted(by_index):
        name = f"{exact}/{index}"
        yield Bundle(name, group.place, _parts(spec, group.members, name, path, by_index[index]))


def _seats(role: Role, exact: str, path: str, rests: list[list[str]]) -> Seats:
    return Seats(path, tuple(f"{exact}/{index}" for index in sorted(int(rest[0]) for rest in rests)), role.place)


def _scopes(spec: SystemSpec, root: Bundle) -> tuple[Scope, ...]:
    """From the system down to the last instance that holds the whole gang, those that declare a level."""
    found = [Scope("", spec.place_all.within)] if spec.place_all.within else []
    part: Bundle | Seats = root
    while True:
        if part.place.within:
            found.append(Scope(_instance(part), part.place.within))
        if isinstance(part, Seats) or len(part.parts) != 1:
            return tuple(found)
        part = part.parts[0]


def _domains(part: Bundle | Seats) -> Iterator[tuple[Scope, tuple[str, ...]]]:
    if part.place.within:
        yield Scope(_instance(part), part.place.within), tuple(_seated(part))
    for child in part.parts if isinstance(part, Bundle) else ():
        yield from _domains(child)


def _instance(part: Bundle | Seats) -> str:
    return part.name if isinstance(part, Bundle) else part.slots[0].rpartition("/")[0]


def _seated(part: Bundle | Seats) -> list[str]:
    if isinstance(part, Seats):
        return list(part.slots)
    return [slot for child in part.parts for slot in _seated(child)]
