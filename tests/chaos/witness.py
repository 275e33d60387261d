"""A witness: sees every change of pods and Placements in one namespace, and says which promise was broken and when.

It shares nothing with the product: it reads labels, annotations and JSON as any user would.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
import orjson

from specs.sections import section
from tests.chaos.bound import SLOT, Amounts, Bound, Slot, slot_of
from tests.chaos.heads import LEDGER, Heads
from tests.chaos.takings import Takings
from tests.cluster.api import Api, ApiError, Json

GPU = "nvidia.com/gpu"
POLL_S = 0.05


class Expired(Exception):
    """The server no longer knows what came after."""


def gpus(pod: Json) -> int:
    """GPUs that a pod asks for."""
    return sum(int(each.get("resources", {}).get("requests", {}).get(GPU, 0)) for each in pod["spec"]["containers"])


def _granted(placement: Json) -> dict[str, str]:
    """Node of each slot that a Placement has room for: what its spec lets go of is given back, whatever its status still says."""
    slots = {slot for gang in section(placement, "spec").get("gangs", []) for slot in gang["slots"]}
    return {slot: node for slot, node in section(placement, "status", "nodes").items() if slot in slots}


def _version(item: Json) -> int:
    return int(item["metadata"]["resourceVersion"])


@dataclass
class Starts:
    """No pod starts while a part of its gang has no room.

    Pods and Placements are watched apart, so that one is seen before the other whatever came first: versions tell. A start is
    judged when all that its Placement was before has been seen.
    """

    _begun: dict[Slot, int] = field(default_factory=dict[Slot, int])
    """Version at which a slot's pod was first seen without a gate, until it is judged."""
    _torn: dict[str, list[tuple[int, frozenset[Slot]]]] = field(default_factory=dict[str, list[tuple[int, frozenset[Slot]]]])
    """Placement -> version and the slots whose gangs had not all their room from then on."""

    def pod_seen(self, pod: Json, was: Json | None) -> None:
        """One change of a pod."""
        spec = pod["spec"]
        begins = not spec.get("schedulingGates") and "nodeName" not in spec  # one that is bound when first seen began before
        if begins and (was is None or was["spec"].get("schedulingGates")):
            self._begun[slot_of(pod)] = _version(pod)

    def placement_seen(self, event: Json, nodes: Mapping[str, str]) -> None:
        """One change of a Placement, and the nodes that it grants."""
        placement = event["object"]
        spec, metadata = section(placement, "spec"), placement["metadata"]
        torn = [gang["slots"] for gang in spec.get("gangs", []) if any(slot not in nodes for slot in gang["slots"])]
        there = event["type"] != "DELETED"
        now = frozenset((spec["system"], slot) for slots in torn for slot in slots if there)
        self._torn.setdefault(metadata["name"], []).append((_version(placement), now))

    def broken_before(self, version: int) -> list[str]:
        """Judge all starts before this version of any Placement; those that were too soon."""
        due = {slot: begun for slot, begun in self._begun.items() if begun < version}
        self._begun = {slot: begun for slot, begun in self._begun.items() if slot not in due}
        early = [slot for slot, begun in due.items() if self._too_soon(slot, begun)]
        return [f"{'/'.join(slot)} started at version {due[slot]} while a part of its gang had no room" for slot in early]

    def _too_soon(self, slot: Slot, begun: int) -> bool:
        states = (
            next((torn for at, torn in reversed(states) if at < begun), frozenset[Slot]()) for states in self._torn.values()
        )
        return any(slot in torn for torn in states)


