"""`Agent`: all that one process does for one cluster, wired together: the cache, the solver, the activities, the nudges."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from activities.advising import Adviser
from activities.cache.accepted import Acceptances
from activities.cache.cache import Cache
from activities.cache.census import Census
from activities.cache.informer import Follow
from activities.cache.store import key_of
from activities.cache.trim import trimmed_member, trimmed_node, trimmed_pod, trimmed_system
from activities.cluster.kube import (
    ACCOUNTS,
    AUTOSCALERS,
    BINDINGS,
    BUDGETS,
    CLAIM_TEMPLATES,
    CLAIMS,
    CLASSES,
    CLIQUE_SETS,
    CLIQUES,
    DOMAINS,
    FABRICS,
    GANGS,
    GROUPS,
    MEMBERS,
    NODES,
    PLACEMENTS,
    PODS,
    PRIORITIES,
    REVISIONS,
    SERVICES,
    SLICES,
    SYSTEMS,
    Kube,
    Manifest,
)
from activities.listening.answering import Answers
from activities.listening.door import Door
from activities.listening.hearing import Hearing, Source
from activities.listening.inlet import Inlet
from activities.listening.lookout import Lookout
from activities.listening.nudging import Nudges
from activities.listening.sweeping import Sweep
from activities.messages import CREATE, ERASE, HOLD, MOVE, PLACE, RELEASE, REMOVE, RENEW, REPLACE, RESTART, SUPPORT, UPDATE
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.binding_statuses import BindingReporter
from activities.reports.events import Events
from activities.reports.reporting import Reporter
from activities.reports.statuses import strays
from activities.room.demands import Demands
from activities.room.explaining import Explainer
from activities.room.keeping_up import KeepingUp
from activities.room.ledger import Ledger
from activities.room.provisioning import Provisioner
from activities.room.solver import Solver
from activities.room.supply import FleetSupply
from activities.state.cases import Cases
from activities.state.fencing import Fence
from activities.state.unplaced import Unplaced
from activities.steps.creating import PodSteps
from activities.steps.defragmenting import Defragmenting, Known
from activities.steps.erasing import EraseStep
from activities.steps.moving import MoveStep
from activities.steps.observing import ObserveActivity, Observer
from activities.steps.placing import PlaceStep, Saying
from activities.steps.recording import RecordActivity
from activities.steps.rehousing import Rehousing
from activities.steps.removing import RemoveStep
from activities.steps.renewing import RenewStep
from activities.steps.replacing import ReplaceStep
from activities.steps.restarting import Attempting, RestartStep
from activities.steps.returning import Returns
from activities.steps.stepping import Step, Steps
from activities.steps.supporting import SupportStep
from activities.steps.updating import UpdateStep
from specs.names import SYSTEM

FOLLOWED: Sequence[Follow] = (
    Follow(PODS, trimmed_pod),
    Follow(NODES, trimmed_node),
    Follow(PLACEMENTS),
    Follow(SYSTEMS, trimmed_system),
    Follow(MEMBERS, trimmed_member, labels=SYSTEM),
    Follow(FABRICS),
    Follow(PRIORITIES),
    Follow(CLASSES, optional=True),
    Follow(SLICES, optional=True),
    Follow(CLAIM_TEMPLATES, optional=True),
    Follow(REVISIONS, labels=SYSTEM),
    Follow(SERVICES, labels=SYSTEM),
    Follow(BUDGETS),
    Follow(CLIQUE_SETS, trimmed_system, optional=True),
    Follow(CLIQUES, trimmed_member, labels=SYSTEM, optional=True),
    Follow(GROUPS, trimmed_member, labels=SYSTEM, optional=True),
    Follow(GANGS, labels=SYSTEM, optional=True),
    Follow(BINDINGS, optional=True),
    Follow(AUTOSCALERS, labels=SYSTEM, optional=True),
    Follow(ACCOUNTS, labels=SYSTEM, optional=True),
    Follow(CLAIMS, labels=SYSTEM, optional=True),
    Follow(DOMAINS, labels=SYSTEM, optional=True),
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
        door: Door,
        cluster: str = "default",
        clocks: Clocks | None = None,
        provisioning_class: str = "",
        schedulers: Collection[str] = (),
        supply: Callable[[Cache, Census, Acceptances], Source] = FleetSupply,
    ) -> None:
        clocks = clocks or Clocks()
        self.cache = Cache(kube, FOLLOWED)
        self.census = Census(clocks.now)
        self._unplaced = Unplaced(self._later)
        self.cases = Cases(self.cache, self.census, Fence(self.cache), clocks.now, self._unplaced, schedulers)
        self._supply = supply(self.cache, self.census, self.cases.acceptances)
        self.provisioner = Provisioner(kube, self.census, self.cases.acceptances, provisioning_class, clocks.now)
        self._wire(kube, door, cluster, clocks)

    def _wire(self, kube: Kube, door: Door, cluster: str, clocks: Clocks) -> None:
        cases, census = self.cases, self.census
        ledger = Ledger(kube, cases, lambda: int(clocks.now().timestamp()))
        demands = Demands(census, cases.acceptances, clocks.now)
        self.solver = Solver(ledger, census, demands, self._supply, Saying(kube, cases), clocks.monotonic, self._unplaced)
        known = Known(census, cases.acceptances, demands, self._supply, self.solver, self._unplaced)
        self.defragmenting = Defragmenting(known)
        events, answered = Events(kube, clocks.now), AnsweredEdits()
        self.explainer = Explainer(events, clocks.now)
        self.reporter = Reporter(kube, events, self.cache, cases.acceptances, answered, clocks.now)
        support, erase = SupportStep(kube, cases, events, answered), EraseStep(kube, cases)
        returns = Returns(census.pods, clocks.monotonic)
        observer = Observer(cases, support, returns, erase, self.explainer, self.reporter)
        self.nudges = Nudges(door, cluster, clocks.monotonic, observer.told)
        self.adviser = Adviser(self.solver, self._supply, self.defragmenting, cases.advice, self._later)
        answers = Answers(kube, self.cache, events, answered, clocks.now)
        self.inlet = Inlet(self.cache, door, answers, self.nudges.changed, erase.unkept)
        self.sweep = Sweep(self.cache, door, self.inlet, self._strays, self.nudges.changed)
        self.keeping_up = KeepingUp(self.solver, self._supply)
        ears = Hearing(self._supply, census, self.solver, self.keeping_up, self.explainer, self.inlet)
        self.lookout = Lookout(census, self.nudges, ears)
        self.bindings = BindingReporter(kube, self.cache, clocks.now)
        self.cache.tell(self.lookout.changed)
        self.cache.tell(self.bindings.changed)
        self.observe = ObserveActivity(cases, observer, self.nudges)
        self.record = RecordActivity(kube, cases, answered, observer)
        pods = PodSteps(kube, cases, self.explainer)
        remove = RemoveStep(kube, cases, support, returns, events, pods.keep)
        self.steps = Steps({**self._steps(kube, clocks, support, pods, remove), ERASE: erase.erase}, observer, self.nudges)

    def _steps(self, kube: Kube, clocks: Clocks, support: SupportStep, pods: PodSteps, remove: RemoveStep) -> Mapping[str, Step]:
        cases = self.cases
        attempting, rehousing = Attempting(kube, cases), Rehousing(cases, self.solver, clocks.now)
        return {
            SUPPORT: support.support,
            PLACE: PlaceStep(kube, cases, self.solver).place,
            CREATE: pods.create,
            HOLD: pods.hold,
            RELEASE: pods.release,
            REPLACE: ReplaceStep(kube, cases, remove, self.solver, attempting, clocks.now).replace,
            REMOVE: remove.remove,
            UPDATE: UpdateStep(kube, cases, rehousing).update,
            MOVE: MoveStep(cases, rehousing).move,
            RENEW: RenewStep(kube, cases).renew,
            RESTART: RestartStep(cases, attempting).restart,
        }

    def _later(self, namespace: str, name: str) -> None:
        self.nudges.changed(namespace, name, "later")

    def _strays(self, found: Manifest) -> bool:
        return strays(found, self.census, self.cache.of_system(CLIQUES, *key_of(found)))

    @property
    def activities(self) -> Sequence[Callable[..., Coroutine[Any, Any, Any]]]:
        """What the Temporal worker is to serve."""
        return [self.observe.observe, self.record.record, *self.steps.activities, *self.defragmenting.activities]

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
            ("keeping up", self.keeping_up.run()),
            ("lookout", self.lookout.run()),
            ("explainer", self.explainer.run()),
            ("reporter", self.reporter.run()),
            ("bindings", self.bindings.run()),
            ("inlet", self.inlet.run()),
            ("sweep", self.sweep.run()),
            ("provisioner", self.provisioner.run()),
            ("adviser", self.adviser.run()),
        ]
