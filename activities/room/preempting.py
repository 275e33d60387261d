"""Preemption by priority: who leaves for gangs that found no room, and what both sides are told."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from activities.cache.census import SystemKey
from activities.cache.placements import Waiting
from activities.room.room import Clearing
from topology.demand import Answer, Demand, Granted
from topology.line.holding import holding
from topology.moves.preempt import Preemption, preemptions
from topology.supply.fleet import Fleet
from topology.supply.tenants import Held, Tenancy

PREEMPTED, PREEMPTING, MOVING = "Preempted", "Preempting", "WaitsForMove"
MOST = 16
"""Gangs that are tried in one question: each costs some milliseconds, in the worst case a second."""


def clearings(fleet: Fleet, demands: Sequence[Demand], answers: Sequence[Answer], tenancy: Tenancy) -> Mapping[int, Clearing]:
    """For gangs that preempt, by their place: whom they preempt. Those that only wait for their turn preempt nobody."""
    asking = [replace(each, preempts=each.preempts and _is_told(answer)) for each, answer in zip(demands, answers, strict=True)]
    if not any(each.preempts for each in asking):
        return {}
    with holding(fleet) as hold:
        for demand, answer in zip(demands, answers, strict=True):
            hold(demand, answer)
        found = preemptions(fleet, asking, answers, tenancy, hold, MOST)
    return {index: _clearing(demands[index], one, tenancy) for index, one in found.items()}


def awaited(place: Granted, leaving: Sequence[Held], reason: str = PREEMPTING) -> Waiting:
    """What a gang is told whose place others leave."""
    nodes = set(place.nodes.values())
    there = [pod for pod in leaving if pod.node in nodes]
    names = sorted({f"{pod.seat[0]}/{pod.seat[1] or pod.pod}" for pod in there})
    who = (
        f"{len(there)} {'pod' if len(there) == 1 else 'pods'} of {', '.join(names[:3])}{' and others' if len(names) > 3 else ''}"
    )
    if not there:
        return Waiting(reason, "it gets its room as soon as those that are on its nodes have left", place)
    return Waiting(reason, f"it gets its room as soon as {who} {'has' if len(there) == 1 else 'have'} left", place)


def _is_told(answer: Answer) -> bool:
    """Whether it has no room, none that is promised, and does not give way to its own kind."""
    return not isinstance(answer, Granted) and answer.promised is None and answer.code != "WaitsInTurn"


def _clearing(demand: Demand, found: Preemption, tenancy: Tenancy) -> Clearing:
    victims: defaultdict[SystemKey, list[str]] = defaultdict(list)
    for each in found.victims:
        space, system, _ = each.pods[0].seat
        victims[space, system].append(each.name.removeprefix(f"{space}/"))
    gone = (*tenancy.leaving, *(pod for each in found.victims for pod in each.pods))
    who = f"gang {demand.gang.name} of {demand.system}"
    because = Waiting(PREEMPTED, f"it made way for {who}, whose pods have the higher priority {demand.priority}")
    return Clearing(awaited(found.granted, gone), victims, because)
