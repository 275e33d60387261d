"""Every pod, Placement and node of the cluster as the cache shows them, read once and kept by system."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from activities.cache.placements import Placement, read_placement
from activities.cache.pods import Node, Pod, parsed_time, read_node, read_pod
from activities.cluster.kube import Manifest
from specs.names import SYSTEM, WARM_UP
from specs.recovery import Recovery
from specs.sections import condition, label

SystemKey = tuple[str, str]
"""Namespace and name of a system."""
T = TypeVar("T")
Change = tuple[T | None, T | None]
"""What it was and what it is; None for what is not there, or not ours."""

PATIENCE = Recovery().patience
"""With a node that does not answer, of a system that nothing is known of yet."""


class Census:
    """Fed with the cache's changes; the digest, the solver and the nudges read it.

    Cost: one reading of each object at each change. It remembers the highest incarnation of every slot it ever saw.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._patience: dict[SystemKey, timedelta] = {}
        self._pods: defaultdict[SystemKey, dict[str, Pod]] = defaultdict(dict)
        self._warm_ups: defaultdict[SystemKey, dict[str, Manifest]] = defaultdict(dict)
        self._placements: defaultdict[SystemKey, dict[str, Placement]] = defaultdict(dict)
        self._highest: defaultdict[SystemKey, dict[str, int]] = defaultdict(dict)
        self._unsettled: Counter[SystemKey] = Counter()
        self._asking: defaultdict[SystemKey, set[str]] = defaultdict(set)
        """Placements that are not whole, or still say so; of systems without any there is no entry."""
        self._granting: Counter[int] = Counter()
        """Priority of pods -> Placements that grant them something."""
        self._on_node: defaultdict[str, Counter[SystemKey]] = defaultdict(Counter)
        self._unready: dict[str, datetime] = {}
        self.nodes: dict[str, Node] = {}
        self.evacuated: set[str] = set()
        """Nodes that all are to leave."""
        self.freed: dict[str, datetime] = {}
        """When a node last got room, or changed so that it may take what it did not before."""

    def pods(self, key: SystemKey) -> Mapping[str, Pod]:
        """Pods of one system by name."""
        return self._pods.get(key, {})

    def warm_ups(self, key: SystemKey) -> Iterable[Manifest]:
        """Pods that warm up nodes for one system, by name."""
        return [pod for _, pod in sorted(self._warm_ups.get(key, {}).items())]

    def placements(self, key: SystemKey) -> tuple[Placement, ...]:
        """Placements of one system, oldest first."""
        return tuple(sorted(self._placements.get(key, {}).values(), key=lambda each: each.rank))

    def placement(self, known: Placement) -> Placement | None:
        """That very Placement as it is now; None when it is gone."""
        found = self._placements.get((known.namespace, known.system), {}).get(known.name)
        return found if found is not None and found.uid == known.uid else None

    def systems_asking(self) -> list[SystemKey]:
        """Systems with a Placement that is not whole, or still says that it is not."""
        return sorted(self._asking)

    @property
    def lowest_priority(self) -> int | None:
        """Of the pods that any Placement grants something; None where none does."""
        return min(self._granting, default=None)

    def lost(self, placement: Placement) -> dict[str, str]:
        """Slots of a Placement that are granted nodes which are gone, or have not answered for too long."""
        silent = self.silent((placement.namespace, placement.system))
        return {slot: node for slot, node in placement.nodes.items() if node not in self.nodes or node in silent}

    def granting(self) -> list[Placement]:
        """Every Placement that grants something."""
        found = (each for held in self._placements.values() for each in held.values() if each.nodes)
        return sorted(found, key=lambda each: (each.namespace, each.system, each.rank))

    def next_incarnation(self, key: SystemKey, slot: str) -> int:
        """Of a slot's next pod: one more than any pod it was ever seen with."""
        return self._highest.get(key, {}).get(slot, -1) + 1

    def settled(self, key: SystemKey) -> bool:
        """No pod of the system is on its way to anything."""
        return self._unsettled[key] <= 0

    def heed(self, key: SystemKey, patience: timedelta) -> None:
        """How long this system bears a node that does not answer."""
        self._patience[key] = patience

    def silent(self, key: SystemKey) -> frozenset[str]:
        """Nodes that are there but have not answered for longer than this system bears, or are out of service."""
        return frozenset(name for name in self._unready if self._is_silent(name, key))

    def _is_silent(self, node: str, key: SystemKey) -> bool:
        return self._unready[node] <= self._now() - self._patience.get(key, PATIENCE) or self.nodes[node].fenced

    def unmanned(self, node: str) -> bool:
        """Nobody there can stop a pod: the node is gone, or out of service."""
        found = self.nodes.get(node)
        return found is None or found.fenced

    def given_up(self) -> frozenset[tuple[str, SystemKey]]:
        """Nodes that do not answer, with each system there that counts them as lost. Cost: a look at each such pair."""
        unready = ((name, key) for name in self._unready for key in self._on_node.get(name, ()))
        return frozenset((name, key) for name, key in unready if self._is_silent(name, key))

    def systems_on(self, node: str) -> tuple[SystemKey, ...]:
        """Systems with a pod or a grant on this node."""
        return tuple(sorted(self._on_node.get(node, ())))

    def room_came(self, node: str | None) -> None:
        """Something left this node, or it was changed."""
        if node:
            self.freed[node] = self._now()

    def forget(self, key: SystemKey) -> None:
        """The system is gone for good."""
        self._highest.pop(key, None)
        self._unsettled.pop(key, None)
        self._patience.pop(key, None)
        self._warm_ups.pop(key, None)

    def pod_changed(self, old: Manifest | None, new: Manifest | None) -> Change[Pod]:
        """Take in one pod's change."""
        self._warm_up_changed(old, new)
        was, now = (self._known(old) if old else None), (read_pod(new) if new else None)
        if was is not None:
            self._count_pod(was, -1)
            del self._pods[was.namespace, was.system][was.name]
        if now is not None:
            self._count_pod(now, +1)
            self._pods[now.namespace, now.system][now.name] = now
            seen = self._highest[now.namespace, now.system]
            seen[now.slot] = max(seen.get(now.slot, -1), now.incarnation)
        return was, now

    def placement_changed(self, old: Manifest | None, new: Manifest | None) -> Change[Placement]:
        """Take in one Placement's change."""
        was, now = None, read_placement(new) if new else None
        if old is not None:
            key = (old["metadata"]["namespace"], old["spec"]["system"])
            was = self._placements[key].pop(old["metadata"]["name"], None)
        if was is not None:
            self._count_grants(was, -1)
            self._asks_no_more(was)
        if now is not None:
            self._placements[now.namespace, now.system][now.name] = now
            self._count_grants(now, +1)
            if not now.whole or now.waiting:
                self._asking[now.namespace, now.system].add(now.name)
        return was, now

    def node_changed(self, old: Manifest | None, new: Manifest | None) -> Change[Node]:
        """Take in one node's change."""
        name = (new or old or {})["metadata"]["name"]
        was, now = self.nodes.pop(name, None), read_node(new) if new else None
        (self.evacuated.add if now is not None and now.evacuated else self.evacuated.discard)(name)
        if now is not None:
            self.nodes[name] = now
        else:
            self.freed.pop(name, None)
        if now is None or now.ready:
            self._unready.pop(name, None)
        else:
            self._unready.setdefault(name, self._now() if old else self._unready_since(new or {}))
        return was, now

    def _warm_up_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        for pod, there in ((old, False), (new, True)):
            if pod is not None and label(pod, WARM_UP):
                name, held = pod["metadata"]["name"], self._warm_ups[pod["metadata"]["namespace"], label(pod, SYSTEM)]
                held.pop(name, None)
                held.update({name: pod} if there else {})

    def _asks_no_more(self, placement: Placement) -> None:
        key = placement.namespace, placement.system
        if key in self._asking:
            self._asking[key].discard(placement.name)
            if not self._asking[key]:
                del self._asking[key]

    def _unready_since(self, node: Manifest) -> datetime:
        """Of a node that was so already when this process came: as the node says, by the cluster's clock."""
        told, now = condition(node, "Ready").get("lastTransitionTime"), self._now()
        return min(parsed_time(told), now) if told else now

    def _known(self, old: Manifest) -> Pod | None:
        metadata = old["metadata"]
        return self._pods.get((metadata["namespace"], label(old, SYSTEM)), {}).get(metadata["name"])

    def _count_pod(self, pod: Pod, by: int) -> None:
        key = (pod.namespace, pod.system)
        if not pod.settled:
            self._unsettled[key] += by
        if pod.place:
            self._count_on(pod.place, key, by)

    def _count_grants(self, placement: Placement, by: int) -> None:
        if placement.nodes:
            self._granting[placement.pod_priority] += by
            if not self._granting[placement.pod_priority]:
                del self._granting[placement.pod_priority]
        for node in placement.nodes.values():
            self._count_on(node, (placement.namespace, placement.system), by)

    def _count_on(self, node: str, key: SystemKey, by: int) -> None:
        there = self._on_node[node]
        there[key] += by
        if there[key] <= 0:
            del there[key]
