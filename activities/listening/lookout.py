"""The lookout: hears every change in the cluster, and tells those whom it concerns."""

import asyncio
from typing import Protocol

from activities.cache.census import Census, SystemKey
from activities.cache.placements import Placement
from activities.cache.pods import Node, Pod
from activities.cache.store import Key
from activities.cluster.kube import (
    BINDINGS,
    CLAIM_TEMPLATES,
    CLASSES,
    CLIQUE_SETS,
    DECLARING,
    FABRICS,
    NODES,
    PLACEMENTS,
    PODS,
    SCALING,
    SLICES,
    Kind,
    Manifest,
)
from activities.listening.nudging import Call, Nudges
from activities.reports.edits import is_unguarded
from specs.names import SYSTEM, WARM_UP
from specs.sections import label

SILENCE_CHECK_S = 1.0


class Ears(Protocol):
    """Who wants to hear of what. Quick, never waits."""

    def pod(self, old: Manifest | None, new: Manifest | None) -> None:
        """Any pod of the cluster, ours or not."""
        ...

    def node(self, old: Manifest | None, new: Manifest | None) -> None: ...

    def placement(self, was: Placement | None, now: Placement | None) -> None: ...

    def fabric(self, old: Manifest | None, new: Manifest | None) -> None: ...

    def devices(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        """A ResourceSlice, DeviceClass or ResourceClaimTemplate."""
        ...

    def pod_gone(self, pod: Pod) -> None:
        """A pod of ours that is gone, or waits no more."""
        ...

    def declared(self, kind: Kind, key: Key, manifest: Manifest | None) -> None:
        """An object that declares or scales a system: somebody may have edited it."""
        ...


class Lookout:
    """Keeps the census, nudges for what may change a next step, and passes the rest on."""

    def __init__(self, census: Census, nudges: Nudges, ears: Ears) -> None:
        self._census = census
        self._nudges = nudges
        self._ears = ears
        self._given_up: frozenset[tuple[str, SystemKey]] = frozenset()
        self._sets: set[SystemKey] = set()
        """PodCliqueSets that there are."""

    def changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        """One object changed. To be registered with the cache; quick, never waits."""
        if kind == PODS:
            self._pod(old, new)
        elif kind == NODES:
            self._node(old, new)
        elif kind == PLACEMENTS:
            self._placement(old, new)
        elif kind in (FABRICS, BINDINGS):
            self._ears.fabric(old, new)
            for key in sorted(self._sets) if kind == BINDINGS else ():  # they say which of their levels there are
                self._nudges.changed(*key)
        elif kind in (SLICES, CLASSES, CLAIM_TEMPLATES):
            self._ears.devices(kind, old, new)
        else:
            self._other(kind, old, new)

    async def run(self) -> None:
        """Tell of nodes whose silence becomes too long, which no change does."""
        while True:
            await asyncio.sleep(SILENCE_CHECK_S)
            given_up = self._census.given_up()
            changed, self._given_up = given_up ^ self._given_up, given_up
            for key in sorted({key for _, key in changed}):
                self._nudges.changed(*key)

    def _pod(self, old: Manifest | None, new: Manifest | None) -> None:
        was, now = self._census.pod_changed(old, new)
        self._ears.pod(old, new)
        known = now or was
        if known is None:
            self._warming(new or old or {})
            return
        if now is None or now.leaving or not now.gated:
            self._ears.pod_gone(known)
        call = called(was, now)
        if call is not None:
            key = (known.namespace, known.system)
            last = was is not None and not was.settled and self._census.settled(key)
            self._nudges.changed(*key, call, at_once=last)

    def _warming(self, pod: Manifest) -> None:
        """A pod that warms up its node: others wait for it."""
        if label(pod, WARM_UP):
            self._nudges.changed(pod["metadata"]["namespace"], label(pod, SYSTEM), "mend")

    def _node(self, old: Manifest | None, new: Manifest | None) -> None:
        was, now = self._census.node_changed(old, new)
        self._ears.node(old, new)
        if was is not None and _standing(was) != _standing(now):
            self._tell_of_node(was.name)

    def _placement(self, old: Manifest | None, new: Manifest | None) -> None:
        was, now = self._census.placement_changed(old, new)
        self._ears.placement(was, now)
        known = now or was
        if known is not None and was is not None and (now is None or _answer(was) != _answer(now)):
            self._nudges.changed(known.namespace, known.system)

    def _other(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        """A service, budget or custom resource: what somebody else changed or removed is to be put right."""
        known = new or old
        if kind == CLIQUE_SETS and known is not None:
            key = known["metadata"]["namespace"], known["metadata"]["name"]
            self._sets.add(key) if new is not None else self._sets.discard(key)
        if kind in (*DECLARING.values(), *SCALING) and known is not None:
            self._ears.declared(kind, (known["metadata"]["namespace"], known["metadata"]["name"]), new)
        if old is None or (new is not None and old.get("spec") == new.get("spec") and not _is_news(kind, old, new)):
            return
        metadata = old["metadata"]
        system = metadata["name"] if kind.kind in DECLARING else label(old, SYSTEM)
        if system:
            self._nudges.changed(metadata["namespace"], system)

    def _tell_of_node(self, node: str) -> None:
        for key in self._census.systems_on(node):
            self._nudges.changed(*key)


def called(was: Pod | None, now: Pod | None) -> Call | None:
    """What a change of a pod of ours calls for. That it was made, released or bound changes no next step; nor that it leaves."""
    if was is None:
        return None
    if now is None or (now.done, bool(now.refusal)) != (was.done, bool(was.refusal)) or (was.nominated and _unheld(now)):
        return "mend"
    if now.leaving and not was.leaving:
        return "later"
    return "tell" if (now.ready, _ill(now), now.conditions) != (was.ready, _ill(was), was.conditions) else None


def _ill(pod: Pod) -> str:
    return pod.failure.reason if pod.failure else ""


def _unheld(pod: Pod) -> bool:
    return pod.gated and not pod.nominated


def _standing(node: Node | None) -> tuple[bool, ...] | None:
    return (node.open, node.ready, node.fenced, node.evacuated) if node else None


def _answer(placement: Placement) -> tuple[object, ...]:
    return placement.entries, placement.nodes, placement.waiting, placement.displaced, placement.leaving


def _is_news(kind: Kind, old: Manifest, new: Manifest) -> bool:
    """It starts to leave, or lost what keeps it until all is torn down."""
    leaves = "deletionTimestamp" in new["metadata"] and "deletionTimestamp" not in old["metadata"]
    return leaves or (kind.kind in DECLARING and is_unguarded(new) and not is_unguarded(old))
