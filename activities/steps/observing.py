"""Observe: where a system stands, in at most 32 KB whatever its size."""

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from temporalio import activity

from activities.cache.levels import declared_fabric
from activities.cluster.crew import explained, heartbeating, translating
from activities.cluster.kube import BINDINGS, DECLARING, FABRICS, NODES, Busy, Overtaken, Refused
from activities.listening.nudging import Nudges
from activities.messages import FAILING, OBSERVE, Deviant, Observation, Order, PodClass, Wait
from activities.reports.edits import of_itself
from activities.reports.reporting import Reporter
from activities.room.demands import NEEDS
from activities.room.explaining import Explainer, Note
from activities.state.ailing import LONGEST_WAIT, again_s, cut, failing
from activities.state.cases import KINDS, Case, Cases
from activities.state.losses import lost
from activities.state.on_gpus import on_gpus
from activities.state.progress import gated, rolled
from activities.state.standing import Standing
from activities.state.warming import FAILED as WARM_UP_FAILED
from activities.steps.erasing import EraseStep
from activities.steps.returning import Returns
from activities.steps.supporting import SupportStep
from activities.telemetry import failed, step
from activities.troubles import Troubles

MOST_BYTES = 32_000
MOST_WAITS = 10
MOST_DEVIANTS = 50
LONGEST_DEVIANT = 160
DEVIANT: tuple[PodClass, ...] = ("failed", "halted", "refused", "lost", "surplus")
START_ORDER = "StartOrder"
REFUSED = "RefusedByScheduler"
SILENT = "NodeDoesNotAnswer"


AFTER_S = 1.0
"""How long a step waits until the cache shows what it wrote; after that the workflow asks."""


class Observer:
    """Reads one system from the cache. Writes nothing that a next step depends on."""

    def __init__(
        self,
        cases: Cases,
        support: SupportStep,
        returns: Returns,
        erase: EraseStep,
        explainer: Explainer,
        reporter: Reporter,
    ) -> None:
        self._cases = cases
        self._support = support
        self._returns = returns
        self._erase = erase
        self._explainer = explainer
        self._reporter = reporter
        self._troubles = Troubles()

    async def after(self, order: Order) -> Observation | None:
        """What the cluster has, not older than `order.versions`; None when the cache does not show that soon."""
        try:
            async with asyncio.timeout(AFTER_S):
                await self._cases.until(order.versions)
        except (Busy, TimeoutError):
            return None
        return self.told(order)

    def told(self, order: Order) -> Observation | None:
        """What the cache shows now, to somebody who did not ask; None when a newer order is known, or it can't be read."""
        try:
            self._cases.fence.check(order)
            return self.now(order)
        except (Overtaken, Refused) as error:
            failed("not_observed", error, namespace=order.ref.namespace, system=order.ref.name)
            return None

    @contextmanager
    def troubling(self, order: Order, activity: str) -> Generator[None]:
        """Have the status tell what keeps this activity from being done; whoever asked for it is not told before it gives up."""
        try:
            yield
        except Overtaken:
            raise
        except (Busy, Refused) as error:
            self._troubles.note(order, activity, explained(error) if isinstance(error, Refused) else str(error))
            self.told(order)
            raise
        self._troubles.note(order, activity)

    def now(self, order: Order) -> Observation:
        """What the cache shows now."""
        case = self._case(order)
        facts: dict[str, Any] = {
            "question": order.question,
            "versions": {plural: self._cases.cache.version(kind) for plural, kind in KINDS.items()},
            "left": self._erase.left(order),
            **self._own(order),
        }
        if case is None and facts.get("recorded") == order.generation:
            facts["exists"] = False  # somebody took its revision away: it is to be recorded anew
        if case is not None:
            facts |= {
                **observed(case),
                "lost": self._lost(case),
                "revisions": self._cases.revisions_of(case),
                "domains": self._cases.domains_of(case),
                "support": len(self._support.due(case)),
            }
            facts["staying"], soon_s = self._returns.staying(case)
            facts["again_s"] = min((each for each in (facts["again_s"], soon_s) if each is not None), default=None)
            self._explainer.explain(_notes(case))
        waits = () if order.deleting else facts.get("waits", ())
        facts["waits"] = (*self._unstoppable(order), *waits)[:MOST_WAITS]
        seen = bounded(gated(order, Observation().model_copy(update=facts)))
        self._reporter.report(self._troubles.told(order), seen, case)
        return seen

    def _case(self, order: Order) -> Case | None:
        """What can't be read can still be deleted."""
        try:
            return self._cases.to_read(order)
        except Refused:
            if order.deleting:
                return None
            raise

    def _lost(self, case: Case) -> str:
        """Where pods were lost; looked up only where there are any."""
        found, cache = case.digest.members["lost"], self._cases.cache
        if not found:
            return ""
        fabric = None
        with suppress(ValueError):  # what nobody understands is told elsewhere
            fabric = declared_fabric(cache.all(FABRICS), cache.all(BINDINGS))
        return lost(found, lambda name: cache.get(NODES, None, name), fabric)

    def _unstoppable(self, order: Order) -> Iterator[Wait]:
        """Pods that are to go, on nodes where nobody stops them."""
        census = self._cases.census
        key = order.ref.namespace, order.ref.name
        silent, pods = census.silent(key), census.pods(key).values()
        stuck = sorted((pod.name, pod.node) for pod in pods if pod.leaving and pod.node in silent)
        if stuck:
            (pod, node), number = stuck[0], len(stuck)
            what = f"pod {pod} on node {node}" if number == 1 else f"{number} pods, such as {pod} on node {node},"
            message = f"{what} can't be stopped because the node does not answer; bring it back, or taint it as out of service"
            yield Wait(reason=SILENT, message=cut(message, LONGEST_WAIT), gangs=number)

    def _own(self, order: Order) -> dict[str, object]:
        """What the custom resource says of itself."""
        found = self._cases.cache.get(DECLARING[order.kind], order.ref.namespace, order.ref.name)
        return of_itself(found, order.uid)


