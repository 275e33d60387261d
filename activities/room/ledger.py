"""The ledger head: one object per cluster through which every grant of room goes, so that no room is given twice.

A commit is one replace of the head with its resourceVersion, the whole batch inside: it happened or it did not. Then the batch
is copied into the Placements, which may be repeated. Whoever commits next first copies what is pending. So agents need no
leader, and one that is killed or frozen at any moment loses nothing and brings nothing back.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from activities.cluster.kube import (
    CONFIG_MAPS,
    NAMESPACES,
    PLACEMENTS,
    AlreadyThere,
    Busy,
    Kind,
    Kube,
    Manifest,
    NotThere,
    Overtaken,
    Refused,
)  # fmt: skip
from activities.telemetry import failed
from specs.names import SYSTEM_NAMESPACE
from specs.sections import section

NAMESPACE = SYSTEM_NAMESPACE
NAME = "espalier-ledger"
PODS_IN_BATCH = 4_096
"""About 300 KB: a ConfigMap ends at 1 MiB."""
COPIES_AT_ONCE = 16
TRIES = 5
REFUSED_KEPT = 100


@dataclass(frozen=True)
class Change:
    """Grants given or taken back in one Placement: slot -> node, or None to take back."""

    namespace: str
    name: str
    uid: str
    nodes: Mapping[str, str | None]
    displaced: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict[str, Mapping[str, str] | None])
    """Gang -> reason and message for which it must leave its nodes, and since when; None where that is over."""
    devices: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """Slot -> GPUs by index, `0,1`, on a node that shares its; None to take back."""


@dataclass(frozen=True)
class Head:
    """The last commit."""

    manifest: Manifest
    stamp: tuple[int, int]
    """Epoch and sequence: every later commit has a greater one, a ledger made anew too."""
    reached: int
    """A reader must have seen the Placements up to this version before it counts free room."""
    pending: tuple[Change, ...]


class Reader(Protocol):
    """The cache, as far as the ledger needs it."""

    async def until(self, versions: Mapping[str, int]) -> None:
        """Wait until these versions are in sight; `Busy` when that takes too long."""
        ...


class Ledger:
    """Commits of one agent. Not for two tasks at once: the solver is its only user.

    `ready`, then solve, then `commit`. `commit` raises `Overtaken` when another agent committed since `ready`: its grants are
    not in what was solved, so start again at `ready`. After `Busy` too: only `ready` can tell what became of the commit.
    """

    def __init__(self, kube: Kube, reader: Reader, epoch: Callable[[], int]) -> None:
        self._kube = kube
        self._reader = reader
        self._epoch = epoch
        self._head: Head | None = None
        self._copied = False
        self._reached = 0
        self.refused: OrderedDict[str, Refused] = OrderedDict()
        """UIDs of Placements that the cluster would not have answered, with its sentence; the last of them."""

    async def ready(self) -> None:
        """Make sure that every grant ever committed is in the Placements, and that the cache shows it."""
        if self._head is None:
            self._head, self._copied = await self._read(), False
            self._reached = max(self._reached, self._head.reached)
        if not self._copied:
            self._reached = max(self._reached, await self._copy(self._head))
            self._copied = True
        if self._reached:
            await self._reader.until({PLACEMENTS.plural: self._reached})

    async def commit(self, batch: Sequence[Change]) -> None:
        """Give and take back this room, for good; returns when the Placements and the cache show it."""
        head = self._head
        if head is None or not self._copied:
            raise Overtaken("the ledger was not read since the last commit; read it and decide again")
        self._head = None  # until the answer is in, the head is not known
        try:
            stored = await self._kube.replace(CONFIG_MAPS, _advanced(head, batch, self._reached))
        except NotThere as error:
            raise Overtaken("the ledger was deleted; it is made anew") from error
        self._head, self._copied = _read_head(stored), False
        await self.ready()

    async def _read(self) -> Head:
        try:
            return _read_head(await self._kube.get(CONFIG_MAPS, NAME, NAMESPACE))
        except NotThere:
            await self._make()
            return _read_head(await self._kube.get(CONFIG_MAPS, NAME, NAMESPACE))

    async def _make(self) -> None:
        try:
            await self._made(CONFIG_MAPS, _first(self._epoch()))
        except NotThere:  # not installed but started by hand: then this account may make namespaces
            await self._made(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            await self._made(CONFIG_MAPS, _first(self._epoch()))

    async def _made(self, kind: Kind, manifest: Manifest) -> None:
        try:
            await self._kube.create(kind, manifest)
        except AlreadyThere:
            return

    async def _copy(self, head: Head) -> int:
        slots = asyncio.Semaphore(COPIES_AT_ONCE)

        async def copied(change: Change) -> int:
            async with slots:
                return await self._copy_one(change, head.stamp)

        return max(await asyncio.gather(*map(copied, head.pending)), default=0)

    async def _copy_one(self, change: Change, stamp: tuple[int, int]) -> int:
        for _ in range(TRIES):
            try:
                found = await self._kube.get(PLACEMENTS, change.name, change.namespace)
                if found["metadata"]["uid"] != change.uid:
                    return 0  # made anew since
                if _stamp(found) < stamp:
                    found = await self._patch(change, stamp, found["metadata"]["resourceVersion"])
                return int(found["metadata"]["resourceVersion"])
            except NotThere:
                return 0  # torn down since
            except Overtaken:
                continue  # somebody wrote between: look again
            except Refused as error:
                return await self._drop(change, error)
        raise Busy(f"Placement {change.namespace}/{change.name} is being written by too many at once")

    async def _drop(self, change: Change, error: Refused) -> int:
        """It goes, and its grant with it: an admission rule against one must not keep all others waiting."""
        failed("placement_dropped", error, namespace=change.namespace, placement=change.name)
        self.refused[change.uid] = error
        if len(self.refused) > REFUSED_KEPT:
            self.refused.popitem(last=False)
        with suppress(NotThere, Overtaken):
            await self._kube.delete(PLACEMENTS, change.name, change.namespace, uid=change.uid, at_once=True)
        return 0

    async def _patch(self, change: Change, stamp: tuple[int, int], version: str) -> Manifest:
        # The precondition keeps an agent that was frozen here from bringing back what has been taken since.
        status: Manifest = {"nodes": dict(change.nodes), "ledger": {"epoch": stamp[0], "sequence": stamp[1]}}
        if change.displaced:
            status["displaced"] = dict(change.displaced)
        if change.devices:
            status["devices"] = dict(change.devices)
        patch = {"metadata": {"uid": change.uid, "resourceVersion": version}, "status": status}
        return await self._kube.patch(PLACEMENTS, change.name, patch, change.namespace, subresource="status")


def _stamp(placement: Manifest) -> tuple[int, int]:
    ledger = section(placement, "status", "ledger")
    return int(ledger.get("epoch", 0)), int(ledger.get("sequence", 0))


def _first(epoch: int) -> Manifest:
    data = {"epoch": str(epoch), "sequence": "0", "reached": "0", "pending": "[]"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": NAMESPACE}, "data": data}


def _advanced(head: Head, batch: Sequence[Change], reached: int) -> Manifest:
    pending = [_written(change) for change in batch]
    data = {
        "epoch": str(head.stamp[0]),
        "sequence": str(head.stamp[1] + 1),
        "reached": str(reached),
        "pending": orjson.dumps(pending).decode(),
    }
    return {**head.manifest, "data": data}


def _written(change: Change) -> list[object]:
    told: list[object] = [dict(change.displaced)] if change.displaced or change.devices else []
    told += [dict(change.devices)] if change.devices else []
    return [change.namespace, change.name, change.uid, dict(change.nodes), *told]


def _read_head(manifest: Manifest) -> Head:
    data = section(manifest, "data")
    metadata = {key: manifest["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    pending = tuple(Change(*entry) for entry in orjson.loads(data.get("pending", "[]")))
    return Head(bare, (int(data.get("epoch", 0)), int(data.get("sequence", 0))), int(data.get("reached", 0)), pending)
