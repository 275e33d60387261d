"""PlaceGangs: ask for room for gangs that nobody has asked for yet, and wait for the answer."""

from collections.abc import Iterable, Mapping

from activities.cache.placements import Placement, Waiting
from activities.cluster.crew import Tally, each
from activities.cluster.kube import PLACEMENTS, AlreadyThere, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import Order
from activities.room.priorities import Priorities
from activities.room.solver import Solver
from activities.state.cases import Case, Cases
from activities.telemetry import step
from specs.gangs import Gang
from specs.manifests import placement_object, placement_objects
from specs.names import placement_name
from specs.status import clipped


class PlaceStep:
    """Writes demands; the answers are the solver's."""

    def __init__(self, kube: Kube, cases: Cases, solver: Solver) -> None:
        self._kube = kube
        self._cases = cases
        self._solver = solver
        self._priorities = Priorities(cases.cache)

    async def place(self, order: Order) -> Tally:
        """Granted or told why not, when it returns. Names follow from the demand, so asking again asks nothing new."""
        case, tally = await self._cases.to_write(order), Tally()
        demands = _demands(case, self._priorities.of(case.accepted.spec))
        taken = {placement.name for placement in self._cases.census.placements(case.key)}
        manifests = [self._at_own_revision(case, _renamed(case, each) if _name(each) in taken else each) for each in demands]
        with step("gangs_asked", gangs=len(case.digest.unplanned), placements=len(manifests), **case.facts):
            asked: dict[str, str] = {}
            await each(manifests, lambda manifest: self._ask(manifest, tally, asked), tally)
            await self._cases.until(tally.versions)
            await self._solver.answer()
            for uid, name in asked.items():
                if (error := self._solver.refusal(uid)) is not None:
                    tally.refuse(f"the answer in Placement {name}", error)
        return tally

    def _at_own_revision(self, case: Case, manifest: Manifest) -> Manifest:
        """Pods that run already, whose Placement was lost, are of the revision that they were made at.

        What is added to a unit before its turn is of the unit's, or starts later.
        """
        slots = {slot for gang in manifest["spec"]["gangs"] for slot in gang["slots"]}
        pods = (pod for pod in self._cases.census.pods(case.key).values() if pod.slot in slots and not pod.leaving)
        run = {pod.slot: pod.revision for pod in pods if pod.revision not in ("", case.accepted.revision)}
        joined = {slot: each for slot, each in case.rolling.joining.items() if slot in slots and slot not in run}
        kept = {**{slot: each for slot, each in joined.items() if each}, **run}
        marks = {"revisions": kept, "joined": sorted(joined)}
        return {**manifest, "spec": {**manifest["spec"], **{name: each for name, each in marks.items() if each}}}

    async def _ask(self, manifest: Manifest, tally: Tally, asked: dict[str, str]) -> None:
        """`asked`: gets the UID and name of every Placement that is new."""
        metadata = manifest["metadata"]
        try:
            stored = await self._kube.create(PLACEMENTS, manifest)
        except AlreadyThere:
            stored = await self._kube.get(PLACEMENTS, metadata["name"], metadata["namespace"])
            tally.saw(PLACEMENTS, stored)
            return
        except Refused as error:
            tally.refuse(f"Placement {metadata['name']}", error)
            return
        tally.wrote(PLACEMENTS, stored)
        asked[stored["metadata"]["uid"]] = metadata["name"]


class Saying:
    """Tells Placements why their gangs wait."""

    def __init__(self, kube: Kube, cases: Cases) -> None:
        self._kube = kube
        self._cases = cases

    async def say(self, placement: Placement, waiting: Mapping[str, Waiting]) -> None:
        """Replace all that the Placement says."""
        told = [{"gang": gang, "reason": why.reason, "message": clipped(why.message)} for gang, why in waiting.items()]
        patch = {"metadata": {"uid": placement.uid}, "status": {"waiting": told}}
        try:
            stored = await self._kube.patch(PLACEMENTS, placement.name, patch, placement.namespace, subresource="status")
        except (NotThere, Overtaken):
            return
        self._cases.cache.note_written(PLACEMENTS, stored)


def _demands(case: Case, priority: int) -> list[Manifest]:
    """Placements for what no Placement holds yet: whole gangs many at a time, and each gang that has grown by itself."""
    home = case.digest.grants.home
    new: list[Gang] = []
    grown: list[Manifest] = []
    for gang in (case.blueprint.gangs[index] for index in case.digest.unplanned):
        missing = [slot for slot in gang.slots() if slot not in home]
        if len(missing) == len(gang.slots()):
            new.append(gang)
        else:
            grown.append(_grown(case, gang, missing, priority))
    return [*placement_objects(case.accepted.owner, case.accepted.spec, new, priority), *grown]


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def _renamed(case: Case, manifest: Manifest) -> Manifest:
    """Under another name: that of its gangs is taken by a Placement that has been left with other slots by an edit."""
    asked = [part for gang in manifest["spec"]["gangs"] for part in (gang["name"], *gang["slots"])]
    name = placement_name(case.key[1], [*asked, case.accepted.revision])
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


def _grown(case: Case, gang: Gang, missing: Iterable[str], priority: int) -> Manifest:
    slots = tuple(missing)
    added = case.accepted.gang(gang.name, gang.minimum, slots)
    made = placement_object(case.accepted.owner, case.accepted.spec, [added], priority)
    # Its own name: that of the gang alone is taken by the Placement which holds the rest of it.
    made["metadata"]["name"] = placement_name(case.key[1], [gang.name, *slots])
    return made
