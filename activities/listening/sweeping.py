"""The sweep: a look through all objects, for what happened while nobody was here, and for what was missed."""

import asyncio
from collections.abc import Callable, Collection

from activities.cache.cache import Cache
from activities.cache.store import Key, key_of
from activities.cluster.kube import DECLARING, SCALING, Busy, Kind, Manifest
from activities.listening.door import Door
from activities.listening.errands import FIRST_PAUSE_S, LONGEST_PAUSE_S
from activities.listening.inlet import Inlet, Nudge
from activities.reports.edits import is_unreported, system_of
from activities.telemetry import failed

SWEEP_S = 300.0


class Sweep:
    """Looks through all objects, at first and now and then: for what happened while nobody was here, and for what was missed."""

    def __init__(self, cache: Cache, door: Door, inlet: Inlet, strays: Callable[[Manifest], bool], nudge: Nudge) -> None:
        self._cache, self._door, self._inlet = cache, door, inlet
        self._strays, self._nudge = strays, nudge

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self.once()
                pause_s = SWEEP_S
            except Busy as error:
                failed("sweep_failed", error)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def once(self) -> None:
        """Systems that no workflow keeps, edits that nobody answered, and what is not as the objects' status has it."""
        running = await self._door.running()
        for kind in DECLARING.values():
            for found in list(self._cache.all(kind)):
                self._keep(kind, found, running)
        for kind in (*DECLARING.values(), *SCALING):
            for found in list(self._cache.all(kind)):
                self._inlet.changed(kind, key_of(found), found)
                if is_unreported(found):
                    self._nudge(*system_of(found))

    def _keep(self, kind: Kind, found: Manifest, running: Collection[Key]) -> None:
        key = key_of(found)
        if key not in running:
            self._inlet.look(kind, key, anyhow=True)
        elif "deletionTimestamp" in found["metadata"] or self._strays(found):
            self._nudge(*key)
