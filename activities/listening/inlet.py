"""The inlet: what was written into custom resources past Espalier becomes commands to the systems' workflows, each once.

An edit has an id of its own (uid and generation of the object), so it does no harm to send it again: after a failure, after a
restart, or from two agents. An edit that is refused stays in the object, with a condition and an Event that say why.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from activities.cache.accepted import accepted_before
from activities.cache.cache import Cache
from activities.cache.store import Key
from activities.cluster.kube import SCALING, Kind, Manifest
from activities.listening.answering import Answers
from activities.listening.door import Admitted, Door, TurnedDown
from activities.listening.errands import Errands
from activities.reports.edits import declared, is_edited, is_groves, path_of, scaled, system_of
from activities.telemetry import failed, step
from specs.minimums import remembered
from specs.owners import is_owned_by
from specs.sections import is_leaving

SIDE_BY_SIDE = 16
PASSING = ("BeingDeleted",)
"""Reasons of refusals that pass by themselves: sent again."""

Nudge = Callable[[str, str], None]
"""Namespace and name of a system to look at."""
Erase = Callable[[Manifest], Awaitable[None]]
"""Takes away a leaving system that no workflow keeps; `Busy` until nothing of it is left."""


class Inlet:
    """Hears of changed objects, and sends what is new in them: one at a time of each object, in the order of its edits."""

    def __init__(self, cache: Cache, door: Door, answers: Answers, nudge: Nudge, erase: Erase) -> None:
        self._cache, self._door, self._answers, self._nudge, self._erase = cache, door, answers, nudge, erase
        self._errands = Errands(self._take, _say)

    def changed(self, kind: Kind, key: Key, new: Manifest | None) -> None:
        """An object changed. Quick, never waits."""
        if new is None:
            self._answers.known.forget(kind, key)
        elif is_edited(new) and self._answers.known.of(kind, new) is None:
            self.look(kind, key)

    def look(self, kind: Kind, key: Key, *, anyhow: bool = False) -> None:
        """Send what is new in an object; `anyhow`: or all of it, because nobody keeps it."""
        self._errands.ask((kind, key), anyhow)

    async def run(self) -> None:
        """Send until cancelled."""
        await self._errands.run(SIDE_BY_SIDE)

    async def _take(self, errand: tuple[Kind, Key], anyhow: bool) -> None:
        kind, key = errand
        found = self._cache.get(kind, *key)
        if found is None or is_groves(found) or not (anyhow or is_edited(found)):
            return
        try:
            with step("edit_taken", plural=kind.plural, namespace=key[0], object=key[1]):
                admitted = await self._send(kind, found)
        except TurnedDown as error:
            leaves = kind not in SCALING and is_leaving(found)
            if error.reason in PASSING and leaves:
                return  # that it is to go counts as an edit of it, and its workflow has it so already
            if error.reason in PASSING:
                raise
            if anyhow and leaves:
                await self._erase(found)  # no workflow will begin with what it can't accept, and none is there to let it go
                return
            await self._answers.refuse(kind, found, error)
            self._nudge(*system_of(found))  # its status is told anew, should a report that was on its way not know of it
            return
        await self._answers.accept(kind, found, admitted)
        self._nudge(*system_of(found))  # what was held back may be written now

    async def _send(self, kind: Kind, found: Manifest) -> Admitted:
        if kind in SCALING:
            return await self._door.scale(scaled(found))
        told = declared(found, self._counts(found))
        known = accepted_before(self._cache, found)
        return await self._door.declare(replace(told, manifest=dict(remembered(told.manifest, known))))

    def _counts(self, found: Manifest) -> dict[str, int]:
        """Runtime counts that the system's scale objects keep: they outlive its workflow."""
        metadata = found["metadata"]
        there = (each for kind in SCALING for each in self._cache.of_system(kind, metadata["namespace"], metadata["name"]))
        return {path_of(each): int(each["spec"]["replicas"]) for each in there if is_owned_by(each, metadata["uid"])}


def _say(errand: tuple[Kind, Key], error: Exception) -> None:
    failed("edit_not_taken", error, plural=errand[0].plural, object="/".join(errand[1]))
