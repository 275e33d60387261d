"""`Informer`: follows one kind of object: list, watch, resume, list again, and wait in between when the server is away."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from activities.cache.store import Change, Store
from activities.cache.trim import Trim, trimmed
from activities.cluster.kube import Busy, Expired, Kind, Kube, Manifest, Refused
from activities.telemetry import failed

Changed = Callable[[Kind, Sequence[Change]], None]


@dataclass(frozen=True)
class Follow:
    """One kind to follow: which objects (`labels` is a selector), and what is kept of each."""

    kind: Kind
    trim: Trim = trimmed
    labels: str = ""
    optional: bool = False
    """Not every cluster serves it, or lets us read it: then there is nothing of it, and it is looked for again after a while."""


@dataclass(frozen=True)
class Patience:
    """How long things may take. `jitter` gives numbers from 0 to 1."""

    jitter: Callable[[], float]
    first_delay_s: float = 0.1
    longest_delay_s: float = 15.0
    resumes: int = 3
    """After so many watches in a row that brought nothing, list again: the server may have lost its history."""
    unserved_s: float = 300.0
    """Before a kind that is not served is looked for again."""
    quiet_s: float = 1.0
    """Somebody waits for a version and nothing at all comes for so long: list. Bookmarks come only once a minute."""

    def delay_s(self, failures: int) -> float:
        """Before the next attempt: doubled with every failure in a row, half by chance so that agents do not come all at once."""
        ceiling_s = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(failures - 1, 20))
        return ceiling_s * (0.5 + self.jitter() / 2)


class Informer:
    """Keeps one `Store` equal to the server's, and tells of every change once it is in."""

    def __init__(self, kube: Kube, follow: Follow, changed: Changed, patience: Patience) -> None:
        self.store = Store(follow.trim)
        self.listed = asyncio.Event()
        self.problem = ""
        """Why the server does not tell us anything at the moment."""
        self._kube, self._follow, self._changed, self._patience = kube, follow, changed, patience
        self._listing = asyncio.Lock()
        self._stale = True
        self._failures = self._waiting = 0
        self._asking: asyncio.Task[None] | None = None
        self._unserved = False
        self._look = asyncio.Event()
        self._follows = self._torn = False
        self._begun = self._done = 0
        """Lists that were begun, and the last of them that was taken in."""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            wish_s = await self._attempt()
            self._failures += 1  # until the next event
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wish_s, self._patience.delay_s(self._failures))):
                    await self._look.wait()
            self._look.clear()

    def wrote(self, item: Manifest) -> Sequence[Change]:
        """Take in the answer to a write. Where the kind was not served, it is now."""
        if self._unserved:
            self._look.set()
        return self.store.written(item)

    async def _attempt(self) -> float:
        """Follow as long as the server lets us; returns how long it asks us to stay away."""
        wish_s = 0.0
        try:
            await self._follow_once()
        except Expired:
            self._stale = True
        except (Busy, Refused) as error:
            if self._follow.optional and isinstance(error, Refused):
                self._stale = self._unserved = True
                self.listed.set()
                return self._patience.unserved_s
            self.problem, self._torn = str(error), True
            wish_s = error.delay.total_seconds() if isinstance(error, Busy) else 0.0
            self._stale = self._stale or isinstance(error, Refused) or self._failures >= self._patience.resumes
            failed("watch_failed", error, plural=self._follow.kind.plural)
        return wish_s

    async def _follow_once(self) -> None:
        if self._stale:
            await self._list()
        async with self._kube.watch(self._follow.kind, self.store.version, labels=self._follow.labels) as events:
            self.problem, self._follows = "", True
            try:
                async for event in events:
                    changes = self.store.event(event)
                    self._failures, self.problem = 0, ""
                    self._tell(changes)
            finally:
                self._follows = False

    async def _list(self) -> None:
        async with self._listing:
            await self._take_list(forgets=True)
            self._torn = False
        self._stale = self._unserved = False
        self.listed.set()

    async def _refresh(self) -> None:
        """List beside the watch; one list at a time, so that a later one is never older than an earlier one."""
        asked = self._begun
        async with self._listing:
            if self._done <= asked:  # else somebody's list began after this was asked for
                await self._take_list()
                self._torn = self._torn and not self._follows

    async def _take_list(self, *, forgets: bool = False) -> None:
        self._begun += 1
        listing = await self._kube.list(self._follow.kind, labels=self._follow.labels, keep=self._follow.trim)
        if forgets and listing.version < self.store.version:
            self._tell(self.store.forget())
        self._tell(self.store.listed(listing))
        self._done = self._begun

    async def sure(self) -> None:
        """Return once all is in that happened before this call, where a watch was cut meanwhile: by a list, if need be.

        Raises `Busy` while the server can't be asked.
        """
        if self._torn or not self._follows:
            await self._refresh()

    def _tell(self, changes: Sequence[Change]) -> None:
        if changes:
            self._changed(self._follow.kind, changes)
        self.store.wake()

    async def reached(self, version: int, timeout_s: float) -> None:
        """Return once everything up to `version` is in and told of; `Busy` when that takes longer than `timeout_s`."""
        if self.store.version >= version:
            return
        arrived = asyncio.get_running_loop().create_future()
        self.store.when(version, arrived)
        self._waiting += 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(timeout_s):
                await arrived
        except TimeoutError:
            raise Busy(self._behind(version, timeout_s)) from None
        finally:
            self._waiting -= 1

    async def _ask(self) -> None:
        """List whenever somebody waits and nothing has come for a while."""
        while self._waiting:
            seen = self.store.version
            await asyncio.sleep(self._patience.quiet_s)
            if not self._waiting or self.store.version != seen:
                continue
            try:
                await self._refresh()
            except (Busy, Refused) as error:
                self.problem = str(error)

    def _behind(self, version: int, timeout_s: float) -> str:
        reason = f": {self.problem}" if self.problem else ""
        seen = f"{self._follow.kind.plural} are known up to version {self.store.version}"
        return f"{seen}, not yet up to {version}, after {timeout_s:g} s{reason}"
