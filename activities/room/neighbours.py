"""What the gangs of one system hold already: the domains they have settled, and the nodes to keep away from."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property

from activities.cache.placements import Placement
from specs.gangs import Gang
from specs.homes import set_of
from specs.paths import walk
from specs.system import SystemSpec

DomainOf = Callable[[str, str], str | None]
"""Node and level -> the path of its domain. Raises LookupError for a level that the fabric does not have."""


class Neighbours:
    """One system at one moment. The first question costs a pass over the system's grants; without packing and spread, nothing."""

    def __init__(self, spec: SystemSpec, placements: Sequence[Placement]) -> None:
        self._spec = spec
        self._placements = placements

    def settled(self, gang: Gang, own: Collection[str], domain_of: DomainOf) -> dict[str, str]:
        """Domain of every scope of a gang in which others than its `own` slots have their place."""
        scopes = [scope for scope, _ in gang.domains()]
        there: Mapping[str, str] = self._instances(own) if scopes else {}
        found: dict[str, str] = {}
        for scope in scopes:
            node = there.get(scope.name)
            domain = _domain(domain_of, node, scope.level) if node else None
            if domain is not None:
                found[scope.name] = domain
        return found

    def beside(self, own: Collection[str]) -> Mapping[str, str]:
        """Node of every slot but its `own`, where spread is asked for."""
        if not self._spreads:
            return {}
        return self._nodes if not own else {slot: node for slot, node in self._nodes.items() if slot not in own}

    def _instances(self, own: Collection[str]) -> Mapping[str, str]:
        return self._all_instances if not own else self._index(own)

    @cached_property
    def _nodes(self) -> dict[str, str]:
        return {slot: node for placement in reversed(self._placements) for slot, node in placement.nodes.items()}

    @cached_property
    def _all_instances(self) -> Mapping[str, str]:
        return self._index(())

    @cached_property
    def _spreads(self) -> bool:
        places = [self._spec.place, *(member.place for _, member in walk(self._spec.members))]
        return any(place.spread for place in places)

    def _index(self, own: Collection[str]) -> dict[str, str]:
        """Every instance that anybody has a place in, with one node of it."""
        found: dict[str, str] = {}
        for slot, node in self._nodes.items():
            if slot not in own:
                for instance in self._around(slot):
                    found.setdefault(instance, node)
        return found

    def _around(self, slot: str) -> Iterator[str]:
        """`0/prefill/2/worker/3` is in "", `0`, `0/prefill`, `0/prefill/2`, `0/prefill/2/worker`, and its together-set."""
        yield ""
        end = slot.find("/")
        while end >= 0:
            yield slot[:end]
            end = slot.find("/", end + 1)
        if self._spec.together:
            copy, member, index = slot.split("/")[:3]
            found = set_of(self._spec, member, int(index))
            if found is not None:
                yield f"{copy}/together/{found[0]}/{found[1]}"


def _domain(domain_of: DomainOf, node: str, level: str) -> str | None:
    try:
        return domain_of(node, level)
    except LookupError:
        return None
