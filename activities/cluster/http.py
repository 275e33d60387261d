"""`HttpKube`: the `Kube` port over HTTP, as the API server speaks it: plain JSON, no typed models."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, cast

from activities.cluster.answers import Unanswered, page_in
from activities.cluster.calls import (
    APPLY_TYPE,
    JSON_PATCH_TYPE,
    MERGE_PATCH_TYPE,
    Call,
    encoded,
    has_test,
    name_of,
    namespace_of,
    of_kind,
    of_object,
)
from activities.cluster.credentials import Access
from activities.cluster.kube import (
    AlreadyThere,
    Busy,
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
from activities.cluster.pace import Pace
from activities.cluster.stream import events
from activities.cluster.wire import Limits, Wire

RESTARTS = 3
MOST_PAGES = 20_000


class HttpKube:
    """A cluster over HTTP, to be used as `async with HttpKube(access) as kube`. Implements `kube.Kube`.

    Calls are repeated inside while the cluster is busy (see `Wire.body`). `jitter` gives numbers from 0 to 1.
    """

    def __init__(
        self, access: Access, pace: Pace | None = None, limits: Limits | None = None, jitter: Callable[[], float] = random.random
    ) -> None:
        self._wire = Wire(access, pace or Pace(), limits or Limits(), jitter)

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._wire.__aexit__(kind, error, trace)

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        """One object; `NotThere` if there is none."""
        return await self._wire.answer(of_object("get", "GET", kind, namespace, name))

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "", keep: Keep | None = None) -> Listing:
        """All objects as of one version, read from the server's newest state, in pages, of which `keep` says what is kept."""
        for _ in range(RESTARTS):
            with suppress(Expired):
                return await self._listed(kind, namespace, _selected(labels), keep)
        raise Busy(f"list {kind.plural}: the server forgot the list while we read it, {RESTARTS} times in a row")

    async def _listed(self, kind: Kind, namespace: str | None, query: Mapping[str, str], keep: Keep | None) -> Listing:
        items: list[Manifest] = []
        token, said = "", {"apiVersion": kind.api_version, "kind": kind.kind}
        for _ in range(MOST_PAGES):
            paged = {**query, "limit": str(self._wire.limits.page), **({"continue": token} if token else {})}
            call = of_kind("list", "GET", kind, namespace, paged)
            page, version, token = page_in(call, await self._wire.body(call))
            whole = (item if "kind" in item else {**said, **item} for item in page)
            items += map(keep, whole) if keep else whole
            if not token:
                return Listing(items, version)
        raise Busy(f"list {kind.plural}: more than {MOST_PAGES} pages and no end")

    @asynccontextmanager
    async def watch(
        self, kind: Kind, since: int, namespace: str | None = None, labels: str = ""
    ) -> AsyncGenerator[AsyncIterator[Event]]:
        """Changes after `since`, with bookmarks, until the server ends it. Not repeated inside: its user knows how far it got."""
        limits = self._wire.limits
        length_s = int(limits.watch_s * (1 + self._wire.jitter()))
        asked = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": str(since), "timeoutSeconds": str(length_s)}
        call = of_kind("watch", "GET", kind, namespace, {**asked, **_selected(labels)})
        async with self._wire.stream(call) as response, aclosing(events(call, response, limits.line_bytes)) as found:
            yield found

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """POST; `AlreadyThere` if the name is taken.

        When a try may have been carried out without our hearing of it, the next one finds the name taken. Then the object
        there is read: if it says all that we sent and is not being deleted, the creation succeeded, whoever did it. So this is
        no lock, unless the manifest holds something that only its writer would say.
        """
        call = _created(kind, manifest)
        try:
            return await self._wire.answer(call)
        except Unanswered as lost:
            if not name_of(manifest):
                raise
            await asyncio.sleep(self._wire.limits.first_delay_s)
            return await self._created_after_all(kind, manifest, call, lost)

    async def _created_after_all(self, kind: Kind, manifest: Manifest, call: Call, lost: Unanswered) -> Manifest:
        try:
            return await self._wire.answer(call)
        except AlreadyThere as taken:
            try:
                there = await self.get(kind, name_of(manifest), namespace_of(manifest))
            except NotThere:
                raise lost from None
            if includes(there, manifest) and "deletionTimestamp" not in there["metadata"]:
                return there
            raise taken from None

    async def apply(self, kind: Kind, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True) -> Manifest:
        """Server-side apply; without `force`, `Overtaken` names the other managers of the fields."""
        call = of_object("apply", "PATCH", kind, namespace_of(manifest), name_of(manifest), subresource)
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return await self._wire.answer(replace(call, query=query, body=encoded(manifest), content_type=APPLY_TYPE))

    async def replace(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """PUT, under the manifest's own resourceVersion. After a lost answer it may say `Overtaken` of our own write."""
        call = of_object("replace", "PUT", kind, namespace_of(manifest), name_of(manifest), subresource)
        return await self._wire.answer(replace(call, body=encoded(manifest)))

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        namespace: str | None = None,
        subresource: str = "",
    ) -> Manifest:
        """A JSON patch (a list) or a merge patch (a mapping).

        A JSON patch whose `test` fails raises `Overtaken`; one without a `test` is not repeated when its answer is lost.
        """
        listed = not isinstance(patch, Mapping)
        call = of_object("patch", "PATCH", kind, namespace, name, subresource)
        content_type = JSON_PATCH_TYPE if listed else MERGE_PATCH_TYPE
        tested = has_test(patch)
        call = replace(call, body=encoded(patch), content_type=content_type, tested=tested, repeatable=tested or not listed)
        return await self._wire.answer(call)

    async def delete(
        self, kind: Kind, name: str, namespace: str | None = None, *, uid: str = "", version: str = "", at_once: bool = False
    ) -> None:
        """Delete in the background; nothing happens if it is gone, or if the name now belongs to an object of another uid."""
        conditions = {field: value for field, value in (("uid", uid), ("resourceVersion", version)) if value}
        wanted: Manifest = {"propagationPolicy": "Background", **({"preconditions": conditions} if conditions else {})}
        wanted |= {"gracePeriodSeconds": 0} if at_once else {}
        try:
            await self._wire.body(replace(of_object("delete", "DELETE", kind, namespace, name), body=encoded(wanted)))
        except NotThere:
            return
        except Overtaken:
            if version or not uid:
                raise

    async def delete_all(self, kind: Kind, namespace: str, labels: str, *, as_of: int = 0) -> None:
        """Delete every object that the selector takes, in one request; nothing happens where the kind is unknown.

        The server lists first, and deletes what it has found: as of a version, that is what was there then.
        """
        if not labels or not namespace:
            raise Refused(f"delete all {kind.plural}: no namespace or no label selector; say which ones")
        then = {"resourceVersion": str(as_of), "resourceVersionMatch": "Exact"} if as_of else {}
        call = of_kind("deletecollection", "DELETE", kind, namespace, _selected(labels) | then)
        try:
            await self._wire.body(replace(call, body=encoded({"propagationPolicy": "Background"}), long=True))
        except NotThere:
            return


def _selected(labels: str) -> dict[str, str]:
    return {"labelSelector": labels} if labels else {}


def _created(kind: Kind, manifest: Manifest) -> Call:
    call = of_kind("create", "POST", kind, namespace_of(manifest), {})
    if kind.namespaced and not namespace_of(manifest):
        raise Refused(f"create {kind.plural} {name_of(manifest)}: no namespace; set metadata.namespace")
    return replace(call, title=f"{call.title}/{name_of(manifest)}", body=encoded(manifest), repeatable=False)


def includes(there: object, sent: object) -> bool:
    """Whether everything that was sent stands there, whatever the server added."""
    if isinstance(sent, dict) and isinstance(there, dict):
        have = cast(Manifest, there)
        return all(key in have and includes(have[key], value) for key, value in cast(Manifest, sent).items())
    if isinstance(sent, list) and isinstance(there, list):
        pairs = list(zip(cast(list[object], there), cast(list[object], sent), strict=False))
        return len(pairs) == len(cast(list[object], sent)) and all(includes(*pair) for pair in pairs)
    return sent == there