class ObserveActivity:
    """Answers a workflow that asks; remembers that it wants to be nudged."""

    def __init__(self, cases: Cases, observer: Observer, nudges: Nudges) -> None:
        self._cases, self._observer, self._nudges = cases, observer, nudges

    @activity.defn(name=OBSERVE)
    async def observe(self, order: Order) -> Observation:
        """What the cluster has, not older than `order.versions`."""
        with translating():
            async with heartbeating():
                self._nudges.watch(order)
                await self._cases.until(order.versions)
                with step("system_observed", namespace=order.ref.namespace, system=order.ref.name):
                    return self._observer.now(order)


def bounded(seen: Observation) -> Observation:
    """The same in `MOST_BYTES`, if need be with fewer pods by name, or without units by name."""
    over = len(seen.model_dump_json()) - MOST_BYTES
    kept = list(seen.deviants)
    while over > 0 and kept:
        over -= len(kept.pop().model_dump_json())
    return seen.model_copy(update={"deviants": tuple(kept), **({"older_units": {}} if over > 0 else {})})


def observed(case: Case) -> dict[str, object]:
    """The part of an observation that follows from the digest."""
    found = case.digest
    return {
        "known": True,
        "roles": {role: dict(sorted(classes.items())) for role, classes in sorted(found.roles.items())},
        "unplanned": len(found.unplanned),
        "waiting": len(found.waiting),
        "granted": found.granted,
        "surplus_gangs": len(found.grants.surplus) + len(found.grants.idle),
        "displaced": len(found.displaced),
        "behind": len(case.rolling.behind),
        "evicted": len(found.evicted),
        "draining": len(case.draining.ends) + case.draining.kept,
        "withdrawn": len(case.draining.back),
        "renewing": len(case.renewed),
        "evacuating": case.evacuation.units,
        "moving": len(case.evacuation.chosen),
        "planned": case.relocation.units,
        "relocating": len(case.relocation.chosen),
        **rolled(case.rolling),
        "restarting": len(case.recovering.due),
        "again_s": again_s(case),
        "copies": found.copies,
        "ready_copies": found.ready_copies,
        "waits": tuple(sorted(_waits(case), key=_importance)[:MOST_WAITS]),
        "deviants": tuple(_deviants(case)[:MOST_DEVIANTS]),
        "gpus": on_gpus(case),
    }


