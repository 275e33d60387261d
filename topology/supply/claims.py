"""Claims: what pods and grants hold on nodes, each seat counted once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specs import names
from specs.sections import annotation, label, section
from topology.supply.capacity import Requests, pod_requests
from topology.supply.fractions import fraction, held, indexes

Seat = tuple[str, str, str]
"""Namespace, system and slot of a pod of ours; namespace, "" and the pod's name for any other."""
_FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Claim:
    """Room on a node, held for one seat by a pod or a grant."""

    seat: Seat
    node: str
    requests: Requests
    bound: bool = False
    """Whether a pod is on the node. Otherwise it is a promise: a grant, or a nomination."""


def seat_of(pod: Mapping[str, Any]) -> Seat:
    """Whose seat a pod takes."""
    metadata = section(pod, "metadata")
    namespace = metadata.get("namespace") or "default"
    slot, system = annotation(pod, names.SLOT), label(pod, names.SYSTEM)
    return (namespace, system, slot) if slot and system else (namespace, "", str(metadata.get("name")))


def read_claim(pod: Mapping[str, Any]) -> Claim | None:
    """What a Kubernetes pod holds; None for one that has finished, or that no node holds room for.

    A pod that is leaving holds its room until it is gone; one that is nominated holds it already.
    Raises ValueError for a bad quantity. Cost: about 20 us.
    """
    spec, status = section(pod, "spec"), section(pod, "status")
    if status.get("phase") in _FINISHED:
        return None
    node = spec.get("nodeName") or status.get("nominatedNodeName")
    return Claim(seat_of(pod), node, _requests(pod), bool(spec.get("nodeName"))) if node else None


def _requests(pod: Mapping[str, Any]) -> Requests:
    """What a pod holds, by device where it says so. A fraction that makes no sense is nobody's promise, and counts for none."""
    asked, annotations = pod_requests(section(pod, "spec")), section(pod, "metadata", "annotations")
    if not (annotations.get(names.GPU_MILLI) or annotations.get(names.GPU_INDEX)):
        return asked
    try:
        return held(fraction(annotations, asked), indexes(pod))
    except ValueError:
        return asked


class Claims:
    """Every claim by its key, and what follows for each node.

    Claims of one seat on one node share room: a grant, the pod that it was for, and the pod that takes its place later are one.
    Pods that are there add up, promises do not: the seat holds the largest of them all.
    """

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._seats: dict[str, dict[Seat, dict[str, Claim]]] = {}
        self._systems: dict[str, dict[str, int]] = {}
        """Seats by system and node."""

    def put(self, key: str, claim: Claim | None) -> list[tuple[str, Requests, int]]:
        """Set or clear the claim of a key. Returns what has changed: node, amounts, and +1 (given back) or -1 (taken)."""
        old = self._claims.get(key)
        if old == claim:
            return []
        return [*self._clear(key, old), *self._set(key, claim)]

    def used(self, node: str) -> list[Requests]:
        """What each seat on a node holds."""
        return [_held(claims) for claims in self._seats.get(node, {}).values()]

    def all_used(self) -> Iterator[Requests]:
        """What each seat holds, on all nodes."""
        return (_held(claims) for seats in self._seats.values() for claims in seats.values())

    def seats(self, node: str) -> list[tuple[Seat, Requests]]:
        """Who holds what on a node."""
        return [(seat, _held(claims)) for seat, claims in self._seats.get(node, {}).items() if claims]

    def of_seat(self, node: str, seat: Seat) -> list[str]:
        """Keys of what a seat holds on a node."""
        return list(self._seats.get(node, {}).get(seat, ()))

    def nodes(self) -> list[str]:
        """Nodes that hold anything, known or not."""
        return [node for node, seats in self._seats.items() if seats]

    def nodes_of(self, system: str) -> list[str]:
        """Nodes on which a system of ours (namespace and name) holds anything."""
        return sorted(self._systems.get(system, ()))

    def keys(self) -> tuple[str, ...]:
        return tuple(self._claims)

    def copy(self) -> "Claims":
        made = Claims()
        made._claims = dict(self._claims)
        made._seats = {node: {seat: dict(held) for seat, held in seats.items()} for node, seats in self._seats.items()}
        made._systems = {system: dict(nodes) for system, nodes in self._systems.items()}
        return made

    def _count(self, claim: Claim, more: int) -> None:
        """A seat of ours on a node is held from now on (+1), or no longer (-1)."""
        namespace, system, _ = claim.seat
        if not system:
            return
        name = f"{namespace}/{system}"
        there = self._systems.setdefault(name, {})
        there[claim.node] = there.get(claim.node, 0) + more
        if not there[claim.node]:
            del there[claim.node]
        if not there:
            del self._systems[name]

    def _clear(self, key: str, old: Claim | None) -> list[tuple[str, Requests, int]]:
        if old is None:
            return []
        del self._claims[key]
        seats = self._seats[old.node]
        held = seats[old.seat]
        before = _held(held)
        del held[key]
        if held:
            return [(old.node, before, 1), (old.node, _held(held), -1)]
        del seats[old.seat]
        self._count(old, -1)
        return [(old.node, before, 1)]

    def _set(self, key: str, claim: Claim | None) -> list[tuple[str, Requests, int]]:
        if claim is None:
            return []
        self._claims[key] = claim
        held = self._seats.setdefault(claim.node, {}).setdefault(claim.seat, {})
        before = _held(held)
        if not held:
            self._count(claim, 1)
        held[key] = claim
        return [(claim.node, before, 1), (claim.node, _held(held), -1)] if before else [(claim.node, _held(held), -1)]


def _held(claims: Mapping[str, Claim]) -> Requests:
    """What one seat holds on one node."""
    if len(claims) == 1:
        return next(iter(claims.values())).requests
    there: dict[str, int] = {}
    for claim in claims.values():
        if claim.bound:
            for name, amount in claim.requests:
                there[name] = there.get(name, 0) + amount
    for claim in claims.values():
        if not claim.bound:
            for name, amount in claim.requests:
                there[name] = max(there.get(name, 0), amount)
    return tuple(sorted(there.items()))
