"""Apartness: where a gang must not go, or would rather not, because a system that it keeps apart from is there."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from topology.demand import Demand, Granted
from topology.line.turns import in_turn
from topology.search.units import Misfit
from topology.supply.fleet import Fleet
from topology.supply.layout import Layout


@dataclass(slots=True)
class Apartness:
    """Who is kept from where, as of the fleet and of what is granted meanwhile. Without any rule it costs nothing."""

    fleet: Fleet
    _granted: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def concerns(self, system: str) -> bool:
        """Whether a system keeps apart from another, or another from it."""
        return next(self.fleet.separations.of(system), None) is not None

    def required(self, demand: Demand) -> Demand:
        """The demand, away from where it must not be. Raises `Misfit` for a level that the fabric does not have."""
        return self._away(demand, required=True)

    def wished(self, demand: Demand) -> Demand:
        """The demand, away from where it would rather not be; the very same where there is no such place."""
        return self._away(demand, required=False)

    def grant(self, system: str, place: Granted) -> None:
        """A system is on these nodes from now on."""
        if self.concerns(system):
            self._granted.setdefault(system, set()).update(place.nodes.values())

    def _away(self, demand: Demand, *, required: bool) -> Demand:
        barred: dict[str, None] = {}
        for other, rule in self.fleet.separations.of(demand.system):
            if rule.required == required:
                barred |= dict.fromkeys(self._nodes_around(other, rule.level, required=required))
        nodes = frozenset(barred)
        return replace(demand, shapes={role: shape.apart(nodes) for role, shape in demand.shapes.items()}) if nodes else demand

    def _nodes_around(self, system: str, level: str, *, required: bool) -> Iterator[str]:
        """Nodes of the domains that a system is in; where that is required, those too that are in none, so nobody can tell."""
        layout = self.fleet.room().layout
        try:
            index = layout.fabric.index(level)
        except LookupError as error:
            if required:
                raise Misfit("UnknownLevel", level, f"apart: {error}") from None
            return
        there = [*self.fleet.nodes_of(system), *sorted(self._granted.get(system, ()))]
        yield from _around(layout, index, there)
        if required and index < layout.fabric.host:
            yield from (layout.names[host] for host, domain in enumerate(layout.stretches[index].of_host) if domain < 0)


def rounds_of(fleet: Fleet, demands: Sequence[Demand]) -> list[list[int]]:
    """Demands by position, those of systems that must keep apart in different rounds: one for all, where nobody must."""
    rounds: list[tuple[set[str], list[int]]] = [(set(), [])]
    for index in in_turn(demands):
        each = demands[index]
        foes = {other for other, rule in fleet.separations.of(each.system) if rule.required}
        fitting = next((one for one in rounds if not foes & one[0]), None)
        if fitting is None:
            rounds.append(fitting := (set(), []))
        fitting[0].add(each.system)
        fitting[1].append(index)
    return [some for _, some in rounds]


def kept_apart(fleet: Fleet, demands: Iterable[Demand]) -> list[Demand]:
    """Demands away from where they must not be. Levels that the fabric does not have are left for the batch to tell of."""
    rules = Apartness(fleet)
    return [_tried(rules, demand) for demand in demands]


def _tried(rules: Apartness, demand: Demand) -> Demand:
    try:
        return rules.required(demand)
    except Misfit:
        return demand


def _around(layout: Layout, level: int, nodes: Collection[str]) -> Iterator[str]:
    hosts = (layout.position[node] for node in nodes if node in layout.position)
    for domain in sorted({layout.domain_of(host, level) for host in hosts} - {-1}):
        area = layout.area(level, domain)
        yield from layout.names[area.low : area.high]
