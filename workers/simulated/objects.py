"""What the simulated cluster remembers: objects, their versions, and what has changed of late."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from specs.owners import Manifest
from workers.simulated.kinds import Resource

REMEMBERED = 20_000
"""Changes that a watch can still be told of; an older position is expired."""
FIRST_VERSION = 1_000
"""A real server has written so much before anybody comes; and what is older is expired here, too."""
Key = tuple[str, str, str, str]
"""Group, plural, namespace, name."""


@dataclass(frozen=True)
class Change:
    """One write."""

    version: int
    group: str
    plural: str
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    old: Manifest | None
    new: Manifest
    """As it is now; as it was last, for what was deleted."""


class Objects:
    """Every object by its address. A write is in the file when `put` returns, so that kill -9 loses nothing.

    What is stored is never changed in place: a reader may keep it.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._all: dict[Key, Manifest] = {}
        self._by_kind: dict[tuple[str, str], dict[Key, Manifest]] = {}
        self._history: deque[Change] = deque(maxlen=REMEMBERED)
        self._news: list[Change] = []
        self._disk = _opened(file)
        self.version = FIRST_VERSION
        self._load()
        self._forgotten = self.version
        self.changed = asyncio.Event()

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        """One object."""
        return self._all.get(_key(resource, namespace, name))

    def now(self, resource: Resource, item: Manifest) -> Manifest | None:
        """An object as it is now; None when it is gone, whoever else may have its name."""
        found = self.get(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        return found if found and found["metadata"]["uid"] == item["metadata"]["uid"] else None

    def all(self, resource: Resource, namespace: str = "") -> list[Manifest]:
        """Objects of a kind, by namespace and name."""
        found = self._by_kind.get((resource.group, resource.plural), {})
        return [found[key] for key in sorted(found) if not namespace or key[2] == namespace]

    def put(self, resource: Resource, item: Manifest) -> Manifest:
        """Store an object under its next version."""
        metadata = item["metadata"]
        key = _key(resource, metadata.get("namespace", ""), metadata["name"])
        old = self._all.get(key)
        self.version += 1
        stored = {**item, "metadata": {**metadata, "resourceVersion": str(self.version)}}
        self._count()
        self._keep(key, stored)
        self._disk.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", (*key, orjson.dumps(stored)))
        self._tell(Change(self.version, key[0], key[1], "ADDED" if old is None else "MODIFIED", old, stored))
        return stored

    def drop(self, resource: Resource, item: Manifest) -> Manifest:
        """Remove an object; what is told of it has a version of its own."""
        metadata = item["metadata"]
        key = _key(resource, metadata.get("namespace", ""), metadata["name"])
        old = self._all.pop(key)
        del self._by_kind[key[:2]][key]
        self.version += 1
        self._count()
        gone = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        self._disk.execute("DELETE FROM objects WHERE grp = ? AND plural = ? AND namespace = ? AND name = ?", key)
        self._tell(Change(self.version, key[0], key[1], "DELETED", old, gone))
        return gone

    def since(self, version: int) -> Iterator[Change] | None:
        """Changes after a version, of every kind; None when they are no longer remembered."""
        if version < self._forgotten:
            return None
        behind = self.version - version
        return iter(list(self._history)[-behind:] if behind > 0 else [])

    def at(self, resource: Resource, namespace: str, version: int) -> list[Manifest] | None:
        """Objects of a kind as they were at a version; None when that is no longer remembered."""
        changes = self.since(version)
        if changes is None:
            return None
        found = dict(self._by_kind.get((resource.group, resource.plural), {}))
        for change in reversed([each for each in changes if (each.group, each.plural) == (resource.group, resource.plural)]):
            key = _key(resource, change.new["metadata"].get("namespace", ""), change.new["metadata"]["name"])
            found.pop(key, None)
            if change.old is not None:
                found[key] = change.old
        return [found[key] for key in sorted(found) if not namespace or key[2] == namespace]

    def news(self) -> list[Change]:
        """Changes since this was last asked, however many: for the one cluster that these objects are."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Leave the file."""
        self._disk.close()

    def _keep(self, key: Key, item: Manifest) -> None:
        self._all[key] = item
        self._by_kind.setdefault(key[:2], {})[key] = item

    def _count(self) -> None:
        """Before the write itself: a kill in between skips a version, where the other order would use one twice, untold."""
        self._disk.execute("INSERT OR REPLACE INTO version VALUES (0, ?)", (self.version,))

    def _tell(self, change: Change) -> None:
        if len(self._history) == REMEMBERED:
            self._forgotten = self._history[0].version
        self._history.append(change)
        self._news.append(change)
        self.changed.set()
        self.changed = asyncio.Event()

    def _load(self) -> None:
        for *address, body in self._disk.execute("SELECT grp, plural, namespace, name, body FROM objects"):
            group, plural, namespace, name = (str(part) for part in address)
            self._keep((group, plural, namespace, name), orjson.loads(body))
        for (version,) in self._disk.execute("SELECT number FROM version"):
            self.version = int(version)


def _key(resource: Resource, namespace: str, name: str) -> Key:
    return resource.group, resource.plural, namespace if resource.namespaced else "", name


def _opened(file: Path | None) -> sqlite3.Connection:
    """The file, or memory. Not flushed to the disk at every write: the process may be killed, the machine may not."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    disk = sqlite3.connect(file or ":memory:", isolation_level=None)
    disk.execute("PRAGMA journal_mode=WAL")
    disk.execute("PRAGMA synchronous=OFF")
    disk.execute(
        "CREATE TABLE IF NOT EXISTS objects (grp TEXT, plural TEXT, namespace TEXT, name TEXT, body BLOB,"
        " PRIMARY KEY (grp, plural, namespace, name))"
    )
    disk.execute("CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY, number INTEGER)")
    return disk
