"""Exchange: of gangs that have the same turn, some give way to others that together use more of the room."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from specs.gangs import Bundle, Seats
from specs.paths import plain
from topology.demand import Answer, Budget, Demand, Granted, NoRoom
from topology.line.admission import Counts, size_of
from topology.line.admitting import Shares, admitted
from topology.line.line import FOR_ROOM, Line
from topology.placement import granted
from topology.search.neighbours import Neighbours
from topology.search.problem import Problem
from topology.search.seating import Seating
from topology.supply.layout import Ints
from topology.supply.room import Room

Demands = Mapping[int, Demand]


def admitted_together(
    room: Room, line: Line, alone: Demands, answers: Mapping[int, Answer], budget: Budget
) -> Mapping[int, Answer]:
    """Answers that change, when gangs that are tied to no other are seated anew, all together; nothing if that uses no more room.

    Whoever comes before them, and waits, stays as well off. No namespace gets less than it has by turns, but for the size of one
    of its gangs. Cost: see `admitting`.
    """
    alone = {index: demand for index, demand in alone.items() if _wants_room(answers[index])}
    if all(isinstance(answers[index], Granted) for index in alone):
        return {}
    mark = room.mark()
    given = {index: answer for index in alone if isinstance(answer := answers[index], Granted)}
    for index, answer in given.items():
        for slot, node in answer.nodes.items():
            room.take(room.layout.position[node], room.need(alone[index].shapes[plain(slot)].requests), -1)
    found = _seated(room, alone, given, budget)
    if not found or any(line.set_back_by(alone[index]) for index in found):
        room.undo(mark)
        return {}
    return {**{index: _gave_way(alone[index], len(alone)) for index in given if index not in found}, **found}


def _wants_room(answer: Answer) -> bool:
    return isinstance(answer, Granted) or answer.code in {*FOR_ROOM, "WaitsInTurn"}


def is_plain(root: Bundle) -> bool:
    """Whether its parts may be placed one by one: it wants them in one domain, and nothing else."""
    return root.place.prefer is None and not _is_spread(root)


def _is_spread(part: Bundle | Seats) -> bool:
    parts = part.parts if isinstance(part, Bundle) else ()
    return part.place.spread is not None or any(map(_is_spread, parts))


def _seated(room: Room, alone: Demands, given: Mapping[int, Granted], budget: Budget) -> dict[int, Granted]:
    """Room for those that use most of it; nothing if that is no more than it was, or could not be found in earnest."""
    demands = list(alone.values())
    counts = Counts(room, demands)
    if not counts.speaks:
        return {}
    sizes, before = np.array([size_of(each) for each in demands]), np.array([index in given for index in alone])
    shares = _shares(demands, sizes, before)
    chosen = {gang: where for domain in admitted(counts, sizes, shares, budget) for gang, where in domain.items()}
    after = np.isin(np.arange(len(demands)), list(chosen))
    fair = (np.bincount(shares.group, sizes * after, len(shares.least)) >= shares.least).all()
    if not fair or sizes[after].sum() <= sizes[before].sum():
        return {}
    found: dict[int, Granted] = {}
    indexes = list(alone)
    for gang, where in sorted(chosen.items()):
        at = {part.name: home for part, home in zip(counts.parts[gang], where, strict=True)}
        answer = _seated_at(room, demands[gang], counts.narrow, at)
        if answer is None:
            return {}
        found[indexes[gang]] = answer
    return found


def _shares(demands: Sequence[Demand], sizes: Ints, before: npt.NDArray[np.bool_]) -> Shares:
    """What every namespace is to have at least: what it has by turns, but for the size of one of its gangs."""
    names = [each.system.partition("/")[0] for each in demands]
    place = {name: number for number, name in enumerate(sorted(set(names)))}
    group = np.array([place[name] for name in names], np.int64)
    largest = np.zeros(len(place), np.int64)
    np.maximum.at(largest, group, sizes)
    had = np.bincount(group, sizes * before, len(place)).astype(np.int64)
    return Shares(group, np.maximum(had - largest, 0) if len(place) > 1 else np.zeros(1, np.int64))


def _seated_at(room: Room, demand: Demand, level: int, at: Mapping[str, int]) -> Granted | None:
    problem = Problem(room, demand)
    seating = Seating(problem, Neighbours(room.layout, {}))
    fits = all(seating.seat(task, room.layout.area(level, at[task.unit.name])) for task in problem.root.tasks)
    return granted(problem, seating.picks) if fits else None


def _gave_way(demand: Demand, together: int) -> NoRoom:
    message = (
        f"it was solved together with {together - 1} more of its priority that asked at the same time, and the room is filled"
        " better without it; free or add room, or give this one a higher priority"
    )
    return NoRoom(demand.gang.name, "WaitsInTurn", message)
