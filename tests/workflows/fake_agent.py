"""Activities by their real names, backed by the model of a cluster; they nudge as the real agent does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.messages import (
    CREATE,
    ERASE,
    HOLD,
    MOVE,
    OBSERVE,
    PLACE,
    RECORD,
    RELEASE,
    REMOVE,
    REPLACE,
    SUPPORT,
    UPDATE,
    Observation,
    Order,
    Record,
    Recorded,
    Written,
)  # fmt: skip
from activities.plans import FOLLOW_MOVES, PLAN_MOVES, FollowRequest, MovePlan, MovesSeen, PlanRequest
from tests.workflows.model import ClusterModel, Stale
from workflows.requests import NUDGE

T = TypeVar("T")
WRITES = (SUPPORT, PLACE, CREATE, HOLD, RELEASE, REPLACE, REMOVE, UPDATE, MOVE, ERASE)


class FakeAgent:
    """One cluster, as many systems as are asked for; each has a model of its own."""

    def __init__(self, client: Client, cluster: str, nodes: int = 4, places: int = 8) -> None:
        self.client = client
        self.cluster = cluster
        self.orders: dict[str, Order] = {}
        """The last order that each system was observed for."""
        self.models: dict[str, ClusterModel] = {}
        self.calls: list[tuple[str, str]] = []
        """System and activity, in the order asked."""
        self.gate = asyncio.Event()
        """Cleared: writes wait."""
        self.gate.set()
        self.closed: set[str] = set()
        """Writes that wait, by name."""
        self.cancelled: list[str] = []
        """Writes that were cancelled while they waited."""
        self.broken: dict[str, ApplicationError] = {}
        """Activity -> what it fails with."""
        self.kubelets = True
        self.plans: list[MovePlan] = []
        """What is answered to PlanMoves; the last one again and again."""
        self.moves = MovesSeen()
        """What is answered to FollowMoves."""
        self._looks = 0
        self._nodes = {f"n{index}": places for index in range(nodes)}

    def model(self, name: str) -> ClusterModel:
        return self.models.setdefault(name, ClusterModel(dict(self._nodes)))

    @property
    def activities(self) -> Sequence[Callable[..., Awaitable[object]]]:
        return [self.observe, self.record, self.plan, self.follow, *(self._write(name) for name in WRITES)]

    @activity.defn(name=OBSERVE)
    async def observe(self, order: Order) -> Observation:
        self._note(OBSERVE, order)
        return self._seen(order)

    @activity.defn(name=PLAN_MOVES)
    async def plan(self, request: PlanRequest) -> MovePlan:
        del request
        return self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]

    @activity.defn(name=FOLLOW_MOVES)
    async def follow(self, request: FollowRequest) -> MovesSeen:
        while not self.moves.reason and self.moves.done <= request.done:
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return self.moves

    @activity.defn(name=RECORD)
    async def record(self, record: Record) -> Recorded:
        self._note(RECORD, record.order)
        await self._pass(RECORD)
        return self._fenced(lambda: self.model(record.order.ref.name).record(record.order, record.manifest))

    def _write(self, name: str) -> Callable[[Order], Awaitable[Written]]:
        @activity.defn(name=name)
        async def write(order: Order) -> Written:
            self._note(name, order)
            await self._pass(name)
            written = self._fenced(lambda: self.model(order.ref.name).act(name, order))
            seen = self._seen(order)
            return written.model_copy(update={"versions": seen.versions, "seen": seen})

        return write

    async def run(self) -> None:
        """Kubelets: pods get on, and the agent tells of it."""
        while True:
            await asyncio.sleep(0.02)
            if self.kubelets:
                moved = [name for name, model in self.models.items() if model.advance()]
                await asyncio.gather(*(self.nudge(name) for name in moved))

    async def nudge(self, name: str) -> None:
        with suppress(RPCError):
            order = self.orders[name]
            await self.client.get_workflow_handle(order.watcher).signal(NUDGE, self._seen(order))

    def _seen(self, order: Order) -> Observation:
        """Later ones are newer; the nudges tell of the last order that was asked about."""
        self.orders[order.ref.name] = order
        self._looks += 1
        facts = {"question": order.question, "versions": {"pods": self._looks}}
        return self.model(order.ref.name).observe(order).model_copy(update=facts)

    def count(self, name: str, action: str) -> int:
        return self.calls.count((name, action))

    def _note(self, action: str, order: Order) -> None:
        self.calls.append((order.ref.name, action))
        if action in self.broken:
            raise self.broken[action]

    async def _pass(self, name: str) -> None:
        try:
            while name in self.closed or not self.gate.is_set():
                activity.heartbeat()
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise

    def _fenced(self, write: Callable[[], T]) -> T:
        try:
            return write()
        except Stale as error:
            raise ApplicationError(str(error), type="Overtaken", non_retryable=True) from error
