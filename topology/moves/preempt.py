"""Preemption: who must leave, at the lowest cost, so that a gang of higher priority finds room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from topology.demand import Answer, Budget, Demand, Granted, NoRoom
from topology.line.line import FOR_ROOM
from topology.line.turns import in_turn
from topology.moves.clearing import cheapest
from topology.moves.trial import CLEARING_STEPS, Trial
from topology.placement import place
from topology.supply.fleet import Fleet
from topology.supply.tenants import Pieces, Tenancy, Tenant, eviction_pieces

Hold = Callable[[Demand, Granted], None]
"""Holds the room of an answer on the fleet."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """A gang's room, and who leaves for it."""

    granted: Granted
    victims: tuple[Tenant, ...]
    """None when what is leaving anyway makes room enough."""
    proven: bool
    """No other choice of victims is cheaper; see `topology.supply.tenants.eviction_pieces` for what counts."""

    @property
    def pods(self) -> int:
        """How many pods leave."""
        return sum(len(each.pods) for each in self.victims)


def preempt(fleet: Fleet, demand: Demand, tenancy: Tenancy, budget: Budget | None = None) -> Preemption | NoRoom:
    """The cheapest victims for one gang, all of a lower priority than `demand.priority`; the fleet stays as it is.

    Whole gangs leave, and pods above a minimum before any of them. What is leaving already counts as gone, at no cost. Where not
    even all of a lower priority would make room: why the gang has none, as without preemption.
    Cost: see benchmarks/; below 0.1 s on 512 nodes.
    """
    room = fleet.room()
    mark = room.mark()
    for held in tenancy.leaving:
        host = room.layout.position.get(held.node)
        if host is not None:
            room.take(host, room.need(held.requests), -1)
    tenants = {each.name: each for each in tenancy.below(demand.priority)}
    trial = Trial(room, demand, Pieces(eviction_pieces(list(tenants.values()))), budget or Budget(CLEARING_STEPS))
    found = cheapest(trial)
    room.undo(mark)
    if found is None:
        answer = place(fleet, demand)
        return Preemption(answer, (), proven=True) if isinstance(answer, Granted) else answer
    return Preemption(found.granted, tuple(tenants[each.name] for each in found.pieces), found.proven)


def preemptions(
    fleet: Fleet, demands: Sequence[Demand], answers: Sequence[Answer], tenancy: Tenancy, hold: Hold, most: int | None = None
) -> dict[int, Preemption]:
    """Who leaves for each gang that preempts and was told that it has no room, by its place; each in turn.

    `answers` are held on the fleet already; `hold` adds to them what each of these gangs will have. `most` are tried.
    """
    found: dict[int, Preemption] = {}
    known, tried = list(answers), 0
    for index in in_turn(demands):
        if not demands[index].preempts or tried == most or not waits_for_room(demands, known, index):
            continue
        tried += 1
        one = preempt(fleet, informed(demands, known, index), tenancy)
        if isinstance(one, NoRoom):
            continue
        found[index], known[index] = one, one.granted
        hold(demands[index], one.granted)
        tenancy = tenancy.without(one.victims)
    return found


def waits_for_room(demands: Sequence[Demand], answers: Sequence[Answer], index: int) -> bool:
    """Whether a gang has no room yet, and might have some if others made way."""
    answer, needs = answers[index], demands[index].gang.needs
    others = zip(demands, answers, strict=True) if needs else ()
    unmet = (isinstance(other, NoRoom) for each, other in others if _is(each, demands[index].system, needs))
    return isinstance(answer, NoRoom) and answer.code in (*FOR_ROOM, "WaitsForGang", "WaitsInTurn") and not any(unmet)


def _is(demand: Demand, system: str, gang: str) -> bool:
    return demand.gang.name == gang and demand.system == system


def informed(demands: Sequence[Demand], answers: Sequence[Answer], index: int) -> Demand:
    """A demand, with the domains that gangs of its system have settled meanwhile."""
    names = {scope.name for scope in demands[index].gang.scopes}
    settled = {
        name: domain
        for each, answer in zip(demands, answers, strict=True)
        if isinstance(answer, Granted) and each.system == demands[index].system
        for name, domain in answer.domains.items()
        if name in names
    }
    return replace(demands[index], taken={**settled, **demands[index].taken})
