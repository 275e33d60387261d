"""Rehousing: new places for pods that run, while they run: on the nodes that they have where they fit, else elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from specs.paths import plain
from topology.demand import Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.search.problem import shapes_of
from topology.supply.fleet import Fleet
from topology.supply.room import Room

Nodes = dict[str, str]
"""Slot -> node."""


def rehoused(fleet: Fleet, demands: Sequence[Demand], leaving: Mapping[str, str], *, may_stay: bool) -> Nodes | NoRoom:
    """Places for all slots of some gangs of one system, of which those in `leaving` (slot -> node) give up what they have.

    What they hold counts as free: their old pods go first. `may_stay`: as many as fit stay on their nodes, unless the others
    would then find no room. The fleet stays as it is. Cost: that of placing the gangs, twice at most.
    """
    room = fleet.room()
    mark = room.mark()
    try:
        for slot, node in leaving.items():
            _give_back(fleet, room, demands[0].system, slot, node)
        around = _around(fleet, room, demands, leaving) if may_stay else None
        return around if isinstance(around, dict) else _solved(fleet, demands)
    finally:
        room.undo(mark)


def moved(fleet: Fleet, demands: Sequence[Demand], targets: Mapping[str, str]) -> Nodes | NoRoom:
    """The nodes of all slots of some gangs of one system once those in `targets` have gone there; all others keep theirs.

    What they hold does not count as free: both places are theirs until the old pods have gone. The fleet stays as it is. Whether
    packing rules then hold is not looked at. Cost: a few microseconds a pod.
    """
    room = fleet.room()
    mark, nodes = room.mark(), dict[str, str]()
    try:
        for demand in demands:
            nodes |= demand.keep
            for slot in (slot for slot in demand.gang.slots() if slot in targets):
                if not _taken(room, demand, slot, targets[slot]):
                    what = f"{targets[slot]}, where {slot} was to go, has no room for it any more; plan the moves again"
                    return NoRoom(demand.gang.name, "ScopeFull", what)
                nodes[slot] = targets[slot]
    finally:
        room.undo(mark)
    return nodes


def _taken(room: Room, demand: Demand, slot: str, node: str) -> bool:
    host, shape = room.layout.position.get(node), shapes_of(demand)[plain(slot)]
    if host is None or node in demand.excluded.get(plain(slot), ()) or room.fits(shape).host[host] < 1:
        return False
    room.take(host, room.need(shape.requests))
    return True


def _give_back(fleet: Fleet, room: Room, system: str, slot: str, node: str) -> None:
    namespace, _, name = system.partition("/")
    host = room.layout.position.get(node)
    for seat, requests in fleet.holders(node) if host is not None else ():
        if host is not None and seat == (namespace, name, slot):
            room.take(host, room.need(requests), -1)


def _around(fleet: Fleet, room: Room, demands: Sequence[Demand], leaving: Mapping[str, str]) -> Nodes | NoRoom:
    """Those that fit where they are stay there, and the others go where these are."""
    mark, stay = room.mark(), dict[str, str]()
    for demand in demands:
        shapes = shapes_of(demand)
        for slot in demand.gang.slots():
            host, shape = room.layout.position.get(leaving.get(slot, "")), shapes[plain(slot)]
            if host is not None and room.fits(shape).host[host] > 0:
                room.take(host, room.need(shape.requests))
                stay[slot] = leaving[slot]
    found = _solved(fleet, [_keeping(demand, stay) for demand in demands])
    room.undo(mark)
    return found


def _keeping(demand: Demand, stay: Mapping[str, str]) -> Demand:
    return replace(demand, keep={**demand.keep, **{slot: stay[slot] for slot in demand.gang.slots() if slot in stay}})


def _solved(fleet: Fleet, demands: Sequence[Demand]) -> Nodes | NoRoom:
    found: Nodes = {}
    for answer in solve(fleet, demands):
        if not isinstance(answer, Granted):
            return answer
        found |= answer.nodes
    return found
