"""The simulated cluster as one: what is stored, and everything that acts on it."""

from collections.abc import Iterable
from pathlib import Path

from specs.owners import Manifest
from workers.simulated.api import Api
from workers.simulated.clock import Clock, WallClock
from workers.simulated.collector import Collector
from workers.simulated.evicting import Evictions
from workers.simulated.kinds import DEFINITIONS, NAMESPACES, NODES, Kinds
from workers.simulated.kubelet import Kubelets
from workers.simulated.nodes import GRACE_S, Nodes
from workers.simulated.objects import Change, Objects
from workers.simulated.scheduler import Scheduler

NAMESPACES_AT_FIRST = ("default", "kube-system")


class Cluster:
    """Everything but HTTP. `settle` lets all parts act until nothing changes any more; `run` does so whenever something has."""

    def __init__(self, file: Path | None = None, clock: Clock | None = None, node_grace_s: float = GRACE_S) -> None:
        self.clock = clock = clock or WallClock()
        self.objects = Objects(file)
        self.kinds = Kinds()
        self.api = Api(self.objects, self.kinds, clock)
        self._scheduler = Scheduler(self.api, clock)
        self._collector = Collector(self.api)
        nodes, evictions = Nodes(self.api, clock, node_grace_s), Evictions(self.api, clock)
        self._parts = (Kubelets(self.api, clock), nodes, evictions, self._collector, self._scheduler)
        self._remember()

    @property
    def node_count(self) -> int:
        """Nodes that are there."""
        return len(self.objects.all(NODES))

    def add_nodes(self, nodes: Iterable[Manifest]) -> int:
        """Nodes that are not there yet; returns how many."""
        added = 0
        for node in nodes:
            if self.objects.get(NODES, "", node["metadata"]["name"]) is None:
                self.api.create(NODES, "", node)
                added += 1
        self.settle()
        return added

    def settle(self) -> None:
        """Let every part see every change, and act."""
        while True:
            changes = self.objects.news()
            for change in changes:
                self._tell(change)
            self._scheduler.turn()
            self._collector.turn()
            if not changes:
                return

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            changed = self.objects.changed
            self.settle()
            if changed is self.objects.changed:
                await changed.wait()

    def _tell(self, change: Change) -> None:
        if change.plural == DEFINITIONS.plural:
            self._define(change)
        for part in self._parts:
            part.saw(change)

    def _define(self, change: Change) -> None:
        if change.type != "DELETED":
            self.kinds.learn(change.new)
            return
        for resource in self.kinds.forget(change.new):
            for item in self.objects.all(resource):
                self.objects.drop(resource, item)

    def _remember(self) -> None:
        """Go on from what was stored."""
        for definition in self.objects.all(DEFINITIONS):
            self.kinds.learn(definition)
        for resource in self.kinds:
            for item in self.objects.all(resource):
                self._tell(Change(self.objects.version, resource.group, resource.plural, "ADDED", None, item))
        for name in NAMESPACES_AT_FIRST:
            if self.objects.get(NAMESPACES, "", name) is None:
                self.api.create(NAMESPACES, "", {"metadata": {"name": name}})
        self.settle()
