"""`Store`: what is known of one kind of object, as of one version. No clock, no network: events in, changes out."""

import heapq
from asyncio import Future
from collections.abc import Sequence
from itertools import count

from activities.cache.trim import Trim, trimmed
from activities.cluster.kube import Event, Listing, Manifest
from specs import names

Key = tuple[str, str]
"""Namespace ("" for what has none) and name."""
Change = tuple[Manifest | None, Manifest | None]
"""What was there, and what is there now. An object of the same name but another uid is a deletion and a creation."""


class Store:
    """Objects by name, and those of each system.

    Versions only rise, and events of one watch come in their order, so whatever is not newer than `version` is old news: events
    may come twice, a list may overtake a watch, and a write's own answer may be put in before its echo arrives.
    Objects that are handed out are shared: nobody may change them.
    """

    def __init__(self, trim: Trim = trimmed) -> None:
        self.version = 0
        """Everything up to this version is in."""
        self.objects: dict[Key, Manifest] = {}
        self._trim = trim
        self._systems: dict[Key, dict[str, Manifest]] = {}
        self._waiting: list[tuple[int, int, Future[None]]] = []
        self._turn = count()

    def event(self, event: Event) -> Sequence[Change]:
        """Take in one event of the watch; nothing when nothing that is kept has changed."""
        metadata = event.object["metadata"]
        version = int(metadata["resourceVersion"])
        if version <= self.version:
            return ()
        self.version = version
        if event.type == "BOOKMARK":
            return ()
        key = (metadata.get("namespace") or "", metadata["name"])
        if event.type == "DELETED":
            return self._drop(key, version)
        return self._put(key, version, event.object)

    def listed(self, listing: Listing) -> Sequence[Change]:
        """Take in a list, trimmed; the changes since what was known, deletions included. Nothing when it is older than that."""
        if listing.version < self.version:
            return ()
        fresh = {key_of(item): item for item in listing.items}
        gone = [self._drop(key, listing.version) for key in list(self.objects) if key not in fresh]
        here = [self._put_trimmed(key, _version(item), item) for key, item in fresh.items()]
        self.version = listing.version
        return [change for changes in (*gone, *here) for change in changes]

    def written(self, item: Manifest) -> Sequence[Change]:
        """Take in the answer to a write of ours. `version` stays: others' writes in between may still be on their way.

        An answer not newer than `version` says nothing new: the watch has passed it, and the object may be gone again.
        """
        version = _version(item)
        return self._put(key_of(item), version, item) if version > self.version else ()

    def forget(self) -> Sequence[Change]:
        """Start over: the server's versions went back, as after its database was restored from a backup."""
        self.version = 0
        gone, self.objects, self._systems = self.objects, {}, {}
        return [(old, None) for old in gone.values()]

    def of_system(self, namespace: str, system: str) -> Sequence[Manifest]:
        """The objects that carry the label of one system, by name."""
        members = self._systems.get((namespace, system), {})
        return [members[name] for name in sorted(members)]

    def count(self, namespace: str, system: str) -> int:
        """How many carry the label of one system."""
        return len(self._systems.get((namespace, system), ()))

    def when(self, version: int, future: "Future[None]") -> None:
        """Have `future` done once `version` is in; `wake` does it."""
        heapq.heappush(self._waiting, (version, next(self._turn), future))

    def wake(self) -> None:
        """Tell those who waited for a version that is in by now."""
        while self._waiting and self._waiting[0][0] <= self.version:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def _put(self, key: Key, version: int, item: Manifest) -> Sequence[Change]:
        old = self.objects.get(key)
        return () if old is not None and _version(old) >= version else self._put_trimmed(key, version, self._trim(item))

    def _put_trimmed(self, key: Key, version: int, new: Manifest) -> Sequence[Change]:
        old = self.objects.get(key)
        if old is not None and _version(old) >= version:
            return ()
        self.objects[key] = new
        self._index(key, old, new)
        if old is None:
            return ((None, new),)
        if old["metadata"].get("uid") != new["metadata"].get("uid"):
            return ((old, None), (None, new))
        return () if _same(old, new) else ((old, new),)

    def _drop(self, key: Key, version: int) -> Sequence[Change]:
        old = self.objects.get(key)
        if old is None or _version(old) > version:
            return ()
        del self.objects[key]
        self._index(key, old, None)
        return ((old, None),)

    def _index(self, key: Key, old: Manifest | None, new: Manifest | None) -> None:
        before, after = _system(old), _system(new)
        if before and before != after:
            members = self._systems[key[0], before]
            del members[key[1]]
            if not members:
                del self._systems[key[0], before]
        if new is not None and after:
            self._systems.setdefault((key[0], after), {})[key[1]] = new


def key_of(item: Manifest) -> Key:
    """Namespace ("" for what has none) and name."""
    metadata = item["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _version(item: Manifest) -> int:
    return int(item["metadata"]["resourceVersion"])


def _system(item: Manifest | None) -> str:
    labels = item["metadata"].get("labels") if item is not None else None
    return labels.get(names.SYSTEM, "") if labels else ""


def _same(old: Manifest, new: Manifest) -> bool:
    if {**old["metadata"], "resourceVersion": new["metadata"]["resourceVersion"]} != new["metadata"]:
        return False
    return len(old) == len(new) and all(key == "metadata" or old.get(key) == value for key, value in new.items())
