"""`Agent`: all that one process does for one cluster, wired together: the cache, the solver, the activities, the nudges."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from activities.accepted import Acceptances
from activities.cache import Cache
from activities.cases import Cases
from activities.census import Census
from activities.creating import PodActivities
from activities.demands import Demands
from activities.erasing import EraseActivity
from activities.explaining import Explainer
from activities.fencing import Fence
from activities.informer import Follow
from activities.kube import BUDGETS, FABRICS, NODES, PLACEMENTS, PODS, REVISIONS, SERVICES, SYSTEMS, Kube, Manifest
from activities.ledger import Ledger
from activities.lookout import Ears, Lookout
from activities.nudging import Nudger, Nudges
from activities.observing import ObserveActivity
from activities.placements import Placement
from activities.placing import PlaceActivity, Saying
from activities.recording import RecordActivity
from activities.removing import RemoveActivity
from activities.replacing import ReplaceActivity
from activities.reporting import Reporter
from activities.room import Supply
from activities.solver import Solver
from activities.supply import FleetSupply
from activities.supporting import SupportActivity
from activities.trim import trimmed_node, trimmed_pod
from specs.names import SYSTEM


class Source(Supply, Protocol):
    """Where room comes from, and what it hears of."""

    def pod_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """Any pod of the cluster; true when that may have made room."""
        ...

    def node_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """True when that may have made room."""
        ...

    def placement_changed(self, was: Placement | None, now: Placement | None) -> None:
        """A demand or an answer changed."""
        ...

    def fabric_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """The declared fabric changed."""
        ...


FOLLOWED: Sequence[Follow] = (
    Follow(PODS, trimmed_pod),
    Follow(NODES, trimmed_node),
    Follow(PLACEMENTS),
    Follow(SYSTEMS),
    Follow(FABRICS),
    Follow(REVISIONS, labels=SYSTEM),
    Follow(SERVICES, labels=SYSTEM),
    Follow(BUDGETS, labels=SYSTEM),
)


@dataclass(frozen=True)
class Clocks:
    """The time of day, and seconds that never go back."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic


class Agent:
    """One agent of one cluster; several may run side by side.

    Run it beside a Temporal worker that serves `activities` on `messages.agent_queue(cluster)`:
    `tasks.create_task(agent.run())`, then `await agent.ready()`.
    """

    def __init__(
        self,
        kube: Kube,
        nudger: Nudger,
        cluster: str = "default",
        clocks: Clocks | None = None,
        supply: Callable[[Cache, Census, Acceptances], Source] = FleetSupply,
    ) -> None:
        clocks = clocks or Clocks()
        self.cache = Cache(kube, FOLLOWED)
        self.census = Census(clocks.now)
        self.cases = Cases(self.cache, self.census, Fence(self.cache), clocks.now)
        self._supply = supply(self.cache, self.census, self.cases.acceptances)
        self._wire(kube, nudger, cluster, clocks)

    def _wire(self, kube: Kube, nudger: Nudger, cluster: str, clocks: Clocks) -> None:
        cases, census = self.cases, self.census
        ledger = Ledger(kube, cases, lambda: int(clocks.now().timestamp()))
        demands = Demands(census, cases.acceptances, clocks.now)
        self.solver = Solver(ledger, census, demands, self._supply, Saying(kube, cases), clocks.monotonic)
        self.explainer = Explainer(kube, clocks.now)
        self.reporter = Reporter(kube, self.cache, clocks.now)
        self.nudges = Nudges(nudger, cluster, clocks.monotonic)
        self.lookout = Lookout(census, self.nudges, _ears(self._supply, self.solver, self.explainer))
        self.cache.tell(self.lookout.changed)
        self.pods = PodActivities(kube, cases, self.explainer)
        self.record = RecordActivity(kube, cases)
        self.support = SupportActivity(kube, cases)
        self.place = PlaceActivity(kube, cases, self.solver)
        self.remove = RemoveActivity(kube, cases, self.support)
        self.replace = ReplaceActivity(kube, cases, self.remove, self.solver, clocks.now)
        self.erase = EraseActivity(kube, cases)
        self.observe = ObserveActivity(cases, self.support, self.erase, self.nudges, self.explainer, self.reporter)

    @property
    def activities(self) -> list[Callable[..., Coroutine[Any, Any, Any]]]:
        """What the Temporal worker is to serve."""
        return [
            self.observe.observe,
            self.record.record,
            self.support.support,
            self.place.place,
            self.pods.create,
            self.pods.hold,
            self.pods.release,
            self.replace.replace,
            self.remove.remove,
            self.erase.erase,
        ]

    async def ready(self) -> None:
        """Return once the cache is filled; `Busy` says what keeps it."""
        await self.cache.synced()

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.cache.run(), name="cache")
                await self.cache.synced()
                for name, work in self._background():
                    tasks.create_task(work, name=name)
        finally:
            await self.nudges.close()

    def _background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        return [
            ("solver", self.solver.run()),
            ("lookout", self.lookout.run()),
            ("greeting", self.lookout.greet(self.cache.all(SYSTEMS))),
            ("explainer", self.explainer.run()),
            ("reporter", self.reporter.run()),
        ]


def _ears(supply: Source, solver: Solver, explainer: Explainer) -> Ears:
    def pod(old: Manifest | None, new: Manifest | None) -> None:
        if supply.pod_changed(old, new):
            solver.room_may_be_free()

    def node(old: Manifest | None, new: Manifest | None) -> None:
        if supply.node_changed(old, new):
            solver.room_may_be_free()

    def placement(was: Placement | None, now: Placement | None) -> None:
        supply.placement_changed(was, now)
        solver.placement_changed(was, now)

    def fabric(old: Manifest | None, new: Manifest | None) -> None:
        if supply.fabric_changed(old, new):
            solver.room_may_be_free()

    return Ears(pod, node, placement, fabric, lambda pod: explainer.forget(pod.uid))
