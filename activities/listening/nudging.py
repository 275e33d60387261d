"""Nudges: tell the workflow of a system that something about it changed, and how it looks now.

It looks for itself when it hears nothing or cannot use what it is told, so losing or doubling a nudge does no harm.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Protocol

from activities.cluster.kube import Busy
from activities.messages import Observation, Order, Ref
from activities.telemetry import failed

INTERVAL_S = 1.0
LOOKING = 10
"""A look costs as much as a system has pods: so many times as long as it took, nobody is told what is only under way."""
RETRY_S = 1.0
AT_ONCE = 8
"""More would be in Temporal's queue together, longer than a worker's sticky timeout, and be replayed from the start."""
HEARD_S = 0.3
"""How long a workflow that has something to mend keeps its place in `AT_ONCE`, unless it is heard of before."""


Call = Literal["mend", "tell", "later"]
"""There is something to mend; to tell; or to tell unless more happens within the second."""
Look = Callable[[Order], Observation | None]
"""How the system of an order looks now; None when that can't be said."""


class Nudger(Protocol):
    """The way to Temporal, as far as nudges need it."""

    async def nudge(self, workflow_id: str, seen: Observation | None) -> bool:
        """Signal `nudge`; False when no such workflow runs. Raises `Busy` when the server does not answer."""
        ...


class Nudges:
    """At once when all was quiet, then at most one a second for each system, so that a storm of pods is one nudge a second.

    `at_once` is for a milestone (the last pod settled): the next step has been waiting for it.
    """

    def __init__(self, nudger: Nudger, cluster: str, now: Callable[[], float], look: Look) -> None:
        self._nudger = nudger
        self._cluster = cluster
        self._now = now
        self._look = look
        self._orders: dict[tuple[str, str], Order] = {}
        """The last that somebody asked about."""
        self._last: dict[tuple[str, str], float] = {}
        self._cost_s: dict[tuple[str, str], float] = {}
        """Of the last look at a system."""
        self._pending: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._first: dict[tuple[str, str], None] = {}
        """Due, in this order; before the others."""
        self._rest: dict[tuple[str, str], None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard: dict[tuple[str, str], asyncio.Event] = {}

    def watch(self, order: Order) -> None:
        """From now on `order.watcher` (a workflow id) is told about this system, as that order asks."""
        key = (order.ref.namespace, order.ref.name)
        if order.watcher:
            self._orders[key] = order
        if key in self._heard:
            self._heard[key].set()

    def changed(self, namespace: str, name: str, call: Call = "tell", *, at_once: bool = False) -> None:
        """Something that matters happened to this system."""
        key = (namespace, name)
        interval = INTERVAL_S if call == "mend" else max(INTERVAL_S, LOOKING * self._cost_s.get(key, 0.0))
        wait = interval if call == "later" else self._last.get(key, -interval) + interval - self._now()
        if at_once or wait <= 0:
            self._send(key, call)
        elif key not in self._pending or call == "mend":
            if key in self._pending:
                self._pending[key].cancel()
            self._pending[key] = asyncio.get_running_loop().call_later(wait, self._send, key, call)

    async def close(self) -> None:
        """Drop what is pending; the resync timers of the workflows make up for it."""
        for timer in self._pending.values():
            timer.cancel()
        self._pending.clear()
        self._first.clear()
        self._rest.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, key: tuple[str, str], call: Call) -> None:
        timer = self._pending.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._last[key] = self._now()
        (self._first if call == "mend" else self._rest)[key] = None
        self._deliver_some()

    def _deliver_some(self) -> None:
        while (self._first or self._rest) and len(self._tasks) < AT_ONCE:
            mends = bool(self._first)
            key = next(iter(self._first or self._rest))
            self._first.pop(key, None)
            self._rest.pop(key, None)
            task = asyncio.get_running_loop().create_task(self._deliver(key, mends=mends))
            self._tasks.add(task)
            task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._deliver_some()

    async def _deliver(self, key: tuple[str, str], *, mends: bool) -> None:
        heard = self._heard[key] = asyncio.Event()
        try:
            await self._tell(key)
            if mends:
                with suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), HEARD_S)
        except Busy as error:
            failed("nudge_failed", error, namespace=key[0], system=key[1])
            if key not in self._pending:
                self._pending[key] = asyncio.get_running_loop().call_later(RETRY_S, self._send, key, "tell")
        finally:
            if self._heard.get(key) is heard:
                del self._heard[key]

    async def _tell(self, key: tuple[str, str]) -> None:
        entity = Ref(cluster=self._cluster, namespace=key[0], name=key[1]).workflow_id
        order = self._orders.get(key)
        watcher = order.watcher if order else entity
        started = self._now()
        seen = self._look(order) if order else None
        self._cost_s[key] = self._now() - started
        if await self._nudger.nudge(watcher, seen):
            return
        if self._orders.get(key) == order:
            self._orders.pop(key, None)
        if watcher != entity:
            await self._nudger.nudge(entity, seen)
