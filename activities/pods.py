"""What a pod and a node say, read once from their JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.kube import Manifest
from specs import names

UNSCHEDULABLE = "Unschedulable"
DONE = ("Failed", "Succeeded")


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of one system."""

    namespace: str
    name: str
    uid: str
    system: str
    slot: str
    role: str
    incarnation: int
    node: str
    """Where it is bound; "" when it is not."""
    pin: str
    """The only node it may go to; "" when it is free, or waits."""
    nominated: str
    gated: bool
    done: bool
    ready: bool
    leaving: bool
    refusal: str
    """The scheduler's sentence when it cannot go where it should; "" otherwise."""

    @property
    def place(self) -> str:
        """Where it is, or will be: nothing can change that any more."""
        return self.node or self.pin

    @property
    def settled(self) -> bool:
        """Nothing is about to happen to it by itself."""
        return self.ready or self.gated or self.done or bool(self.refusal)


@dataclass(frozen=True, slots=True)
class Node:
    """One node."""

    name: str
    open: bool
    """May take new pods: not cordoned."""
    ready: bool


def read_pod(manifest: Manifest) -> Pod | None:
    """The facts of a pod of ours; None for any other pod."""
    metadata = manifest["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    slot = annotations.get(names.SLOT)
    if slot is None or names.SYSTEM not in labels:
        return None
    spec, status = manifest["spec"], manifest.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        system=labels[names.SYSTEM],
        slot=slot,
        role=annotations.get(names.ROLE, ""),
        incarnation=int(annotations.get(names.INCARNATION, 0)),
        node=spec.get("nodeName") or "",
        pin=_pin(spec),
        nominated=status.get("nominatedNodeName") or "",
        gated=any(gate["name"] == names.GATE for gate in spec.get("schedulingGates") or ()),
        done=status.get("phase") in DONE,
        ready=_is_true(conditions.get("Ready")),
        leaving="deletionTimestamp" in metadata,
        refusal=scheduled.get("message") or UNSCHEDULABLE if scheduled.get("reason") == UNSCHEDULABLE else "",
    )


def read_node(manifest: Manifest) -> Node:
    """The facts of a node."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    leaving = "deletionTimestamp" in manifest["metadata"]
    return Node(manifest["metadata"]["name"], not leaving and not (manifest.get("spec") or {}).get("unschedulable"), ready)


def _pin(spec: Manifest) -> str:
    affinity: Any = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    pins = {value for term in terms for field in term.get("matchFields") or () for value in field.get("values") or ()}
    return min(pins, default="")


def _is_true(condition: Manifest | None) -> bool:
    return condition is not None and condition["status"] == "True"


def parsed_time(text: str) -> datetime:
    """RFC 3339, as Kubernetes writes it."""
    return datetime.fromisoformat(text)
