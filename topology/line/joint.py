"""Joint: a gang put where those that will follow it fit, too, by seating all of them as one and keeping its own part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from specs.gangs import Bundle, Gang, Seats
from topology.demand import Budget, Demand, Granted
from topology.placement import granted, seat
from topology.search.neighbours import Neighbours
from topology.search.problem import Problem
from topology.search.seating import Seating
from topology.supply.room import Room

Value = TypeVar("Value")
STEPS = 500
"""Of a search for all of them: about 15 ms. Whoever follows is wished for, not required."""


def seated_jointly(
    room: Room, demand: Demand, company: Sequence[Demand], neighbours: Neighbours, budget: Budget
) -> Granted | None:
    """Take room for a gang where the followers of its copy find room as well; None, and nothing taken, when that finds none.

    Cost: as one placement of all of them, at most `STEPS` of search.
    """
    follow = [each for each in company if each.gang.copy_index == demand.gang.copy_index]
    mark = room.mark(), neighbours.mark()
    found = seat(room, _joined(demand, follow), neighbours, Budget(min(STEPS, budget.steps), budget.expired))
    room.undo(mark[0])
    neighbours.undo(mark[1])
    if not follow or not isinstance(found, Granted):
        return None
    problem = Problem(room, demand)
    seating = Seating(problem, neighbours)
    seating.seat_at(problem.root, found.nodes)
    return granted(problem, seating.picks)


def _joined(demand: Demand, company: Sequence[Demand]) -> Demand:
    """One demand for all of them. What one has settled or must keep away from holds for all."""
    gang = demand.gang
    root = replace(gang.root, parts=_merged([gang.root, *(each.gang.root for each in company)]))
    return replace(
        demand,
        gang=Gang(gang.name, gang.minimum, gang.copy_index, gang.scopes, root),
        shapes=_union(each.shapes for each in (*company, demand)),
        taken=_union(each.taken for each in (*company, demand)),
        keep=_union(each.keep for each in (*company, demand)),
        excluded=_union(each.excluded for each in (*company, demand)),
    )


def _merged(bundles: Sequence[Bundle]) -> tuple[Bundle | Seats, ...]:
    """Parts of bundles of one name, those of one instance made one."""
    found: dict[str, list[Bundle | Seats]] = {}
    for part in (part for bundle in bundles for part in bundle.parts):
        found.setdefault(part.name if isinstance(part, Bundle) else part.slots[0].rpartition("/")[0], []).append(part)
    return tuple(_one(parts) for parts in found.values())


def _one(parts: Sequence[Bundle | Seats]) -> Bundle | Seats:
    first = parts[0]
    if isinstance(first, Bundle):
        return replace(first, parts=_merged([part for part in parts if isinstance(part, Bundle)]))
    return replace(first, slots=tuple(slot for part in parts if isinstance(part, Seats) for slot in part.slots))


def _union(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    return {key: value for part in parts for key, value in part.items()}
