"""Watches: changes as they come, as lines of JSON."""

import asyncio
from collections.abc import AsyncGenerator

import orjson

from specs.owners import Manifest
from workers.simulated.errors import Denied
from workers.simulated.kinds import Resource
from workers.simulated.objects import Change, Objects
from workers.simulated.selecting import Match

BOOKMARK_S = 60.0
LONGEST_S = 3_600.0


async def lines(
    objects: Objects, resource: Resource, namespace: str, match: Match, since: int, length_s: float
) -> AsyncGenerator[bytes]:
    """One line an event. What leaves the selector is a DELETED event; a bookmark comes every minute, and at the end.

    A watch since 0 begins with an ADDED event for all that is there.
    """
    if not since:
        since, there = objects.version, [item for item in objects.all(resource, namespace) if match(item)]
        if there:
            yield b"".join(line("ADDED", item) for item in there)
    loop = asyncio.get_running_loop()
    end, bookmark = loop.time() + min(length_s or LONGEST_S, LONGEST_S), loop.time() + BOOKMARK_S
    while (now := loop.time()) < end:
        changed, known = objects.changed, objects.version
        changes = objects.since(since)
        if changes is None:
            yield line("ERROR", Denied(410, f"too old resource version: {since}").status())
            return
        found = b"".join(told for change in changes if (told := _told(change, resource, namespace, match)))
        since = known
        if found:
            yield found
        if now >= bookmark:
            bookmark = now + BOOKMARK_S
            yield _bookmark(resource, since)
        try:
            await asyncio.wait_for(changed.wait(), max(0.01, min(end, bookmark) - now))
        except TimeoutError:
            continue
    yield _bookmark(resource, since)


def line(kind: str, item: Manifest) -> bytes:
    """One event."""
    return orjson.dumps({"type": kind, "object": item}) + b"\n"


def _told(change: Change, resource: Resource, namespace: str, match: Match) -> bytes:
    if (change.group, change.plural) != (resource.group, resource.plural):
        return b""
    if namespace and change.new["metadata"].get("namespace") != namespace:
        return b""
    had, has = change.old is not None and match(change.old), match(change.new)
    if change.type == "DELETED":
        return line("DELETED", change.new) if had else b""
    if has:
        return line("MODIFIED" if had else "ADDED", change.new)
    return line("DELETED", change.new) if had else b""


def _bookmark(resource: Resource, version: int) -> bytes:
    metadata = {"resourceVersion": str(version)}
    return line("BOOKMARK", {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata})
