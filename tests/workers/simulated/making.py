"""A simulated cluster on a clock that stands still, and the things to put into it."""

from collections.abc import Iterator
from typing import Any

from specs.owners import Manifest
from specs.sections import condition
from workers.simulated.api import Where
from workers.simulated.clock import VirtualClock
from workers.simulated.cluster import Cluster
from workers.simulated.fleets import node
from workers.simulated.kinds import EVENTS, NODES, PODS, PRIORITIES


class Play:
    """A cluster of a few nodes with 4 cpu each."""

    def __init__(self, nodes: int = 2, cpu: str = "4") -> None:
        self.clock = VirtualClock()
        self.cluster = Cluster(clock=self.clock)
        self.cluster.add_nodes(
            node(f"n{index}", {"disk": "fast"}, {"cpu": cpu, "memory": "16Gi", "pods": "10"}) for index in range(nodes)
        )

    def make(self, name: str, cpu: str = "1", asked: dict[str, str] | None = None, **spec: Any) -> Manifest:
        """A pod; `asked`: annotations below sim.espalier.dev."""
        container = {"name": "main", "image": "busybox", "resources": {"requests": {"cpu": cpu}}}
        metadata = {"name": name, "annotations": {f"sim.espalier.dev/{key}": value for key, value in (asked or {}).items()}}
        made = self.cluster.api.create(PODS, "default", {"metadata": metadata, "spec": {"containers": [container], **spec}})
        self.cluster.settle()
        return made

    def priority(self, value: int) -> str:
        """A PriorityClass of this value, by its name."""
        name = f"priority{value}"
        if self.cluster.objects.get(PRIORITIES, "", name) is None:
            self.cluster.api.create(PRIORITIES, "", {"metadata": {"name": name}, "value": value})
        return name

    def pass_(self, seconds: float) -> None:
        """Let time pass, in small steps, so that whatever follows from something due is done in its time."""
        for _ in range(max(1, round(seconds * 10))):
            self.clock.advance(min(0.1, seconds))
            self.cluster.settle()

    def pod(self, name: str) -> Manifest | None:
        return self.cluster.objects.get(PODS, "default", name)

    def patch(self, kind: str, name: str, change: dict[str, Any], subresource: str = "") -> Manifest:
        where = Where(PODS, "default", name, subresource) if kind == "pod" else Where(NODES, "", name, subresource)
        changed = self.cluster.api.patch(where, change)
        self.cluster.settle()
        return changed

    def delete(self, name: str, **options: Any) -> None:
        self.cluster.api.delete(Where(PODS, "default", name), options)
        self.cluster.settle()

    def told(self, name: str) -> Iterator[str]:
        """Reasons of the events about a pod."""
        return (event["reason"] for event in self._events(name))

    def said(self, name: str) -> Iterator[str]:
        """Messages of the events about a pod, the oldest first."""
        return (
            event["message"] for event in sorted(self._events(name), key=lambda each: int(each["metadata"]["resourceVersion"]))
        )

    def reason(self, name: str, kind: str) -> str:
        """Why a condition of a pod is as it is."""
        return str(condition(self.pod(name) or {}, kind).get("reason", ""))

    def _events(self, name: str) -> Iterator[Manifest]:
        return (event for event in self.cluster.objects.all(EVENTS) if event["involvedObject"]["name"] == name)


def state(pod: Manifest | None) -> str:
    """Where it is and how it is, in a word or two."""
    if pod is None:
        return "gone"
    where = pod["spec"].get("nodeName") or condition(pod, "PodScheduled").get("reason", "waiting")
    leaving = " leaving" if "deletionTimestamp" in pod["metadata"] else ""
    return f"{where} {pod['status']['phase']}{' Ready' if condition(pod, 'Ready').get('status') == 'True' else ''}{leaving}"
