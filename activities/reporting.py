"""The status of the InferenceSystem object: what `kubectl get` shows. Written in the background, only when it changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from activities.accepted import Acceptances
from activities.answered_edits import AnsweredEdits
from activities.cache import Cache
from activities.events import Events, about
from activities.kube import MEMBERS, SYSTEMS, Busy, Kind, Kube, Manifest, NotThere, Overtaken, Refused
from activities.member_statuses import member_status
from activities.messages import Observation, Order, PodClass
from activities.statuses import status_of
from activities.telemetry import failed, step

INTERVAL_S = 1.0

PASSING: tuple[PodClass, ...] = (
    "missing", "bare", "unheld", "due", "pinned", "refused", "starting", "failed", "lost", "leaving", "surplus",
)  # fmt: skip

Key = tuple[str, str]


@dataclass(frozen=True)
class _Report:
    order: Order
    seen: Observation
    due: float
    """On the loop's clock."""


class Reporter:
    """Writes the newest status of each system, at most once a second; a status that did not change is not written.

    What will pass in a moment is shown only if it does not: a pod that is replaced within a second is no news.
    """

    def __init__(
        self,
        kube: Kube,
        events: Events,
        cache: Cache,
        acceptances: Acceptances,
        answered: AnsweredEdits,
        now: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._events = events
        self._cache = cache
        self._acceptances = acceptances
        self._answered = answered
        self._now = now
        self._wanted: dict[Key, _Report] = {}
        self._written: dict[Key, float] = {}
        self._some = asyncio.Event()

    def report(self, order: Order, seen: Observation) -> None:
        """Have this shown, unless something newer comes first."""
        if seen.exists or order.deleting:
            soon = at_rest(seen) and not order.problems
            self._want((order.ref.namespace, order.ref.name), order, seen, 0.0 if soon else INTERVAL_S)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._until_due()
            now = asyncio.get_running_loop().time()
            for key in sorted(key for key, each in self._wanted.items() if each.due <= now):
                each = self._wanted.pop(key)
                self._written[key] = now
                await self._try(key, each.order, each.seen)

    def _want(self, key: Key, order: Order, seen: Observation, wait_s: float) -> None:
        """Soonest `wait_s` from now, and a second after the last."""
        soonest = max(asyncio.get_running_loop().time() + wait_s, self._written.get(key, -INTERVAL_S) + INTERVAL_S)
        before = self._wanted.get(key)
        self._wanted[key] = _Report(order, seen, min(soonest, before.due) if before else soonest)
        self._some.set()

    async def _until_due(self) -> None:
        self._some.clear()
        first = min((each.due for each in self._wanted.values()), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(first):
                await self._some.wait()

    async def _try(self, key: Key, order: Order, seen: Observation) -> None:
        try:
            for kind, found, status in self._statuses(key, order, seen):
                await self._write(kind, found, status)
        except Busy as error:
            failed("status_not_written", error, namespace=key[0], system=key[1])
            if key not in self._wanted:
                self._want(key, order, seen, INTERVAL_S)
        except (NotThere, Overtaken):
            self._written.pop(key, None)
        except Refused as error:
            failed("status_refused", error, namespace=key[0], system=key[1])

    def _statuses(self, key: Key, order: Order, seen: Observation) -> Iterator[tuple[Kind, Manifest, Manifest]]:
        """Every object that shows how the system is, with its new status."""
        found = self._cache.get(SYSTEMS, *key)
        if found is None or (order.uid and found["metadata"]["uid"] != order.uid):
            return
        yield SYSTEMS, found, status_of(order, seen, found, self._now(), self._answered.of(SYSTEMS, found))
        accepted = self._acceptances.of(*key, order.revision)
        if accepted is None:
            return
        for member in self._cache.of_system(MEMBERS, *key):
            edit = self._answered.of(MEMBERS, member)
            yield MEMBERS, member, member_status(member, order, accepted.spec, seen, edit, self._now())

    async def _write(self, kind: Kind, found: Manifest, status: Manifest) -> None:
        old: Manifest = found.get("status") or {}
        if all(old.get(field) == value for field, value in status.items()):
            return
        metadata = found["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        with step("status_written", plural=kind.plural, namespace=metadata["namespace"], object=metadata["name"]):
            stored = await self._kube.patch(kind, metadata["name"], patch, metadata["namespace"], subresource="status")
        self._cache.note_written(kind, stored)
        if status.get("phase") == "Degraded" and status["message"] != old.get("message"):
            await self._events.say(about(found), status["reason"], status["message"])


def at_rest(seen: Observation) -> bool:
    """Whether nothing is on its way that may be over in a moment."""
    return not seen.total(*PASSING) and not seen.unplanned