def _importance(wait: Wait) -> tuple[bool, bool, int]:
    """What somebody has to look at comes first: the rest may wait for just that."""
    return wait.reason not in (*FAILING, WARM_UP_FAILED), wait.reason == NEEDS, -wait.gangs


def _waits(case: Case) -> Iterator[Wait]:
    yield from failing(case)
    yield from case.recovering.waits
    yield from _leaving(case)
    yield from _no_room(case)
    yield from (each for each in case.warming.waits if each != case.rolling.gate)
    members = case.digest.members
    refused = [*members["refused"], *(standing for standing in members["pinned"] if _message(standing))]
    sentences = Counter(_message(standing) for standing in refused)
    for sentence, pods in sentences.most_common(MOST_WAITS):
        first = next(standing.slot for standing in refused if _message(standing) == sentence)
        yield Wait(reason=REFUSED, message=cut(sentence, LONGEST_WAIT), gangs=pods, first=first)
    for sentence, pods in case.digest.undue.most_common(MOST_WAITS):
        yield Wait(reason=START_ORDER, message=cut(sentence, LONGEST_WAIT), gangs=pods)
    yield from case.growing.waits
    yield from case.draining.waits
    yield from (each.gate for each in (case.evacuation, case.relocation, case.rolling) if each.gate is not None)


def _leaving(case: Case) -> Iterator[Wait]:
    """Gangs that must leave their nodes, and have not yet."""
    found, displaced = case.digest, case.digest.grants.displaced
    gangs = dict.fromkeys(case.blueprint.gangs[each.gang].name for each in (*found.evicted, *found.displaced))
    for name in list(gangs)[:1]:
        if name in displaced:
            yield Wait(
                reason=displaced[name].reason, message=cut(displaced[name].message, LONGEST_WAIT), gangs=len(gangs), first=name
            )


def _no_room(case: Case) -> Iterator[Wait]:
    """One wait for each reason, with the sentence of the first gang it holds up."""
    first: dict[str, str] = {}
    gangs: Counter[str] = Counter()
    told = case.digest.grants.waiting
    for name in (case.blueprint.gangs[index].name for index in case.digest.waiting):
        if name in told:
            first.setdefault(told[name].reason, name)
            gangs[told[name].reason] += 1
    for reason, name in first.items():
        fits = tuple(cut(fit, LONGEST_WAIT) for fit in case.fits.get(name, ()))
        yield Wait(reason=reason, message=cut(told[name].message, LONGEST_WAIT), gangs=gangs[reason], first=name, fits=fits)


def _deviants(case: Case) -> list[Deviant]:
    found = [_deviant(standing, state) for state in DEVIANT for standing in case.digest.members[state][:MOST_DEVIANTS]]
    return found[:MOST_DEVIANTS]


def _deviant(standing: Standing, state: PodClass) -> Deviant:
    pod = standing.pod
    node = (pod.place if pod else "") or standing.node
    return Deviant(
        slot=standing.slot, pod=pod.name if pod else "", node=node, state=state, message=cut(_told(standing), LONGEST_DEVIANT)
    )


def _notes(case: Case) -> Iterable[Note]:
    told, gangs = case.digest.grants.waiting, case.blueprint.gangs
    for standing in case.digest.members["waiting"]:
        waiting = told.get(gangs[standing.gang].name)
        if waiting is not None and standing.pod is not None:
            yield Note(standing.pod, waiting.reason, waiting.message)


def _message(standing: Standing) -> str:
    return standing.pod.refusal if standing.pod else ""


def _told(standing: Standing) -> str:
    failure = standing.pod.failure if standing.pod else None
    return failure.message if failure else _message(standing)
