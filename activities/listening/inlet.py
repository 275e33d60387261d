"""The inlet: what was written into custom resources past Espalier becomes commands to the systems' workflows, each once.

An edit has an id of its own (uid and generation of the object), so it does no harm to send it again: after a failure, after a
restart, or from two agents. An edit that is refused stays in the object, with a condition and an Event that say why.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activities.cache.cache import Cache
from activities.cache.store import Key, key_of
from activities.cluster.kube import DECLARING, SCALING, Busy, Kind, Kube, Manifest, NotThere, Overtaken
from activities.listening.nudging import Nudger
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.edits import (
    Declared,
    Scaled,
    declared,
    is_edited,
    is_groves,
    is_unreported,
    mark_of,
    path_of,
    scaled,
    system_of,
)
from activities.reports.events import Events, about
from activities.reports.statuses import turned_down
from activities.telemetry import failed, step
from specs.names import RECORDED
from specs.owners import is_owned_by

AT_ONCE = 16
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
SWEEP_S = 300.0
PASSING = ("BeingDeleted",)
"""Reasons of refusals that pass by themselves: sent again."""

Task = tuple[Kind, Key]
Nudge = Callable[[str, str], None]
"""Namespace and name of a system to look at."""
Erase = Callable[[Manifest], Awaitable[None]]
"""Takes away a leaving system that no workflow keeps; `Busy` until nothing of it is left."""


class TurnedDown(Exception):
    """A command that its system does not accept; the message ends with what to do."""

    def __init__(self, reason: str, message: str, generation: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.generation = generation
        """Of the intent that it was refused in."""


@dataclass(frozen=True)
class Admitted:
    """An edit that a system has accepted."""

    changed: bool
    """False when it was so already."""
    generation: int
    """Of the intent since then."""


class Door(Nudger, Protocol):
    """The way to the systems' workflows. Raises `TurnedDown` for what is refused, `Busy` for what must be sent again."""

    async def declare(self, declared: Declared) -> Admitted:
        """Declare a system, or change it."""
        ...

    async def scale(self, scaled: Scaled) -> Admitted:
        """Change counts."""
        ...

    async def running(self) -> Collection[Key]:
        """Systems whose workflows run, as far as is known; one that began just now may be missing."""
        ...


class Inlet:
    """Hears of changed objects, and sends what is new in them: one at a time of each object, in the order of its edits."""

    def __init__(self, cache: Cache, door: Door, answers: "Answers", nudge: Nudge, erase: Erase) -> None:
        self._cache, self._door, self._answers, self._nudge, self._erase = cache, door, answers, nudge, erase
        self._queue: asyncio.Queue[Task] = asyncio.Queue()
        self._waiting: dict[Task, bool] = {}
        """Tasks in the queue; whether to send them even if they are no news."""
        self._busy: dict[Task, bool] = {}
        """Tasks being sent; whether there is more to send."""
        self._pauses: dict[Task, float] = {}

    def changed(self, kind: Kind, key: Key, new: Manifest | None) -> None:
        """An object changed. Quick, never waits."""
        if new is None:
            self._answers.known.forget(kind, key)
        elif is_edited(new) and self._answers.known.of(kind, new) is None:
            self.look(kind, key)

    def look(self, kind: Kind, key: Key, *, anyhow: bool = False) -> None:
        """Send what is new in an object; `anyhow`: or all of it, because nobody keeps it."""
        task = (kind, key)
        if task in self._busy:
            self._busy[task] = True
        elif task not in self._waiting:
            self._queue.put_nowait(task)
        self._waiting[task] = anyhow or self._waiting.get(task, False)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            task = await self._queue.get()
            anyhow = self._waiting.pop(task)
            self._busy[task] = False
            try:
                await self._take(*task, anyhow=anyhow)
                self._pauses.pop(task, None)
            except Exception as error:  # noqa: BLE001 - whatever one object is, the others must go on; it is tried again
                failed("edit_not_taken", error, plural=task[0].plural, object="/".join(task[1]))
                self._later(task, anyhow=anyhow)
            if self._busy.pop(task):
                self._queue.put_nowait(task)

    def _later(self, task: Task, *, anyhow: bool) -> None:
        pause_s = min(self._pauses.get(task, FIRST_PAUSE_S / 2) * 2, LONGEST_PAUSE_S)
        self._pauses[task] = pause_s
        asyncio.get_running_loop().call_later(pause_s, lambda: self.look(*task, anyhow=anyhow))

    async def _take(self, kind: Kind, key: Key, *, anyhow: bool) -> None:
        found = self._cache.get(kind, *key)
        if found is None or is_groves(found) or not (anyhow or is_edited(found)):
            return
        try:
            with step("edit_taken", plural=kind.plural, namespace=key[0], object=key[1]):
                admitted = await self._send(kind, found)
        except TurnedDown as error:
            if error.reason in PASSING:
                raise
            if anyhow and kind not in SCALING and "deletionTimestamp" in found["metadata"]:
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
        return await self._door.declare(declared(found, self._counts(found)))

    def _counts(self, found: Manifest) -> dict[str, int]:
        """Runtime counts that the system's scale objects keep: they outlive its workflow."""
        metadata = found["metadata"]
        there = (each for kind in SCALING for each in self._cache.of_system(kind, metadata["namespace"], metadata["name"]))
        return {path_of(each): int(each["spec"]["replicas"]) for each in there if is_owned_by(each, metadata["uid"])}


class Answers:
    """What became of edits, in the objects themselves: accepted ones are marked, refused ones say why."""

    def __init__(self, kube: Kube, cache: Cache, events: Events, known: AnsweredEdits, now: Callable[[], datetime]) -> None:
        self._kube, self._cache, self._events, self._now = kube, cache, events, now
        self.known = known

    async def accept(self, kind: Kind, found: Manifest, admitted: Admitted) -> None:
        """Accepted. What changed nothing is recorded by nobody else."""
        self.known.note(kind, found, intent=admitted.generation)
        if not admitted.changed and is_edited(found):
            await self._patch(kind, found, {"metadata": {"annotations": {RECORDED: mark_of(found, found["spec"])}}})

    async def refuse(self, kind: Kind, found: Manifest, error: TurnedDown) -> None:
        """Refused: said in the status and as an Event, also when somebody else writes the object meanwhile."""
        edit = self.known.note(kind, found, reason=error.reason, message=str(error), intent=error.generation)
        await self._patch(kind, found, {"status": turned_down(found, edit, self._now())}, "status")
        await self._events.say(about(found), edit.reason, edit.message)

    async def _patch(self, kind: Kind, found: Manifest, patch: Manifest, subresource: str = "") -> None:
        metadata = found["metadata"]
        same = {"uid": metadata["uid"], **({} if subresource else {"resourceVersion": metadata["resourceVersion"]})}
        patch["metadata"] = {**patch.get("metadata", {}), **same}
        try:
            stored = await self._kube.patch(kind, metadata["name"], patch, metadata["namespace"], subresource)
        except (NotThere, Overtaken):
            return  # gone, or written since: that is another change
        self._cache.note_written(kind, stored)


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
