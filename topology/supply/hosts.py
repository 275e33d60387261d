"""A node, as placement sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specs.names import EVACUATE
from specs.sections import section
from topology.supply.capacity import PODS, Requests, amounts
from topology.supply.fractions import devices_of

MOST_PODS = 110
"""Pod slots of a node that does not say: the kubelet's own default."""


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods away that do not tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True, slots=True)
class Host:
    """The facts of a node that matter here. Equal facts mean that nothing has changed."""

    name: str
    labels: Mapping[str, str]
    allocatable: Requests
    taints: tuple[Taint, ...] = ()
    ready: bool = True
    cordoned: bool = False


def read_host(node: Mapping[str, Any]) -> Host:
    """A Kubernetes node. One without a Ready condition counts as ready: its taints say otherwise while it is coming up.

    Raises ValueError, naming the node, when it has no name or a bad quantity. Cost: about 10 us.
    """
    metadata, spec, status = (section(node, part) for part in ("metadata", "spec", "status"))
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a node has no metadata.name; take the snapshot anew with kubectl get nodes -o json")
    holds = amounts(status.get("allocatable") or status.get("capacity") or {}, f"node {name!r}")
    if PODS not in dict(holds):
        holds = tuple(sorted((*holds, (PODS, MOST_PODS))))
    labels = _labels(metadata, name)
    holds = devices_of(labels, holds)
    taints = _taints(spec)
    closed = bool(spec.get("unschedulable")) or any(taint.key == EVACUATE for taint in taints)
    return Host(name, labels, holds, taints, _ready(status), closed)


def _labels(metadata: Mapping[str, Any], name: str) -> Mapping[str, str]:
    labels = section(metadata, "labels")
    if not all(isinstance(value, str) for value in labels.values()):
        raise ValueError(f"node {name!r} has labels that are not strings; take the snapshot anew with kubectl get nodes -o json")
    return labels


def _taints(spec: Mapping[str, Any]) -> tuple[Taint, ...]:
    """Those that forbid; PreferNoSchedule is only advice."""
    found = (Taint(t["key"], t.get("value") or "", t["effect"]) for t in spec.get("taints") or ())
    return tuple(sorted((t for t in found if t.effect != "PreferNoSchedule"), key=lambda t: (t.key, t.value, t.effect)))


def _ready(status: Mapping[str, Any]) -> bool:
    found = [c.get("status") for c in status.get("conditions") or () if c.get("type") == "Ready"]
    return not found or found[0] == "True"
