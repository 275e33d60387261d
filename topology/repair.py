"""Repair: lost pods of a gang placed anew, the others left where they are."""

from dataclasses import replace

from specs.paths import plain
from topology.demand import Answer, Budget, Demand, Granted
from topology.fleet import Fleet
from topology.neighbours import Neighbours
from topology.placement import place, seat
from topology.problem import shapes_of


def repair(fleet: Fleet, demand: Demand, budget: Budget | None = None) -> Answer:
    """Room for the slots that `demand.keep` does not hold, in the domains that the kept ones are in.

    If that can't be, room for the whole gang elsewhere: `moved` names the slots that leave. Their present room counts as free
    then, because it is the gang's own. If neither can be: why not, for the repair in place.
    Cost: that of placing the gang, twice at most.
    """
    answer = place(fleet, demand, budget)
    if isinstance(answer, Granted) or not demand.keep:
        return answer
    moved = _elsewhere(fleet, demand, budget or Budget())
    return moved or answer


def _elsewhere(fleet: Fleet, demand: Demand, budget: Budget) -> Granted | None:
    """The whole gang anew, free to leave even the domains that only it holds."""
    room = fleet.room()
    mark = room.mark()
    shapes = shapes_of(demand)
    for slot, node in demand.keep.items():
        host, role = room.layout.position.get(node), plain(slot)
        if host is not None and role in shapes:
            room.take(host, room.need(shapes[role].requests), -1)
    answer = seat(room, replace(demand, keep={}), Neighbours(room.layout, demand.beside), budget)
    room.undo(mark)
    if not isinstance(answer, Granted):
        return None
    moved = tuple(slot for slot, node in sorted(demand.keep.items()) if answer.nodes.get(slot) != node)
    return replace(answer, moved=moved)
