"""`Cache`: the one picture of the cluster that this process keeps, for all who ask."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Sequence

from activities.cache.informer import Follow, Informer, Patience
from activities.cache.store import Change
from activities.cluster.kube import Busy, Kind, Kube, Manifest
from activities.telemetry import failed

OnChange = Callable[[Kind, Manifest | None, Manifest | None], None]
"""Called with what was there and what is there now."""

REACHED_TIMEOUT_S = 10.0
SYNCED_TIMEOUT_S = 60.0


class Cache:
    """Follows some kinds of objects, each by one list and one watch of the whole cluster.

    Run it beside its users: `tasks.create_task(cache.run())`, then `await cache.synced()`. It recovers
    from whatever the server does. Objects that are handed out are shared and trimmed: nobody may change them, nor send them
    back as a whole.
    """

    def __init__(self, kube: Kube, kinds: Iterable[Follow | Kind], patience: Patience | None = None) -> None:
        follows = [each if isinstance(each, Follow) else Follow(each) for each in kinds]
        patience = patience or Patience(random.random)
        self._informers = {each.kind: Informer(kube, each, self._changed, patience) for each in follows}
        self._told: list[OnChange] = []

    def tell(self, on_change: OnChange) -> None:
        """Call `on_change(kind, old, new)` for every change, in order, once it is in, before those who wait for it go on.

        It must be quick and must not wait. It is not called where only what is trimmed away has changed, nor for what is
        already in: register before `run`.
        """
        self._told.append(on_change)

    async def run(self) -> None:
        """Follow every kind until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind, informer in self._informers.items():
                tasks.create_task(informer.run(), name=f"follow {kind.plural}")

    async def synced(self, timeout_s: float = SYNCED_TIMEOUT_S) -> None:
        """Return once every kind was listed; `Busy` says which one was not, and why."""
        try:
            async with asyncio.timeout(timeout_s):
                for informer in self._informers.values():
                    await informer.listed.wait()
        except TimeoutError:
            missing = [kind.plural for kind, informer in self._informers.items() if not informer.listed.is_set()]
            reasons = [informer.problem for informer in self._informers.values() if informer.problem]
            raise Busy(f"not listed after {timeout_s:g} s: {', '.join(missing)}. {'; '.join(reasons)}") from None

    @property
    def problem(self) -> str:
        """Why some kind can't be followed just now; empty when all can."""
        return next((informer.problem for informer in self._informers.values() if informer.problem), "")

    def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest | None:
        """One object, or None."""
        return self._informers[kind].store.objects.get((namespace or "", name))

    def all(self, kind: Kind) -> Collection[Manifest]:
        """Every object of a kind, in no particular order. A view: take a list before you wait for anything."""
        return self._informers[kind].store.objects.values()

    def of_system(self, kind: Kind, namespace: str, system: str) -> Sequence[Manifest]:
        """The objects that carry one system's label, by name."""
        return self._informers[kind].store.of_system(namespace, system)

    def count(self, kind: Kind, namespace: str, system: str) -> int:
        """How many objects carry one system's label."""
        return self._informers[kind].store.count(namespace, system)

    def version(self, kind: Kind) -> int:
        """Everything up to this resourceVersion is in."""
        return self._informers[kind].store.version

    async def reached(self, kind: Kind, version: int, timeout_s: float = REACHED_TIMEOUT_S) -> None:
        """Return once everything up to `version` is in; `Busy` when that takes longer than `timeout_s`.

        A kind that nobody writes moves only once a minute; then a list is asked for.
        """
        await self._informers[kind].reached(version, timeout_s)

    async def sure(self, kind: Kind) -> None:
        """Return once nothing is missing that happened before this call, as it may where a watch was cut; `Busy` while it is.

        For who is about to take something away. Cost: one list after a cut, else nothing.
        """
        await self._informers[kind].sure()

    def note_written(self, kind: Kind, item: Manifest) -> None:
        """Take in the answer to a write at once, so that the next decision sees it before the watch brings it."""
        informer = self._informers.get(kind)
        if informer is not None:
            self._changed(kind, informer.wrote(item))

    def _changed(self, kind: Kind, changes: Sequence[Change]) -> None:
        for old, new in changes:
            for on_change in self._told:
                self._tell_one(on_change, kind, old, new)

    def _tell_one(self, on_change: OnChange, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        try:
            on_change(kind, old, new)
        except Exception as error:  # noqa: BLE001 - one strange object must not stop all others
            name = (new or old or {}).get("metadata", {}).get("name", "")
            failed("change_not_handled", error, plural=kind.plural, object=name)
