"""A whole cluster's API in memory: versions, preconditions, finalizers, graceful deletion, watches; its clients can be killed."""

import asyncio
import copy
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from activities.cluster.kube import (
    PODS,
    AlreadyThere,
    Event,
    Expired,
    Keep,
    Kind,
    Listing,
    Manifest,
    NotThere,
    Overtaken,
    Refused,
)
from workers.simulated.errors import Denied
from workers.simulated.patching import json_patched, merged
from workers.simulated.selecting import by_labels

Key = tuple[str, str, str]


class Killed(BaseException):
    """The process is gone: nothing it does from here on has an effect."""


class MemoryCluster:
    """What an API server and its etcd remember. Bound pods leave gracefully: call `finish` to let them go."""

    def __init__(self) -> None:
        self.objects: dict[Key, Manifest] = {}
        self.log: list[tuple[int, Kind, Event]] = []
        self.writes: list[str] = []
        self.changed = asyncio.Event()
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        self.version = 0

    def get(self, kind: Kind, name: str, namespace: str = "") -> Manifest:
        """The stored object itself; `NotThere` if there is none."""
        found = self.objects.get((kind.plural, namespace if kind.namespaced else "", name))
        if found is None:
            raise NotThere(f"{kind.plural} {name!r} not found", status=404, reason="NotFound")
        return found

    def all(self, kind: Kind, namespace: str | None = None, labels: str = "") -> list[Manifest]:
        """Objects by name."""
        found = [item for key, item in sorted(self.objects.items()) if key[0] == kind.plural and namespace in (None, key[1])]
        return list(filter(by_labels(labels), found))

    def put(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create or replace, as a test's own hand; uid and generation are the server's."""
        key = self.key(kind, manifest)
        old = self.objects.get(key)
        return self._store(kind, key, copy.deepcopy(manifest), old)

    def change(self, kind: Kind, name: str, patch: Mapping[str, Any], namespace: str = "") -> Manifest:
        """Merge patch, as a test's own hand."""
        return self.put(kind, merged(self.get(kind, name, namespace), patch))

    def remove(
        self, kind: Kind, name: str, namespace: str = "", *, uid: str = "", version: str = "", at_once: bool = False
    ) -> None:
        """Delete as the API server does: finalizers and running pods make it wait."""
        found = self.get(kind, name, namespace)
        if version and found["metadata"]["resourceVersion"] != version:
            raise Overtaken(f"{name!r} is not at version {version} any more", status=409, reason="Conflict")
        if uid and found["metadata"]["uid"] != uid:
            raise Overtaken(f"{name!r} is another object now: its uid is not {uid}", status=409, reason="Conflict")
        if found["metadata"].get("finalizers") or (kind == PODS and found["spec"].get("nodeName") and not at_once):
            if "deletionTimestamp" not in found["metadata"]:
                self.change(kind, name, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, namespace)
            return
        self._drop(kind, (kind.plural, found["metadata"].get("namespace", ""), name))

    def finish(self) -> None:
        """Every pod that is leaving is gone now."""
        for item in self.all(PODS):
            if "deletionTimestamp" in item["metadata"]:
                self._drop(PODS, ("pods", item["metadata"]["namespace"], item["metadata"]["name"]))

    def since(self, kind: Kind, version: int) -> Iterator[Event]:
        """Changes of one kind after `version`."""
        return (event for _, of, event in self.log[version:] if of == kind)  # one entry a version

    def key(self, kind: Kind, manifest: Manifest) -> Key:
        metadata = manifest["metadata"]
        return kind.plural, metadata.get("namespace", "default") if kind.namespaced else "", metadata["name"]

    def _store(self, kind: Kind, key: Key, item: Manifest, old: Manifest | None) -> Manifest:
        metadata = item["metadata"]
        if kind.namespaced:
            metadata["namespace"] = key[1]
        metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{next(self._uids)}"
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        if old and _content(old) == _content(item):
            return old
        if old and metadata.get("deletionTimestamp") and not metadata.get("finalizers") and kind != PODS:
            return self._drop(kind, key)
        marked = old is not None and "deletionTimestamp" in metadata and "deletionTimestamp" not in old["metadata"]
        same = old is not None and old.get("spec") == item.get("spec") and not marked
        metadata["generation"] = int(old["metadata"]["generation"]) + (not same) if old else 1
        self._stamp(item)
        self.objects[key] = item
        self._tell(kind, Event("MODIFIED" if old else "ADDED", copy.deepcopy(item)))
        return item

    def _drop(self, kind: Kind, key: Key) -> Manifest:
        gone = copy.deepcopy(self.objects.pop(key))
        self._stamp(gone)
        self._tell(kind, Event("DELETED", gone))
        return gone

    def _stamp(self, item: Manifest) -> None:
        self.version = next(self._versions)
        item["metadata"]["resourceVersion"] = str(self.version)

    def _tell(self, kind: Kind, event: Event) -> None:
        self.log.append((self.version, kind, event))
        self.changed.set()
        self.changed = asyncio.Event()


class MemoryKube:
    """The `Kube` port onto a `MemoryCluster`: one client, which a test may kill before or after any call takes effect."""

    def __init__(self, cluster: MemoryCluster, fuse: int | None = None, *, freezes: bool = False) -> None:
        self.cluster = cluster
        self.fuse = fuse
        self.freezes = freezes
        self.dead = False
        self.thawed = asyncio.Event()
        self.refusals: dict[tuple[str, str], Exception] = {}
        """(verb, plural) -> what the server answers instead."""

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        await self._point()
        return copy.deepcopy(self.cluster.get(kind, name, namespace or ""))

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "", keep: Keep | None = None) -> Listing:
        await self._point()
        found = copy.deepcopy(self.cluster.all(kind, namespace, labels))
        return Listing([keep(each) if keep else each for each in found], self.cluster.version)

    @asynccontextmanager
    async def watch(
        self, kind: Kind, since: int, namespace: str | None = None, labels: str = ""
    ) -> AsyncGenerator[AsyncIterator[Event]]:
        if since < 0:
            raise Expired("too old", status=410)
        yield self._events(kind, since, namespace, labels)

    async def _events(self, kind: Kind, since: int, namespace: str | None, labels: str) -> AsyncIterator[Event]:
        chosen = by_labels(labels)
        while not self.dead:
            waiter = self.cluster.changed
            for event in list(self.cluster.since(kind, since)):
                since = max(since, int(event.object["metadata"]["resourceVersion"]))
                if namespace in (None, event.object["metadata"].get("namespace")) and chosen(event.object):
                    yield event
            await waiter.wait()

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._point("create", kind, manifest["metadata"]["name"])
        key = self.cluster.key(kind, manifest)
        if key in self.cluster.objects:
            raise AlreadyThere(f"{kind.plural} {key[2]!r} already exists", status=409, reason="AlreadyExists")
        made = {field: value for field, value in manifest.items() if field != "status"}
        return await self._done(self.cluster.put(kind, made))

    async def apply(self, kind: Kind, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True) -> Manifest:
        del manager, force
        await self._point("apply", kind, manifest["metadata"]["name"])
        old = self.cluster.objects.get(self.cluster.key(kind, manifest), {})
        keep = {"status"} if subresource else {"spec", "metadata", "data", "webhooks", "apiVersion", "kind"}
        part = {field: value for field, value in manifest.items() if field in keep or (not old and field != "status")}
        return await self._done(self.cluster.put(kind, merged(old, part)))

    async def replace(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        metadata = manifest["metadata"]
        await self._point("replace", kind, metadata["name"])
        old = self.cluster.get(kind, metadata["name"], metadata.get("namespace", ""))
        if metadata.get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
            raise Overtaken(f"{metadata['name']!r} has been modified", status=409, reason="Conflict")
        status = (manifest if subresource else old).get("status")
        made = {**(old if subresource else manifest), **({} if status is None else {"status": status})}
        return await self._done(self.cluster.put(kind, made))

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        namespace: str | None = None,
        subresource: str = "",
    ) -> Manifest:
        await self._point("patch", kind, f"{name}/{subresource}" if subresource else name)
        old = self.cluster.get(kind, name, namespace or "")
        if isinstance(patch, Mapping):
            _check_preconditions(old, patch)
            made = merged(old, patch)
        else:
            try:
                made = json_patched(old, patch)
            except Denied as denied:
                raise Overtaken(denied.message, status=denied.code, reason=denied.reason) from None
        return await self._done(self.cluster.put(kind, made))

    async def delete(
        self, kind: Kind, name: str, namespace: str | None = None, *, uid: str = "", version: str = "", at_once: bool = False
    ) -> None:
        await self._point("delete", kind, name)
        try:
            self.cluster.remove(kind, name, namespace or "", uid=uid, version=version, at_once=at_once)
        except NotThere:
            return
        except Overtaken:
            if version or not uid:
                raise
        await self._done({})

    async def delete_all(self, kind: Kind, namespace: str, labels: str, *, as_of: int = 0) -> None:
        await self._point("delete_all", kind, labels)
        since = self.cluster.since(kind, as_of) if as_of else ()
        new = {event.object["metadata"]["uid"] for event in since if event.type == "ADDED"}
        for item in [each for each in self.cluster.all(kind, namespace, labels) if each["metadata"]["uid"] not in new]:
            self.cluster.remove(kind, item["metadata"]["name"], namespace)
        await self._done({})

    async def _point(self, verb: str = "", kind: Kind = PODS, name: str = "") -> None:
        await asyncio.sleep(0)
        await self._burn()
        if verb:
            refusal = self.refusals.get((verb, kind.plural))
            if refusal is not None:
                raise refusal
            self.cluster.writes.append(f"{verb} {kind.plural} {name}")

    async def _done(self, answer: Manifest) -> Manifest:
        kept = copy.deepcopy(answer)
        await self._burn()
        return kept

    async def _burn(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0 and self.freezes:
                await self.thawed.wait()
            elif self.fuse < 0:
                self.dead = True
        if self.dead:
            raise Killed


def _content(item: Manifest) -> Manifest:
    return {**item, "metadata": {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}}


def _check_preconditions(old: Manifest, patch: Mapping[str, Any]) -> None:
    for field in ("uid", "resourceVersion"):
        wanted = patch.get("metadata", {}).get(field)
        if wanted and wanted != old["metadata"][field]:
            raise Overtaken(f"the {field} in the precondition does not match", status=409, reason="Conflict")


__all__ = ["Killed", "MemoryCluster", "MemoryKube", "Refused"]
