"""The status of the InferenceSystem object: what `kubectl get` shows. Written in the background, only when it changed."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

from activities.accepted import Acceptances
from activities.answered_edits import AnsweredEdits
from activities.cache import Cache
from activities.kube import MEMBERS, SYSTEMS, Busy, Kind, Kube, Manifest, NotThere, Overtaken, Refused
from activities.member_statuses import member_status
from activities.messages import Observation, Order
from activities.statuses import status_of
from activities.telemetry import failed, step

INTERVAL_S = 1.0

Key = tuple[str, str]


class Reporter:
    """Writes the newest status of each system, at most once a second; a status that did not change is not written."""

    def __init__(
        self, kube: Kube, cache: Cache, acceptances: Acceptances, answered: AnsweredEdits, now: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._acceptances = acceptances
        self._answered = answered
        self._now = now
        self._wanted: dict[Key, tuple[Order, Observation]] = {}
        self._some = asyncio.Event()

    def report(self, order: Order, seen: Observation) -> None:
        """Have this shown, unless something newer comes first."""
        if seen.exists or order.deleting:
            self._wanted[order.ref.namespace, order.ref.name] = (order, seen)
            self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            wanted, self._wanted = self._wanted, {}
            for key, (order, seen) in sorted(wanted.items()):
                await self._try(key, order, seen)
            await asyncio.sleep(INTERVAL_S)

    async def _try(self, key: Key, order: Order, seen: Observation) -> None:
        try:
            for kind, found, status in self._statuses(key, order, seen):
                await self._write(kind, found, status)
        except Busy as error:
            failed("status_not_written", error, namespace=key[0], system=key[1])
            self._wanted.setdefault(key, (order, seen))
            self._some.set()
        except (NotThere, Overtaken):
            return
        except Refused as error:
            failed("status_refused", error, namespace=key[0], system=key[1])

    def _statuses(self, key: Key, order: Order, seen: Observation) -> Iterator[tuple[Kind, Manifest, Manifest]]:
        """Every object that shows how the system is, with its new status."""
        found = self._cache.get(SYSTEMS, *key)
        if found is None or (order.uid and found["metadata"]["uid"] != order.uid):
            return
        yield SYSTEMS, found, status_of(order, seen, found, self._now(), self._answered.refusal(SYSTEMS, found))
        accepted = self._acceptances.of(*key, order.revision)
        if accepted is None:
            return
        for member in self._cache.of_system(MEMBERS, *key):
            edit = self._answered.refusal(MEMBERS, member)
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
