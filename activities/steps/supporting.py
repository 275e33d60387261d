"""ApplyServices: the services and disruption budgets of a system, as they should be."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

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
    Kind,
    Kube,
    Manifest,
    Overtaken,
    Refused,
)
from activities.messages import Order, PodClass
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.edits import mark_of
from activities.reports.events import Events, about
from activities.state.cases import Case, Cases
from activities.steps.belongings import Belongings, Possessions
from activities.telemetry import step
from specs.manifests import disruption_budgets, revision_service
from specs.names import MANAGER, RECORDED
from specs.paths import parent
from specs.sections import entries, section

MOVING: tuple[PodClass, ...] = ("missing", "unheld", "due", "pinned", "starting", "leaving", "surplus")


@dataclass(frozen=True)
class Support:
    """One object to write, or to remove."""

    kind: Kind
    manifest: Manifest
    surplus: bool = False


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
        wanted = self.due(case)[: order.limit]
        with step("support_applied", objects=len(wanted), **case.facts):
            await self._tell(case)
            await each(wanted, lambda support: self.write(support, tally), tally)
        return tally

    async def _tell(self, case: Case) -> None:
        """Before the pods that tell of it go: a status may come too late."""
        declared = self._cases.cache.get(DECLARING[case.order.kind], *case.key)
        if declared is not None:
            for wait in case.warming.failed:
                await self._events.say(about(declared), wait.reason, wait.message)

    def due(self, case: Case) -> list[Support]:
        """What is to be done now."""
        wanted = self._possessions.of(case.accepted, case.blueprint)
        first = {**wanted.first, SERVICES: [*wanted.first.get(SERVICES, ()), *self._of_revisions(case)]}
        due = [found for kind, made in first.items() for found in self._compared(kind, case, made)]
        if not (case.digest.unplanned or case.digest.members["missing"]):  # pods go first
            due += [found for kind, made in wanted.scaling.items() for found in self._scaling(kind, case, made)]
            due += [found for kind, made in wanted.rest.items() for found in self._compared(kind, case, made)]
        return [*self._claims(case, wanted), *due, *_warming(case), *self._gangs(case, wanted), *self._budgets(case)]

    async def write(self, support: Support, tally: Tally) -> None:
        """Do it for one object."""
        kind, metadata = support.kind, support.manifest["metadata"]
        try:
            if support.surplus:
                await self._kube.delete(kind, metadata["name"], metadata["namespace"], uid=metadata["uid"])
                tally.deleted()
                return
            stored = await self._kube.apply(kind, support.manifest, manager=MANAGER)
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
        due = _compared(kind, there, [_marked(there.get(each["metadata"]["name"]), each) for each in wanted])
        known = [(there.get(each.manifest["metadata"]["name"]), each) for each in due]
        newest = case.order.generation
        return [_as_of(found, each) for found, each in known if not (found and self._answered.stands(kind, found, newest))]

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
        return [*missing, *_left(CLAIMS, there, claims)]

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
        return _compared(kind, self._there(kind, case), wanted)

    def _there(self, kind: Kind, case: Case) -> Mapping[str, Manifest]:
        """By name."""
        return {each["metadata"]["name"]: each for each in self._cases.cache.of_system(kind, *case.key)}


def _compared(kind: Kind, there: Mapping[str, Manifest], wanted: Iterable[Manifest]) -> list[Support]:
    """What is missing or says something else, and what nobody wants."""
    named = {each["metadata"]["name"]: each for each in wanted}
    changed = [Support(kind, each) for name, each in named.items() if not _contains(there.get(name), each)]
    return [*changed, *_left(kind, there, named)]


def _left(kind: Kind, there: Mapping[str, Manifest], named: Container[str]) -> list[Support]:
    """What nobody wants."""
    left = (each for name, each in there.items() if name not in named and "deletionTimestamp" not in each["metadata"])
    return [Support(kind, each, surplus=True) for each in left]


def _marked(found: Manifest | None, wanted: Manifest) -> Manifest:
    """With the mark that it has once it is written over what is known."""
    spec = found["spec"] if found is not None and _contains(found["spec"], wanted["spec"]) else wanted["spec"]
    metadata: Manifest = wanted["metadata"]
    annotations = {**section(metadata, "annotations"), RECORDED: mark_of(found, spec)}
    return {**wanted, "metadata": {**metadata, "annotations": annotations}}


def _as_of(found: Manifest | None, support: Support) -> Support:
    """The same, to be written only over what is known."""
    if found is None or support.surplus:
        return support
    metadata = {**support.manifest["metadata"], "resourceVersion": found["metadata"]["resourceVersion"]}
    return Support(support.kind, {**support.manifest, "metadata": metadata})


def _warming(case: Case) -> list[Support]:
    """Pods that fetch what others will need on their nodes."""
    made = [Support(PODS, each) for each in case.warming.due]
    return made + [Support(PODS, each, surplus=True) for each in case.warming.surplus]


def moving(case: Case) -> bool:
    """Whether pods are on their way: being made, let go, started or removed."""
    return any(case.digest.members[name] for name in MOVING) or bool(case.digest.unplanned)


def _contains(found: object, wanted: object) -> bool:
    """Whether all that is wanted is there; what a server adds does not matter."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        there = cast(Mapping[str, object], found)
        return all(_contains(there.get(key), value) for key, value in cast(Mapping[str, object], wanted).items())
    if isinstance(wanted, list) and isinstance(found, list):
        pairs = list(zip(cast(list[object], found), cast(list[object], wanted), strict=False))
        return len(cast(list[object], wanted)) == len(cast(list[object], found)) and all(_contains(*pair) for pair in pairs)
    return found == wanted
