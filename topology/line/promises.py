"""Promises: room that others leave, kept for a gang that may not have it yet."""

from collections.abc import Sequence

from specs.paths import plain
from topology.demand import Budget, Demand, Granted
from topology.placement import seat
from topology.search.neighbours import Neighbours
from topology.search.problem import shapes_of
from topology.supply.room import Room
from topology.supply.tenants import Held

STEPS = 500
"""Of one search for room that others leave."""


def once_left(room: Room, demand: Demand, beside: Neighbours, leaving: Sequence[Held]) -> Granted | None:
    """Where a gang will go once all have left that do; None when it has no room then either. Takes nothing."""
    mark = room.mark(), beside.mark()
    for held in leaving:
        host = room.layout.position.get(held.node)
        if host is not None:
            room.take(host, room.need(held.requests), -1)
    found = seat(room, demand, beside, Budget(STEPS)) if leaving else None
    room.undo(mark[0])
    beside.undo(mark[1])
    return found if isinstance(found, Granted) else None


def keep_room(room: Room, demand: Demand, place: Granted) -> None:
    """Take the room of a promise, where others may still be: nobody else finds any there."""
    shapes = shapes_of(demand)
    for slot, node in place.nodes.items():
        host = room.layout.position.get(node)
        if host is not None and demand.keep.get(slot) != node:
            room.take(host, room.need(shapes[plain(slot)].requests))
