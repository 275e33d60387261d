"""The reading half of a `Kube` whose server tests may interrupt: watches cut, history forgotten, lists refused.

And a cache that follows it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import cast

from activities.cache.cache import Cache
from activities.cache.informer import Patience
from activities.cluster.kube import NODES, Busy, Event, Expired, Keep, Kind, Kube, Listing, Manifest


class FlakyKube:
    """One kind's objects and history. `Kube.list` and `Kube.watch` only."""

    def __init__(self) -> None:
        self.version = 1
        self.objects: dict[str, Manifest] = {}
        self.history: list[Event] = []
        self.forgotten = 0
        self.failures: list[Exception] = []
        """Raised by the next calls, one each."""
        self.lists = self.watches = 0
        self.quiet = False
        """Whether watches tell nothing more, as over a dead connection."""
        self._moved = asyncio.Event()
        self._cut: Exception | None = None

    def write(self, name: str, **more: object) -> Manifest:
        """Create or change."""
        self.version += 1
        old = self.objects.get(name)
        uid = old["metadata"]["uid"] if old else f"uid-{self.version}"
        item = {"metadata": {"name": name, "uid": uid, "resourceVersion": str(self.version)}, **more}
        self.objects[name] = item
        self._tell(Event("MODIFIED" if old else "ADDED", item))
        return item

    def delete(self, name: str) -> None:
        """Delete, if it is there."""
        old = self.objects.pop(name, None)
        if old is not None:
            self.version += 1
            self._tell(Event("DELETED", {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}))

    def elsewhere(self) -> None:
        """Something of another kind is written."""
        self.version += 1

    def bookmark(self) -> None:
        """Tell watches where they are."""
        self._tell(Event("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}}))

    def forget(self) -> None:
        """Compact: no watch can begin before now."""
        self.forgotten = self.version

    def cut(self, error: Exception | None = None) -> None:
        """End all watches."""
        self._cut = error or Busy("cut", timedelta())
        self._wake()

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "", keep: Keep | None = None) -> Listing:
        del kind, namespace, labels
        self.lists += 1
        await asyncio.sleep(0)
        self._fail()
        return Listing([keep(each) if keep else each for each in self.objects.values()], self.version)

    @asynccontextmanager
    async def watch(
        self, kind: Kind, since: int, namespace: str | None = None, labels: str = ""
    ) -> AsyncGenerator[AsyncIterator[Event]]:
        del kind, namespace, labels
        self.watches += 1
        await asyncio.sleep(0)
        self._fail()
        self._cut = None
        if since < self.forgotten:
            raise Expired("too old", status=410)
        yield self._events(since)

    async def _events(self, since: int) -> AsyncGenerator[Event]:
        told = 0
        while True:
            while told < len(self.history) and not self.quiet:
                event = self.history[told]
                told += 1
                if int(event.object["metadata"]["resourceVersion"]) > since:
                    yield event
            if self._cut is not None:
                raise self._cut
            await self._moved.wait()

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def _tell(self, event: Event) -> None:
        self.history.append(event)
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


EAGER = Patience(jitter=lambda: 0.0, first_delay_s=0.001, longest_delay_s=0.004, quiet_s=0.02)


@asynccontextmanager
async def following(kube: FlakyKube, patience: Patience = EAGER) -> AsyncGenerator[Cache]:
    """A cache that has listed and watches."""
    cache = Cache(cast(Kube, kube), [NODES], patience)
    task = asyncio.create_task(cache.run())
    try:
        await cache.synced(5)
        yield cache
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - what is looked at has no event
            await asyncio.sleep(0.005)


def known(cache: Cache) -> dict[str, Manifest]:
    return {item["metadata"]["name"]: item for item in cache.all(NODES)}
