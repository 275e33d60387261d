"""Misplaced: which of a system's places break the rules of an edit. Mere wishes (prefer, balance) move nothing. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from activities.state.blueprint import Blueprint
from specs.gangs import Scope
from specs.members import Group, Member, Place
from specs.paths import part
from topology.search.neighbours import member_of

Domain = Callable[[str, str], str | None]
"""Node and level -> its domain; None when it is in none. Raises LookupError for an unknown level."""


@dataclass(frozen=True)
class Misplaced:
    """What is to go elsewhere."""

    slots: frozenset[str] = frozenset()
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Instance that is to share a domain -> a node of the domain that most of it is in already."""
    sharing: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The same instances -> all that share it."""


NOWHERE = Misplaced()
"""Nothing is."""


def unknown(node: str, level: str) -> None:
    """The domain of every node where no fabric is known."""
    del node, level


def misplaced(plan: Blueprint, nodes: Mapping[str, str], domain: Domain) -> Misplaced:
    """Slots outside of the domain that most of those are in who must share one, and all but the first of those who must not.

    `nodes`: slot -> node. Of two domains with as many the first by name. Cost: linear in pods and levels.
    """
    out: set[str] = set()
    beside: dict[str, str] = {}
    sharing: dict[str, frozenset[str]] = {}
    for scope, slots in _scopes(plan).items():
        found = _domains(scope.level, slots, nodes, domain)
        if len(set(found.values())) > 1:
            count = Counter(each for each in found.values() if each is not None)
            most = min(count, key=lambda each: (-count[each], each), default=None)
            out.update(slot for slot, each in found.items() if each != most)
            if most is not None:
                sharing[scope.name] = frozenset(found)
                beside[scope.name] = next(nodes[slot] for slot, each in found.items() if each == most)
    for family, level, slots in _families(plan):
        out.update(_crowded(family, _domains(level, slots, nodes, domain)))
    return Misplaced(frozenset(out), beside, sharing)


def _scopes(plan: Blueprint) -> Mapping[Scope, list[str]]:
    found: defaultdict[Scope, list[str]] = defaultdict(list)
    for gang in plan.gangs:
        for scope, slots in gang.domains():
            found[scope].extend(slots)
    return found


def _domains(level: str, slots: Iterable[str], nodes: Mapping[str, str], domain: Domain) -> dict[str, str | None]:
    try:
        return {slot: domain(nodes[slot], level) for slot in slots if slot in nodes}
    except LookupError:
        return {}  # whoever is placed next is told so


def _families(plan: Blueprint) -> Iterator[tuple[str, str, list[str]]]:
    """Path of a set whose members must be kept apart, the level, and the slots of all of them."""
    spec = plan.system.spec
    if level := _apart(spec.place):
        yield "", level, list(plan.seats)
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for slot in plan.seats:
        steps = slot.split("/")
        for end in range(2, len(steps), 2):
            member: Member = part(spec, "/".join(steps[:end]))
            level = _apart(member.place)
            if level and (isinstance(member, Group) or end + 1 == len(steps)):
                found["/".join(steps[:end]), level].append(slot)
    for (family, level), slots in found.items():
        yield family, level, slots


def _apart(place: Place) -> str:
    spread = place.spread
    return spread.over if spread is not None and spread.strength == "required" else ""


def _crowded(family: str, domains: Mapping[str, str | None]) -> Iterator[str]:
    """Slots of the members that are in the domain of an earlier one."""
    holder: dict[str, str] = {}
    for slot, found in domains.items():
        if found is not None and holder.setdefault(found, member_of(slot, family)) != member_of(slot, family):
            yield slot
