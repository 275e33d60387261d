"""The status of what declares a system and of what scales it: what `kubectl get` shows.

Written in the background, only when it changed.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from activities.cache.accepted import Acceptances
from activities.cache.cache import Cache
from activities.cluster.crew import Tally, each
from activities.cluster.kube import (
    BINDINGS,
    CLIQUE_SETS,
    CLIQUES,
    DECLARING,
    GANGS,
    GROUPS,
    MEMBERS,
    Busy,
    Kind,
    Kube,
    Manifest,
    NotThere,
    Overtaken,
    Refused,
)
from activities.messages import Observation, Order
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.clique_statuses import CliqueStatuses
from activities.reports.crowds import Crowds, Told
from activities.reports.events import Events, about
from activities.reports.member_statuses import member_status
from activities.reports.statuses import at_rest, status_of
from activities.state.cases import Case
from activities.state.progress import news
from activities.telemetry import failed, step
from specs.sections import entries

INTERVAL_S = 1.0
CROWD, LONGEST_S = 5, 10.0
"""So many systems on their way make a moment a second longer, up to the longest."""
AT_ONCE = 16
"""Writes side by side: a set of Grove has hundreds of objects, each with a status."""

TOLD = ("Preempted", "Preempting")
"""Reasons of which an Event tells when they come."""

Key = tuple[str, str]


@dataclass(frozen=True)
class _Report:
    order: Order
    seen: Observation
    case: Case | None
    due: float = 0.0
    """On the loop's clock."""


class Reporter:
    """Writes the newest status of each system, at most once a second; a status that did not change is not written.

    What will pass in a moment is shown only if it does not: a pod that is replaced within a second is no news. The more systems
    are on their way the longer a moment is: then the API server has their pods to make first.
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
        self._crowds = Crowds()
        self._some = asyncio.Event()

    def report(self, order: Order, seen: Observation, case: Case | None) -> None:
        """Have this shown, unless something newer comes first."""
        if seen.exists or order.deleting:
            soon = at_rest(seen) and not order.problems
            self._want(_Report(order, seen, case), 0.0 if soon else moment_s(len(self._wanted)))

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._until_due()
            now = asyncio.get_running_loop().time()
            for key in sorted(key for key, report in self._wanted.items() if report.due <= now):
                report = self._wanted.pop(key)
                self._written[key] = now
                await self._try(key, report)

    def _want(self, report: _Report, wait_s: float) -> None:
        """Soonest `wait_s` from now, and a second after the last."""
        key = (report.order.ref.namespace, report.order.ref.name)
        soonest = max(asyncio.get_running_loop().time() + wait_s, self._written.get(key, -INTERVAL_S) + INTERVAL_S)
        before = self._wanted.get(key)
        self._wanted[key] = replace(report, due=min(soonest, before.due) if before else soonest)
        self._some.set()

    async def _until_due(self) -> None:
        self._some.clear()
        first = min((report.due for report in self._wanted.values()), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(first):
                await self._some.wait()

    async def _try(self, key: Key, report: _Report) -> None:
        now = asyncio.get_running_loop().time()
        due, rest_at = self._crowds.due(key, list(self._statuses(key, report)), now)
        if rest_at is not None and key not in self._wanted:
            self._want(report, rest_at - now)
        try:
            await each(due, lambda told: self._try_one(key, told), Tally(), AT_ONCE)
        except Busy as error:
            failed("status_not_written", error, namespace=key[0], system=key[1])
            if key not in self._wanted:
                self._want(report, INTERVAL_S)

    async def _try_one(self, key: Key, told: Told) -> None:
        try:
            await self._write(told.kind, told.found, told.status)
        except (NotThere, Overtaken):
            self._written.pop(key, None)
        except Refused as error:
            failed("status_refused", error, namespace=key[0], system=key[1])

    def _statuses(self, key: Key, report: _Report) -> Iterator[Told]:
        """Every object that shows how the system is, with its new status."""
        order, kind = report.order, DECLARING[report.order.kind]
        found = self._cache.get(kind, *key)
        if found is None or (order.uid and found["metadata"]["uid"] != order.uid):
            return
        if kind == CLIQUE_SETS:
            yield from self._of_cliques(key, report, found)
            return
        yield Told(kind, found, status_of(order, report.seen, found, self._now(), self._answered.of(kind, found)))
        accepted = self._acceptances.of(*key, order.revision)
        if accepted is None:
            return
        for member in self._cache.of_system(MEMBERS, *key):
            edit = self._answered.of(MEMBERS, member)
            yield Told(MEMBERS, member, member_status(member, order, accepted.spec, report.seen, edit, self._now()))

    def _of_cliques(self, key: Key, report: _Report, found: Manifest) -> Iterator[Told]:
        if report.case is None:
            return  # nothing is known of it yet, or it can't be read any more
        bindings = {
            bound["metadata"]["name"]: [level["domain"] for level in entries(bound, "spec", "levels")]
            for bound in self._cache.all(BINDINGS)
        }
        statuses = CliqueStatuses(report.case, report.seen, bindings, self._now())
        yield Told(CLIQUE_SETS, found, statuses.of(CLIQUE_SETS, found, self._answered.of(CLIQUE_SETS, found)))
        if report.order.deleting:
            return  # they go as well
        for kind in (CLIQUES, GROUPS, GANGS):
            for item in self._cache.of_system(kind, *key):
                if statuses.tells_of(kind, item):
                    said = statuses.of(kind, item, self._answered.of(kind, item))
                    yield Told(kind, item, said, passing=not statuses.rests(kind, item))

    async def _write(self, kind: Kind, found: Manifest, status: Manifest) -> None:
        old: Manifest = found.get("status") or {}
        metadata = found["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        with step("status_written", plural=kind.plural, namespace=metadata["namespace"], object=metadata["name"]):
            stored = await self._kube.patch(kind, metadata["name"], patch, metadata["namespace"], subresource="status")
        self._cache.note_written(kind, stored)
        degraded = status.get("phase") == "Degraded" and status["message"] != old.get("message")
        if degraded or (status.get("reason") in TOLD and status["reason"] != old.get("reason")):
            await self._events.say(about(found), status["reason"], status["message"])
        for told in news(old, status):
            await self._events.say(about(found), told.reason, told.message, normal=told.normal)


def moment_s(on_their_way: int) -> float:
    """For how long what may pass is not shown, when the statuses of so many systems wait to be."""
    return min(max(INTERVAL_S, on_their_way / CROWD), LONGEST_S)
