"""Drawing: a fleet as a tree of domains down to its devices, and who holds each. `svg` and the terminal draw it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from topology.line.turns import natural
from topology.supply.fleet import Fleet
from topology.supply.hosts import Host
from topology.supply.layout import Area, Layout
from topology.supply.shapes import is_scarce

FREE, OTHERS = -1, -2
"""Owners of a device besides the systems: nobody, and pods that are of no system."""
MOST_CELLS = 16
"""Of one host: what is counted by the hundred (cores) is drawn in so many parts."""
State = Literal["ready", "cordoned", "lost"]


@dataclass(frozen=True, slots=True)
class Node:
    """One host. `cells` has the owner of each device: a system, by its place in the legend, or FREE or OTHERS."""

    name: str
    state: State
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """One domain: what is in it, and the nodes that are in none of the next level's domains."""

    name: str
    level: str
    boxes: "tuple[Box, ...]" = ()
    nodes: tuple[Node, ...] = ()

    def every(self) -> Iterator[Node]:
        """Its nodes, of any depth."""
        yield from self.nodes
        for box in self.boxes:
            yield from box.every()

    def leaves(self) -> "Iterator[Box]":
        """Boxes that hold nodes themselves, in order."""
        if self.nodes:
            yield self
        for box in self.boxes:
            yield from box.leaves()


@dataclass(frozen=True, slots=True)
class Tally:
    """Devices of some nodes: by owner, and how many are on nodes that are lost or cordoned and held by nobody."""

    owners: Counter[int]
    lost: int
    cordoned: int
    total: int

    @property
    def free(self) -> int:
        """Those that a pod could get."""
        return self.owners[FREE] - self.lost - self.cordoned


@dataclass(frozen=True, slots=True)
class Chart:
    """What is to be drawn."""

    root: Box
    device: str
    """Resource that the cells count: nvidia.com/gpu; cpu where no node has devices."""
    systems: tuple[str, ...]
    """Namespace and name of each; a cell names its owner by the place in here."""
    vanished: tuple[tuple[str, int], ...]
    """Nodes that are gone though pods hold them, and how many pods."""
    levels: tuple[str, ...]


def chart(fleet: Fleet, only: str | None = None) -> Chart:
    """The picture of a fleet. With `only` (namespace and name) all other systems count as other pods.

    Cost: about 10 us a host with its pods.
    """
    layout = fleet.room().layout
    device = _device(layout)
    systems = _systems(fleet) if only is None else (only,)
    place = {name: index for index, name in enumerate(systems)}
    nodes = [_node(fleet, host, device, place) for host in layout.hosts]
    root = Box("", "", *_inside(layout, layout.whole, 0, nodes))
    vanished = tuple((name, len(fleet.holders(name))) for name in fleet.vanished())
    return Chart(root, device, systems, vanished, layout.fabric.names)


def tally(nodes: Iterator[Node] | Sequence[Node]) -> Tally:
    """Devices of these nodes, counted. Cost: linear in devices."""
    owners: Counter[int] = Counter()
    lost = cordoned = total = 0
    for node in nodes:
        owners.update(node.cells)
        total += len(node.cells)
        lost += node.cells.count(FREE) if node.state == "lost" else 0
        cordoned += node.cells.count(FREE) if node.state == "cordoned" else 0
    return Tally(owners, lost, cordoned, total)


def _device(layout: Layout) -> str:
    """What there is most of among devices, counted over the fleet."""
    total: Counter[str] = Counter()
    for host in layout.hosts:
        total.update({name: amount for name, amount in host.allocatable if amount and is_scarce(name)})
    return min(total, key=lambda name: (-total[name], name)) if total else "cpu"


def _systems(fleet: Fleet) -> tuple[str, ...]:
    names = [*fleet.hosts, *fleet.vanished()]
    found = {f"{seat[0]}/{seat[1]}" for name in names for seat, _ in fleet.holders(name) if seat[1]}
    return tuple(sorted(found))


def _node(fleet: Fleet, host: Host, device: str, place: dict[str, int]) -> Node:
    have = dict(host.allocatable).get(device, 0)
    unit = 1000 if device == "cpu" else 1
    unit = max(unit, -(-have // MOST_CELLS))
    cells: list[int] = []
    for seat, requests in fleet.holders(host.name):
        owner = place.get(f"{seat[0]}/{seat[1]}", OTHERS) if seat[1] else OTHERS
        cells += [owner] * -(-dict(requests).get(device, 0) // unit)
    free = max(0, have // unit - len(cells))
    state: State = "lost" if not host.ready else "cordoned" if host.cordoned else "ready"
    return Node(host.name, state, (*sorted(cells, key=lambda owner: (owner < 0, owner)), *([FREE] * free)))


def _inside(layout: Layout, area: Area, level: int, nodes: Sequence[Node]) -> tuple[tuple[Box, ...], tuple[Node, ...]]:
    """Domains of a level inside an area, and the nodes there that are in none."""
    if level >= layout.fabric.host:
        return (), tuple(nodes[area.low : area.high])
    first, last = layout.inside(area, level)
    found = (_box(layout, level, index, nodes) for index in range(first, last))
    boxes = tuple(sorted(found, key=lambda box: natural(box.name)))
    of_host = layout.stretches[level].of_host
    strays = tuple(nodes[host] for host in range(area.low, area.high) if of_host[host] < 0)
    return boxes, strays


def _box(layout: Layout, level: int, index: int, nodes: Sequence[Node]) -> Box:
    name = layout.domain_name(level, index).rpartition("/")[2]
    return Box(name, layout.fabric.names[level], *_inside(layout, layout.area(level, index), level + 1, nodes))
