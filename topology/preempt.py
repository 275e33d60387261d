"""Preemption: who must leave, at the lowest cost, so that a gang of higher priority finds room."""

from dataclasses import dataclass

from topology.clearing import cheapest
from topology.demand import Budget, Demand, Granted, NoRoom
from topology.fleet import Fleet
from topology.placement import place
from topology.tenants import Pieces, Tenancy, Tenant, eviction_pieces
from topology.trial import CLEARING_STEPS, Trial


@dataclass(frozen=True, slots=True)
class Preemption:
    """A gang's room, and who leaves for it."""

    granted: Granted
    victims: tuple[Tenant, ...]
    """None when what is leaving anyway makes room enough."""
    proven: bool
    """No other choice of victims is cheaper; see `topology.tenants.eviction_pieces` for what counts."""

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
