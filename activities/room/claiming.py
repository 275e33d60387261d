"""What pods hold on nodes, devices included, as the fleet is told; and whose devices can't be counted."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from activities.cache.devices import PREFIX, Devices, NotUnderstood, with_devices
from activities.cluster.kube import Manifest
from activities.room.takings import Taking
from specs.names import SYSTEM
from specs.sections import label, section
from specs.words import counted
from topology.supply.shapes import Shape

FINISHED = ("Succeeded", "Failed")
PodKey = tuple[str, str, str]
"""Namespace, name, uid."""


@dataclass(frozen=True)
class Unread:
    """A pod of somebody else's that claims devices which can't be counted."""

    node: str
    pod: Manifest
    why: str


class Claiming:
    """Where somebody else's claim is not understood, what it may be for counts as taken on its pod's node, and that is said."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._unread: dict[PodKey, Unread] = {}

    def taking(self, key: PodKey, pod: Manifest | None) -> Taking:
        """A pod's change, for the fleet."""
        namespace, name, uid = key
        self._unread.pop(key, None)
        if pod is None:
            return lambda fleet: fleet.drop_pod({"metadata": {"namespace": namespace, "name": name, "uid": uid}})
        try:
            claimed = self._devices.asked(namespace, pod["spec"])
        except NotUnderstood as error:
            return self._unreadable(key, pod, str(error))
        whole = _with(pod, claimed) if claimed else pod
        return lambda fleet: fleet.put_pod(whole)

    def again(self, nodes: Collection[str] | None = None) -> Iterable[tuple[PodKey, Manifest]]:
        """Pods to be read again, because the devices of these nodes changed; None: because a class or a template did."""
        return [(key, each.pod) for key, each in self._unread.items() if nodes is None or each.node in nodes]

    def said(self) -> str:
        """What those are to be told who find too few devices; empty where all claims are understood."""
        nodes = {each.node for each in self._unread.values()}
        if not nodes:
            return ""
        (_, name, _), first = min(self._unread.items())
        why = f"claims of other pods there can't be counted, such as pod {name} on node {first.node} ({first.why})"
        return f"devices of {counted(len(nodes), 'node')} count as taken, because {why}"

    def _unreadable(self, key: PodKey, pod: Manifest, why: str) -> Taking:
        """Ours have their room by their grants."""
        node = str(pod["spec"].get("nodeName") or "")
        if not node or label(pod, SYSTEM) or section(pod, "status").get("phase") in FINISHED:
            return lambda fleet: fleet.put_pod(pod)
        self._unread[key] = Unread(node, pod, why)
        return lambda fleet: fleet.put_pod(_with(pod, self._devices.suspected(key[0], pod["spec"], node)))


def asks_for_devices(shapes: Iterable[Shape]) -> bool:
    """Whether any of these pods needs a device that is counted."""
    return any(name.startswith(PREFIX) for shape in shapes for name, _ in shape.requests)


def _with(pod: Manifest, devices: Mapping[str, str]) -> Manifest:
    return {**pod, "spec": with_devices(devices, pod["spec"])}