@dataclass
class Witness:
    """What was seen so far, and every promise that was found broken."""

    capacity: Mapping[str, int]
    """GPUs of each node."""
    racks: Mapping[str, str]
    """The rack of each node."""
    pods: dict[str, Json] = field(default_factory=dict[str, Json])
    nodes_of: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Placement -> slot -> node."""
    changes: int = 0
    created: Counter[str] = field(default_factory=Counter[str])
    """Slot -> pods ever made for it."""
    broken: list[str] = field(default_factory=list[str])
    starts: Starts = field(default_factory=Starts)
    allocatable: Mapping[str, Amounts] = field(default_factory=dict[str, Amounts])
    """All that each node has; empty: its GPUs are looked at alone."""
    heads: Heads = field(default_factory=Heads)
    """Of the ledger."""
    takings: Takings | None = None
    """Where it is known what is wanted."""
    _wants: dict[str, int] = field(default_factory=dict[str, int])
    """Slot -> GPUs that a pod of it asked for."""

    def __post_init__(self) -> None:
        of_gpus = {node: {GPU: float(count)} for node, count in self.capacity.items()}
        self.bound = Bound(self.allocatable) if self.allocatable else Bound(of_gpus, only=GPU)

    def pod_seen(self, event: Json) -> None:
        """One change of a pod."""
        pod = event["object"]
        name = pod["metadata"]["name"]
        self.changes += 1
        if event["type"] == "ADDED" and name not in self.pods:
            self.created[pod["metadata"]["annotations"][SLOT]] += 1
        self.starts.pod_seen(pod, self.pods.get(name))
        self.pods.pop(name, None) if event["type"] == "DELETED" else self.pods.__setitem__(name, pod)
        self._wants[pod["metadata"]["annotations"][SLOT]] = gpus(pod)
        taken = self.takings.seen(event) if self.takings else []
        self.broken += [f"change {self.changes}: {each}" for each in (*self.bound.seen(event), *taken)]

    def placement_seen(self, event: Json) -> None:
        """One change of a Placement."""
        placement = event["object"]
        name = placement["metadata"]["name"]
        self.changes += 1
        due = self.heads.before(_version(placement))
        for head in due if not event.get("late") else ():
            self._no_gpu_granted_twice("with what was committed", head.over(self.nodes_of).values())
        was, nodes = self.nodes_of.get(name, {}), _granted(placement)
        self.nodes_of.pop(name, None) if event["type"] == "DELETED" else self.nodes_of.__setitem__(name, nodes)
        self._no_gpu_granted_twice("by Placements", self.nodes_of.values())
        self._whole(placement, was, nodes)
        self._in_one_rack(nodes)
        self.starts.placement_seen(event, nodes)
        self.broken += self.starts.broken_before(_version(placement))

    def _whole(self, placement: Json, was: Mapping[str, str], nodes: Mapping[str, str]) -> None:
        """A gang gets room for all its slots or for none; of what it has, some may be taken back, as where a node is closed."""
        for gang in section(placement, "spec").get("gangs", []):
            granted = {slot: nodes[slot] for slot in gang["slots"] if slot in nodes}
            if len(granted) not in (0, len(gang["slots"])) and not granted.items() <= was.items():
                what = f"{gang['name']} got room for {len(granted)} of {len(gang['slots'])}"
                self.broken.append(f"change {self.changes}: {what}, and had {sum(slot in was for slot in gang['slots'])}")

    def _in_one_rack(self, nodes: Mapping[str, str]) -> None:
        """A group replica (copy, group, replica, role, index) stays within its rack."""
        where: defaultdict[str, set[str]] = defaultdict(set)
        for slot, node in nodes.items():
            if slot.count("/") == 4:
                where["/".join(slot.split("/")[:3])].add(self.racks[node])
        self.broken += [f"change {self.changes}: {name} is in {racks}" for name, racks in where.items() if len(racks) > 1]

    def ledger_seen(self, event: Json) -> None:
        """One commit."""
        self.changes += 1
        self.broken += [f"change {self.changes}: {each}" for each in self.heads.seen(event)]

    def _no_gpu_granted_twice(self, of: str, granted: Iterable[Mapping[str, str]]) -> None:
        used = Counter[str]()
        for nodes in granted:
            for slot, node in nodes.items():
                used[node] += self._wants.get(slot, 0)
        over = {node: count for node, count in used.items() if count > self.capacity.get(node, 0)}
        if over:
            self.broken.append(f"change {self.changes}: more GPUs granted than there are, {of}: {over}")

    def slots(self) -> dict[str, list[str]]:
        """Slot -> names of its live pods."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name, pod in self.pods.items():
            if "deletionTimestamp" not in pod["metadata"]:
                found[pod["metadata"]["annotations"][SLOT]].append(name)
        return dict(found)

    def told(self) -> str:
        """A line for each pod."""
        return "\n".join(
            f"{name} on {pod['spec'].get('nodeName')}, {section(pod, 'status').get('phase')}"
            f"{', leaving' if 'deletionTimestamp' in pod['metadata'] else ''}"
            for name, pod in sorted(self.pods.items())
        )


@asynccontextmanager
async def watching(api: Api, namespace: str, witness: Witness) -> AsyncGenerator[Witness]:
    """Let the witness see everything while the body runs."""
    tasks = [
        asyncio.create_task(follow(api, f"/api/v1/namespaces/{namespace}/pods", witness.pod_seen)),
        asyncio.create_task(
            follow(api, f"/apis/espalier.dev/v1alpha1/namespaces/{namespace}/placements", witness.placement_seen)
        ),
        asyncio.create_task(follow(api, LEDGER, witness.ledger_seen)),
    ]
    try:
        yield witness
    finally:
        for task in tasks:
            if task.done():
                task.result()  # a blind witness would testify to anything
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def follow(api: Api, path: str, see: Callable[[Json], None]) -> None:
    """See every change below a path. Whatever ends a watch, a restarted server included: list again, and go on from there."""
    known: dict[str, Json] = {}
    while True:
        with suppress(aiohttp.ClientError, asyncio.IncompleteReadError, ApiError, Expired, orjson.JSONDecodeError):  # a torn line
            async for event in _changes(api, path, known):
                see(event)
        await asyncio.sleep(POLL_S)


async def _changes(api: Api, path: str, known: dict[str, Json]) -> AsyncGenerator[Json]:
    """What differs from what is known (`late`: other things may have come first), then every change.

    `known` is kept by uid, because a later pod may bear the same name.
    """
    listed = await api.get(path)
    there = {item["metadata"]["uid"]: item for item in listed["items"]}
    for uid in sorted(known.keys() - there.keys()):
        yield {"type": "DELETED", "object": known.pop(uid), "late": True}
    for uid, item in sorted(there.items(), key=lambda each: _version(each[1])):
        kind = "MODIFIED" if uid in known else "ADDED"
        known[uid] = item
        yield {"type": kind, "object": item, "late": True}
    async for event in api.watch(path, listed["metadata"]["resourceVersion"]):
        if event["type"] == "ERROR":
            raise Expired
        if event["type"] == "BOOKMARK":
            continue
        uid = event["object"]["metadata"]["uid"]
        known.pop(uid, None) if event["type"] == "DELETED" else known.__setitem__(uid, event["object"])
        yield event
