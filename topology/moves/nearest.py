"""Nearest fits of a gang that waits: what would have to leave, or to move, each as one sentence. Nobody is asked to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from specs.words import counted
from topology.demand import Budget, Demand, Granted, NoRoom
from topology.moves.defragment import STEPS, Defragmentation, defragment
from topology.moves.preempt import preempt
from topology.supply.fleet import Fleet
from topology.supply.tenants import Tenancy

MOST_NAMES = 3
MOST_STEPS = 300


def nearest_fits(
    fleet: Fleet, demand: Demand, residents: Sequence[Demand], tenancy: Tenancy, budget: Budget | None = None
) -> tuple[str, ...]:
    """By moves, if there are any to places that are free; and by the cheapest pods that would leave, as if it had any priority.

    The fleet stays as it is. Cost: that of a defragmentation and a preemption, as far as the budget goes.
    """
    return (*_by_moves(fleet, demand, residents, _share(budget, STEPS)), *_by_leaving(fleet, demand, tenancy, budget))


def _share(budget: Budget | None, steps: int) -> Budget:
    return Budget(steps, budget.expired) if budget else Budget(steps)


def _by_moves(fleet: Fleet, demand: Demand, residents: Sequence[Demand], budget: Budget) -> Iterator[str]:
    found = defragment(fleet, demand, residents, budget=budget) if residents else None
    if isinstance(found, Defragmentation) and found.moves:
        names = sorted({residents[move.resident].system for move in found.moves})
        what = f"move {counted(len(found.moves), 'pod')} of {_listed(names)}{_where(found.granted, ' out of ')}"
        yield f"{what} to where there is room: espalier defragment start"


def _by_leaving(fleet: Fleet, demand: Demand, tenancy: Tenancy, budget: Budget | None) -> Iterator[str]:
    highest = max((each.priority for each in tenancy.tenants), default=0) + 1
    any_priority = replace(demand, priority=max(demand.priority, highest))
    found = preempt(fleet, any_priority, tenancy, _share(budget, MOST_STEPS))
    if isinstance(found, NoRoom) or not found.victims:
        return
    nodes = sorted({pod.node for each in found.victims for pod in each.pods})
    names = sorted(each.name for each in found.victims)
    they = "they run" if len(nodes) > 1 else "it runs"
    rank = _rank(demand.priority, max(each.priority for each in found.victims))
    which = _where(found.granted, " in ") or f" ({_listed(nodes)})"
    yield f"free {counted(len(nodes), 'node')}{which}: {they} {_listed(names)} at {rank} priority"


def _rank(own: int, theirs: int) -> str:
    return "lower" if theirs < own else "the same" if theirs == own else "a higher"


def _where(granted: Granted, word: str) -> str:
    """` in zone-a/b3/r2`, where all of it shares a domain."""
    domains = sorted(set(granted.domains.values()))
    return f"{word}{domains[0]}" if len(domains) == 1 else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} others" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
