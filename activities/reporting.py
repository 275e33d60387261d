"""The status of the InferenceSystem object: what `kubectl get` shows. Written in the background, only when it changed."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from activities.cache import Cache
from activities.kube import SYSTEMS, Busy, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import Observation, Order
from activities.statuses import status_of
from activities.telemetry import failed, step

INTERVAL_S = 1.0

Key = tuple[str, str]


class Reporter:
    """Writes the newest status of each system, at most once a second; a status that did not change is not written."""

    def __init__(self, kube: Kube, cache: Cache, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._cache = cache
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
            await self._write(key, order, seen)
        except Busy as error:
            failed("status_not_written", error, namespace=key[0], system=key[1])
            self._wanted.setdefault(key, (order, seen))
            self._some.set()
        except (NotThere, Overtaken):
            return
        except Refused as error:
            failed("status_refused", error, namespace=key[0], system=key[1])

    async def _write(self, key: Key, order: Order, seen: Observation) -> None:
        found = self._cache.get(SYSTEMS, *key)
        if found is None or (order.uid and found["metadata"]["uid"] != order.uid):
            return
        old: Manifest = found.get("status") or {}
        new = status_of(order, seen, found, self._now())
        if all(old.get(field) == value for field, value in new.items()):
            return
        patch = {"metadata": {"uid": found["metadata"]["uid"]}, "status": new}
        with step("status_written", namespace=key[0], system=key[1]):
            stored = await self._kube.patch(SYSTEMS, key[1], patch, key[0], subresource="status")
        self._cache.note_written(SYSTEMS, stored)
