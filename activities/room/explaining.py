"""One Event on every pod that waits for room: why, and what would make it fit. Where `kubectl describe pod` shows it."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.cache.pods import UNSCHEDULABLE, Pod
from activities.cluster.crew import Tally, each
from activities.cluster.kube import Busy, Refused
from activities.reports.events import About, Events
from activities.telemetry import failed, step

REFRESH_AFTER = timedelta(seconds=30)
"""Another reason: nobody reads faster."""
FIGURES_AFTER = timedelta(minutes=5)
"""The same reason in other words: figures change with every pod that comes or goes."""
AGAIN_AFTER = timedelta(minutes=50)
"""The same words: the API server forgets Events after an hour, and who waits is looked at every five minutes."""
AT_ONCE = 8
PAUSE_S = 1.0


@dataclass(frozen=True)
class Note:
    """What one pod is to be told."""

    pod: Pod
    reason: str
    message: str


@dataclass(frozen=True)
class _Said:
    reason: str
    message: str
    at: datetime


class Explainer:
    """Writes Events in the background; what is asked twice is written once an hour, and the newest sentence wins."""

    def __init__(self, events: Events, now: Callable[[], datetime]) -> None:
        self._events = events
        self._now = now
        self._wanted: dict[str, Note] = {}
        self._said: dict[str, _Said] = {}
        self._some = asyncio.Event()

    def explain(self, notes: Iterable[Note]) -> None:
        """Have these pods told, unless they were of late."""
        for note in notes:
            said = self._said.get(note.pod.uid)
            if said is None or said.message != note.message or self._now() - said.at >= AGAIN_AFTER:
                self._wanted[note.pod.uid] = note
                self._some.set()

    def forget(self, uid: str) -> None:
        """The pod is gone, or waits no more."""
        self._wanted.pop(uid, None)
        self._said.pop(uid, None)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S if self._wanted else None):
                    await self._some.wait()
            self._some.clear()
            await self._write_allowed()

    async def _write_allowed(self) -> None:
        notes = [note for note in self._wanted.values() if self._allowed(note)]
        try:
            if notes:
                with step("pods_explained", pods=len(notes)):
                    await each(notes, self._write, Tally(), AT_ONCE)
        except Busy as error:
            failed("explaining_failed", error)

    def _allowed(self, note: Note) -> bool:
        said = self._said.get(note.pod.uid)
        if said is None:
            return True
        return self._now() - said.at >= (FIGURES_AFTER if said.reason == note.reason else REFRESH_AFTER)

    async def _write(self, note: Note) -> None:
        said = self._said.get(note.pod.uid)
        try:
            say = self._events.say if said is None else self._events.say_again
            await say(_about(note.pod), UNSCHEDULABLE, note.message)
        except Refused as error:
            failed("event_refused", error, pod=note.pod.name)
        self._said[note.pod.uid] = _Said(note.reason, note.message, self._now())
        if self._wanted.get(note.pod.uid) == note:
            del self._wanted[note.pod.uid]


def _about(pod: Pod) -> About:
    return About("v1", "Pod", pod.namespace, pod.name, pod.uid)
