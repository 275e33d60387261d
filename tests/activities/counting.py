"""A `Source` of room that only counts: every node has so many seats, and a pod takes one."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from activities.cache.cache import Cache
from activities.cache.census import Census
from activities.cache.placements import Placement, Waiting, read_placement
from activities.cache.pods import read_node, read_pod
from activities.cluster.kube import NODES, PLACEMENTS, PODS, Kind, Manifest
from activities.room.demands import Want
from activities.room.room import Room
from topology.demand import Demand
from topology.supply.fleet import Fleet
from topology.supply.tenants import Tenancy

T = TypeVar("T")


class Counting:
    def __init__(self, cache: Cache, census: Census, acceptances: object = None) -> None:
        self.cache = cache
        self.census = census
        self.free: Counter[str] = Counter()

    def pod_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        return new is None

    def node_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        return True

    def placement_changed(self, was: Placement | None, now: Placement | None) -> None:
        pass

    def fabric_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        return False

    def devices_changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> bool:
        return False

    def prepare(self, wanted: Sequence[Want]) -> Callable[[], Sequence[Room | Waiting]]:
        self._count()
        return lambda: [self._one(want) for want in wanted]

    def rehouse(self, wanted: Sequence[Want], *, may_stay: bool, to: Mapping[str, str]) -> Callable[[], Room | Waiting]:
        """They stay where they are."""
        return lambda: Room({slot: node for want in wanted for slot, node in want.asked.nodes.items()})

    def study(self, wanted: Sequence[Want], look: Callable[[Fleet, Sequence[Demand]], T]) -> Callable[[], T]:
        """It knows no place."""
        return lambda: look(Fleet(), [])

    def tenancy(self) -> Callable[[], Tenancy]:
        """It knows nobody."""
        return Tenancy

    @property
    def noted(self) -> int:
        """It counts anew each time."""
        return 0

    def take_in(self) -> Callable[[], None]:
        return lambda: None

    def _count(self) -> None:
        nodes = [node for node in self.cache.all(NODES) if read_node(node).open and read_node(node).ready]
        self.free = Counter({node["metadata"]["name"]: int(node["status"]["allocatable"]["pods"]) for node in nodes})
        taken: set[tuple[str, str, str, str]] = set()
        for manifest in self.cache.all(PODS):
            node = manifest["spec"].get("nodeName")
            pod = read_pod(manifest)
            if node:
                taken.add((pod.namespace, pod.system, pod.slot, node) if pod else ("", "", manifest["metadata"]["name"], node))
        for manifest in self.cache.all(PLACEMENTS):
            placement = read_placement(manifest)
            taken.update((placement.namespace, placement.system, slot, node) for slot, node in placement.nodes.items())
        self.free.subtract(Counter(node for *_, node in taken))

    def _one(self, want: Want) -> Room | Waiting:
        found, free = dict(want.keep), Counter(self.free)
        role = {slot: "/".join(part for part in slot.split("/") if not part.isdecimal()) for slot in want.asked.home}
        for slot in sorted(set(want.asked.home) - set(found)):
            open_nodes = (node for node in sorted(free) if free[node] > 0 and (role[slot], node) not in want.excluded)
            node = next(open_nodes, "")
            if not node:
                return Waiting("NoRoom", f"{len(want.asked.home) - len(found)} seats missing; add nodes")
            free[node] -= 1
            found[slot] = node
        self.free = free
        return Room(found)
