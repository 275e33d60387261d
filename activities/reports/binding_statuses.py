"""Status of ClusterTopologyBindings: clients of Grove wait until one is in sync, which here it is as soon as it is known.

Written once for each generation, and not where Grove's own operator has said it already.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from activities.cache.cache import Cache
from activities.cluster.kube import BINDINGS, Busy, Kind, Kube, Manifest, Refused
from activities.reports.statuses import condition_of
from activities.telemetry import failed, step
from specs.grove_status import BindingStatus
from specs.sections import condition, entries, section

DRIFT = "SchedulerTopologyDrift"
IN_SYNC = "Espalier places by these levels itself; no other scheduler's topology is needed"


class BindingReporter:
    """Tells of each binding that it is in force."""

    def __init__(self, kube: Kube, cache: Cache, now: Callable[[], datetime]) -> None:
        self._kube, self._cache, self._now = kube, cache, now
        self._untold: asyncio.Queue[str] = asyncio.Queue()

    def changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        """One object changed. To be registered with the cache; quick, never waits."""
        del old
        if kind == BINDINGS and new is not None and not _is_told(new):
            self._untold.put_nowait(new["metadata"]["name"])

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            name = await self._untold.get()
            try:
                await self._tell(name)
            except Busy as error:
                failed("binding_not_told", error, binding=name)
                self._untold.put_nowait(name)
                await asyncio.sleep(error.delay.total_seconds())
            except Refused as error:  # gone, or not ours to write
                failed("binding_refused", error, binding=name)

    async def _tell(self, name: str) -> None:
        found = self._cache.get(BINDINGS, None, name)
        if found is None or _is_told(found):
            return
        patch = {"metadata": {"uid": found["metadata"]["uid"]}, "status": binding_status(found, self._now())}
        with step("binding_told", binding=name):
            stored = await self._kube.patch(BINDINGS, name, patch, subresource="status")
        self._cache.note_written(BINDINGS, stored)


def binding_status(found: Manifest, now: datetime) -> Manifest:
    """What Grove says of a binding whose topologies are as they should be."""
    generation = int(found["metadata"].get("generation", 1))
    told = condition_of((DRIFT, False, "InSync", IN_SYNC), found, generation, now)
    named = [{**each, "inSync": True} for each in entries(found, "spec", "schedulerTopologyBindings")]
    status = BindingStatus.model_validate(
        {"observedGeneration": generation, "conditions": (told,), "schedulerTopologyStatuses": named}
    )
    return status.model_dump(mode="json", by_alias=True)


def _is_told(found: Manifest) -> bool:
    known = section(found, "status").get("observedGeneration") == found["metadata"].get("generation")
    return known and bool(condition(found, DRIFT).get("status"))
