"""Placement: room for gangs, all or nothing, every required level kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from specs.gangs import Talk
from topology.demand import Answer, Budget, Demand, Granted, NoRoom
from topology.search.closeness import closeness, near
from topology.search.completion import Completion
from topology.search.counting import Counting
from topology.search.explain import explain
from topology.search.neighbours import Neighbours
from topology.search.partly import Partly
from topology.search.problem import NOTHING_ELSE, Outlook, Problem
from topology.search.search import Search
from topology.search.seating import Pick, Seating
from topology.search.units import Misfit, Unit
from topology.supply.devices import Chosen
from topology.supply.fleet import Fleet
from topology.supply.room import Room

FIRST_STEPS = 300
"""Of a search, about 10 ms, before other ways are tried."""


def place(fleet: Fleet, demand: Demand, budget: Budget | None = None) -> Answer:
    """Where one gang would go now. The fleet stays as it is; to hold the places, grant them.

    All or nothing. Required levels and spreads are never broken; a placement is found whenever there is one, unless the budget
    ends first: then the answer is `SearchLimit`. The same for the same facts, in whatever order they came.
    Cost: well below 1 ms for tens of pods on 25,000 hosts when room is easy to find; see benchmarks/ for figures.
    """
    room = fleet.room()
    mark = room.mark()
    answer = seat(room, demand, Neighbours(room.layout, {**demand.beside, **demand.keep}), budget or Budget())
    room.undo(mark)
    return answer


def seat(room: Room, demand: Demand, neighbours: Neighbours, budget: Budget, outlook: Outlook = NOTHING_ELSE) -> Answer:
    """Take room for a gang and say where, or take none and say why."""
    try:
        return seated(room, demand, neighbours, outlook) or _searched(room, demand, neighbours, budget)
    except Misfit as error:
        return NoRoom(demand.gang.name, error.code, error.message, error.level)


def seated(room: Room, demand: Demand, neighbours: Neighbours, outlook: Outlook = NOTHING_ELSE) -> Granted | None:
    """Take room for a gang the quick way; None, and nothing taken, when that finds none or its levels make no sense here.

    With those that talk side by side, unless more of what is said stays near without.
    """
    mark = room.mark(), neighbours.mark()
    plain = _quickly(room, demand, neighbours, outlook)
    if not demand.gang.talks:
        return plain
    _undo(room, neighbours, mark)
    near = _quickly(room, demand, neighbours, outlook, demand.gang.talks)
    if plain is None or (near is not None and near.score >= plain.score):
        return near
    _undo(room, neighbours, mark)
    return _quickly(room, demand, neighbours, outlook)


def _quickly(room: Room, demand: Demand, neighbours: Neighbours, outlook: Outlook, talks: Sequence[Talk] = ()) -> Granted | None:
    try:
        problem = Problem(room, demand, outlook, talks=talks)
    except Misfit:
        return None
    seating = Seating(problem, neighbours)
    return granted(problem, seating.picks) if seating.seat_all() else None


def _undo(room: Room, neighbours: Neighbours, mark: tuple[int, int]) -> None:
    room.undo(mark[0])
    neighbours.undo(mark[1])


def _searched(room: Room, demand: Demand, neighbours: Neighbours, budget: Budget) -> Answer:
    """A short search, mostly enough; then by counting; then odd sizes are packed; then as long a search as there is time for."""
    problem = Problem(room, demand, tight=True)
    for way in _ways(problem, neighbours, budget):
        outcome = way.run()
        if outcome == "found":
            return granted(problem, way.picks)
        if outcome == "none" and not problem.packs_devices:
            return explain(problem, neighbours)
        if outcome == "none" or budget.expired():
            break
    best = Partly(problem, neighbours)
    return granted(problem, best.picks) if best.run() else explain(problem, neighbours, best)


def _ways(problem: Problem, neighbours: Neighbours, budget: Budget) -> Iterator[Search | Counting | Completion]:
    first = Budget(min(FIRST_STEPS, budget.steps), budget.expired)
    budget.steps -= first.steps
    yield Search(problem, neighbours, first)
    yield Counting(problem, neighbours)
    yield Completion(problem, Budget(budget.steps, budget.expired))
    yield Search(problem, neighbours, budget)


def granted(problem: Problem, picks: Iterable[Pick]) -> Granted:
    """The answer that says who sits where. Slots of one role go in the order of the hosts, so that neighbours sit together."""
    demand, layout = problem.demand, problem.layout
    hosts: dict[str, list[tuple[int, Chosen]]] = {}
    slots: dict[str, tuple[str, ...]] = {}
    for pick in picks:
        ranks = pick.pods.ranks or pick.pods.slots
        first = ranks[0]  # a role of a together-set has pods in every set, all of one name
        hosts.setdefault(first, []).extend((pick.host, chosen) for chosen in pick.devices or ((),) * pick.count)
        slots[first] = ranks
    seats = {slot: seat for name, taken in hosts.items() for slot, seat in zip(slots[name], sorted(taken), strict=True)}
    at, devices = (
        {slot: host for slot, (host, _) in seats.items()},
        {slot: chosen for slot, (_, chosen) in seats.items() if chosen},
    )
    at |= {slot: layout.position[node] for slot, node in demand.keep.items() if node in layout.position}
    ordered = [slot for slot in demand.gang.slots() if slot in at]
    nodes, there = {slot: layout.names[at[slot]] for slot in ordered}, {slot: at[slot] for slot in ordered}
    score, told = closeness(layout, there, demand.gang.talks), tuple(near(layout, there, demand.gang.talks))
    return Granted(demand.gang.name, nodes, score, _domains(problem, at), devices=devices, near=told)


def _domains(problem: Problem, at: Mapping[str, int]) -> dict[str, str]:
    layout = problem.layout
    found: dict[str, str] = {}
    for unit in problem.root.unit.walk():
        if unit.level is not None and unit.level >= 0 and (host := _first_host(unit, at)) is not None:
            found[unit.name] = layout.domain_name(unit.level, layout.domain_of(host, unit.level))
    return found


def _first_host(unit: Unit, at: Mapping[str, int]) -> int | None:
    return next((at[slot] for pods in unit.all_pods() for slot in pods.slots if slot in at), None)
