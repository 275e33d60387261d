"""ApplyServices: the services and disruption budgets of a system, as they should be."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from activities.cache.levels import labels_of
from activities.cluster.crew import Tally, each
from activities.cluster.kube import (
    BINDINGS,
    BUDGETS,
    CLAIMS,
    DECLARING,
    FABRICS,
    GANGS,
    PODS,
    SERVICES,
    Expired,
    Kind,
    Kube,
    Manifest,
    Overtaken,
    Refused,
)
from activities.messages import Order, PodClass
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.events import Events, about
from activities.state.cases import Case, Cases
from activities.steps.belongings import Belongings, Possessions
from activities.steps.clearing import selectors
from activities.steps.comparing import MIRRORS, Agreements, Support, as_of, left, marked
from activities.steps.erasing import AT_ONCE
from activities.telemetry import step
from specs.disruption import disruption_budgets
from specs.manifests import revision_service
from specs.names import MANAGER
from specs.paths import parent
from specs.sections import entries

MOVING: tuple[PodClass, ...] = ("missing", "unheld", "due", "pinned", "starting", "leaving", "surplus")
CROWD = 32
"""Pods on their way out, above which what stood beside them stays: in a large scale-in it would be in their way."""


class SupportStep:
    """Writes what is missing or was changed, removes what is no longer wanted."""

    def __init__(self, kube: Kube, cases: Cases, events: Events, answered: AnsweredEdits) -> None:
        self._kube = kube
        self._cases = cases
        self._events = events
        self._answered = answered
        self._possessions = Possessions()

    async def support(self, order: Order) -> Tally:
        """Safe to repeat."""
        case, tally = await self._cases.to_write(order), Tally()
        due = self.due(case)
        wanted = [support for support in due if not support.surplus][: order.limit]
        with step("support_applied", objects=len(due), **case.facts):
            await self._tell(case)
            await each(wanted, lambda support: self._write(support, tally), tally)
            await self.clear(case, due, tally)
        return tally

    async def clear(self, case: Case, due: Sequence[Support], tally: Tally) -> None:
        """Remove what of it is too much, many of a kind at once, but nothing that is made meanwhile."""
        kinds = dict.fromkeys(support.kind for support in due if support.surplus)
        for kind, version in [(kind, self._cases.cache.version(kind)) for kind in kinds]:
            await self._clear(kind, case, [support for support in due if support.kind == kind], version, tally)

    async def _clear(self, kind: Kind, case: Case, due: Sequence[Support], version: int, tally: Tally) -> None:
        going = {each.manifest["metadata"]["name"]: each.manifest for each in due if each.surplus}
        made = [each.manifest for each in due if not each.surplus]
        kept = [found for name, found in self._there(kind, case).items() if name not in going]
        chosen = selectors(case.order.ref, list(going.values()), [*kept, *made])
        try:
            for labels in chosen:
                await self._kube.delete_all(kind, case.key[0], labels, as_of=version)
                tally.deleted()
        except Expired:
            chosen = []
        if not chosen:
            await each(list(going.values())[: case.order.limit], lambda found: self._delete(kind, found, tally), tally)

    async def _tell(self, case: Case) -> None:
        """Before the pods that tell of it go: a status may come too late."""
        declared = self._cases.cache.get(DECLARING[case.order.kind], *case.key)
        if declared is not None:
            for wait in case.warming.failed:
                await self._events.say(about(declared), wait.reason, wait.message)

    def due(self, case: Case) -> list[Support]:
        """What is to be done now."""
        found = self._found(case)
        waits = any(_may_wait(each) for each in found) and self._crowded(case)
        return [each for each in found if not _may_wait(each)] if waits else found

    def _crowded(self, case: Case) -> bool:
        """Whether many pods are on their way out, but for those that nobody can stop."""
        silent = self._cases.census.silent(case.key)
        leaving = (pod for pod in self._cases.census.pods(case.key).values() if pod.leaving and pod.node not in silent)
        return len(case.digest.members["surplus"]) + sum(1 for _ in leaving) > CROWD

    def _found(self, case: Case) -> list[Support]:
        wanted = self._possessions.of(case.accepted, case.blueprint)
        first = {**wanted.first, SERVICES: [*wanted.first.get(SERVICES, ()), *self._of_revisions(case)]}
        due = [found for kind, made in first.items() for found in self._compared(kind, case, made)]
        if not (case.digest.unplanned or case.digest.members["missing"]):  # pods go first
            due += [found for kind, made in wanted.scaling.items() for found in self._scaling(kind, case, made)]
            due += [found for kind, made in wanted.rest.items() for found in self._compared(kind, case, made)]
        return [*self._claims(case, wanted), *due, *_warming(case), *self._gangs(case, wanted), *self._budgets(case)]

    async def _delete(self, kind: Kind, found: Manifest, tally: Tally) -> None:
        metadata = found["metadata"]
        try:
            await self._kube.delete(kind, metadata["name"], metadata["namespace"], uid=metadata["uid"])
        except Refused as error:
            tally.refuse(f"{kind.kind} {metadata['name']}", error)
            return
        tally.deleted()

    async def _write(self, support: Support, tally: Tally) -> None:
        kind, metadata = support.kind, support.manifest["metadata"]
        try:
            stored = await self._kube.apply(kind, support.manifest, manager=MANAGER)
            if kind in MIRRORS and stored["spec"] != support.manifest["spec"]:
                stored = await self._kube.patch(kind, metadata["name"], _exactly(stored, support.manifest), metadata["namespace"])
        except Overtaken:
            return
        except Refused as error:
            tally.refuse(f"{kind.kind} {metadata['name']}", error)
            return
        tally.wrote(kind, stored)
        self._cases.cache.note_written(kind, stored)

    def _of_revisions(self, case: Case) -> list[Manifest]:
        """Of each revision that there are pods of, those that leave too; where that is asked for."""
        if not case.accepted.spec.rollout.revision_services:
            return []
        there = {pod.revision for pod in self._cases.census.pods(case.key).values()}
        return [revision_service(case.accepted.owner, revision) for revision in sorted(there)]

    def _scaling(self, kind: Kind, case: Case, wanted: Sequence[Manifest]) -> list[Support]:
        """Scale objects, each only if nobody writes it meanwhile; not those with an edit past us that the order does not know."""
        there = self._there(kind, case)
        due = self._agreements(case).compared(kind, there, wanted, marked)
        known = [(there.get(each.manifest["metadata"]["name"]), each) for each in due]
        newest = case.order.generation
        return [as_of(found, each) for found, each in known if not (found and self._answered.stands(kind, found, newest))]

    def _gangs(self, case: Case, wanted: Belongings) -> list[Support]:
        """The mirror of what was placed together, once the pods have come to rest: each write of it names them anew."""
        if wanted.gangs is None or moving(case) or case.digest.members["bare"]:
            return []
        pods: defaultdict[str, list[str]] = defaultdict(list)
        for standings in case.digest.members.values():
            for standing in standings:
                if standing.pod is not None:
                    pods[parent(standing.slot)].append(standing.pod.name)
        own = dict(case.accepted.bindings.labels(case.accepted.system))
        sorted_pods = {instance: sorted(names) for instance, names in pods.items()}
        return self._compared(GANGS, case, wanted.gangs(sorted_pods, self._levels() | own))

    def _claims(self, case: Case, wanted: Belongings) -> list[Support]:
        """Claims that pods share, those of which the template is there. What one says never changes."""
        made = wanted.cliques
        if made is None or not made.sharing:
            return []
        there, claims = self._there(CLAIMS, case), {each.name: each for each in made.claims()}
        specs = {
            name: self._cases.acceptances.devices.claimed(each, made.sharing)
            for name, each in claims.items()
            if name not in there
        }
        missing = [Support(CLAIMS, made.claim(claims[name], spec)) for name, spec in specs.items() if spec is not None]
        return [*missing, *left(CLAIMS, there, claims)]

    def _levels(self) -> dict[str, str]:
        """Node label of each level of the fabric, as far as it is declared."""
        cache = self._cases.cache
        found = [(each["name"], each["label"]) for fabric in cache.all(FABRICS) for each in entries(fabric, "spec", "levels")]
        found += [pair for bound in cache.all(BINDINGS) for pair in labels_of(bound).items()]
        return dict(found)

    def _budgets(self, case: Case) -> list[Support]:
        """Budgets are written when the pods have come to rest: nothing can be evicted that does not run yet.

        Before, each would cost the API server more than the pods themselves, which it is counted for at every change.
        """
        found = self._compared(BUDGETS, case, disruption_budgets(case.accepted.owner, case.accepted.spec, case.order.counts))
        return [each for each in found if each.surplus] if found and moving(case) else found

    def _compared(self, kind: Kind, case: Case, wanted: Iterable[Manifest]) -> list[Support]:
        return self._agreements(case).compared(kind, self._there(kind, case), wanted)

    def _agreements(self, case: Case) -> Agreements:
        return self._possessions.of(case.accepted, case.blueprint).agreements

    def _there(self, kind: Kind, case: Case) -> Mapping[str, Manifest]:
        """By name."""
        return {each["metadata"]["name"]: each for each in self._cases.cache.of_system(kind, *case.key)}


def _exactly(found: Manifest, wanted: Manifest) -> list[Manifest]:
    """The JSON patch that drops what others have added to a spec: an apply leaves them that."""
    same = {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]}
    return [same, {"op": "replace", "path": "/spec", "value": wanted["spec"]}]


def _may_wait(support: Support) -> bool:
    return support.surplus and support.kind not in AT_ONCE


def _warming(case: Case) -> list[Support]:
    """Pods that fetch what others will need on their nodes."""
    made = [Support(PODS, each) for each in case.warming.due]
    return made + [Support(PODS, each, surplus=True) for each in case.warming.surplus]


def moving(case: Case) -> bool:
    """Whether pods are on their way: being made, let go, started or removed."""
    return any(case.digest.members[name] for name in MOVING) or bool(case.digest.unplanned)
