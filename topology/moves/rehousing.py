"""Rehousing: new places for pods that run, while they run: on the nodes that they have where they fit, else elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from specs.paths import plain
from topology.demand import Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.search.problem import shapes_of
from topology.supply.devices import Chosen
from topology.supply.fleet import Fleet
from topology.supply.room import Room


@dataclass(frozen=True, slots=True)
class Places:
    """Where all slots of some gangs are to be."""

    nodes: dict[str, str] = field(default_factory=dict[str, str])
    devices: dict[str, Chosen] = field(default_factory=dict[str, Chosen])
    """GPUs, by index, of slots that get some, on nodes that share them."""


def rehoused(fleet: Fleet, demands: Sequence[Demand], leaving: Mapping[str, str], *, may_stay: bool) -> Places | NoRoom:
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
        return around if isinstance(around, Places) else _solved(fleet, demands, Places())
    finally:
        room.undo(mark)


def moved(fleet: Fleet, demands: Sequence[Demand], targets: Mapping[str, str]) -> Places | NoRoom:
    """The nodes of all slots of some gangs of one system once those in `targets` have gone there; all others keep theirs.

    What they hold does not count as free: both places are theirs until the old pods have gone. The fleet stays as it is. Whether
    packing rules then hold is not looked at. Cost: a few microseconds a pod.
    """
    room = fleet.room()
    mark, found = room.mark(), Places()
    try:
        for demand in demands:
            found.nodes.update(demand.keep)
            for slot in (slot for slot in demand.gang.slots() if slot in targets):
                if not _take(room, demand, slot, targets[slot], found):
                    what = f"{targets[slot]}, where {slot} was to go, has no room for it any more; plan the moves again"
                    return NoRoom(demand.gang.name, "ScopeFull", what)
    finally:
        room.undo(mark)
    return found


def _take(room: Room, demand: Demand, slot: str, node: str, found: Places) -> bool:
    """Room for a slot on a node, if there is any."""
    host, shape = room.layout.position.get(node), shapes_of(demand)[plain(slot)]
    if host is None or room.fits(shape).host[host] < 1:
        return False
    found.nodes[slot] = node
    found.devices.update((slot, chosen) for chosen in room.take(host, room.need(shape.requests)))
    return True


def _give_back(fleet: Fleet, room: Room, system: str, slot: str, node: str) -> None:
    namespace, _, name = system.partition("/")
    host = room.layout.position.get(node)
    for seat, requests in fleet.holders(node) if host is not None else ():
        if host is not None and seat == (namespace, name, slot):
            room.take(host, room.need(requests), -1)


def _around(fleet: Fleet, room: Room, demands: Sequence[Demand], leaving: Mapping[str, str]) -> Places | NoRoom:
    """Those that fit where they are stay there, and the others go where these are."""
    mark, stay = room.mark(), Places()
    for demand in demands:
        for slot in demand.gang.slots():
            _take(room, demand, slot, leaving.get(slot, ""), stay)
    found = _solved(fleet, [_keeping(demand, stay.nodes) for demand in demands], stay)
    room.undo(mark)
    return found


def _keeping(demand: Demand, stay: Mapping[str, str]) -> Demand:
    return replace(demand, keep={**demand.keep, **{slot: stay[slot] for slot in demand.gang.slots() if slot in stay}})


def _solved(fleet: Fleet, demands: Sequence[Demand], stay: Places) -> Places | NoRoom:
    found = Places(devices=dict(stay.devices))
    for answer in solve(fleet, demands):
        if not isinstance(answer, Granted):
            return answer
        found.nodes.update(answer.nodes)
        found.devices.update(answer.devices)
    return found
