"""RecordSystem: what was accepted, written where kubectl sees it, and kept as a revision."""

from temporalio import activity

from activities.cases import Cases
from activities.crew import Tally, heartbeating, translating
from activities.fencing import GENERATION
from activities.kube import REVISIONS, SYSTEMS, AlreadyThere, Kube, Manifest, Refused
from activities.messages import RECORD, Order, Record, Recorded
from activities.telemetry import step
from specs.manifests import revision, system_object
from specs.names import DOMAIN
from specs.owners import Owner
from specs.sections import section
from specs.system import InferenceSystem

FINALIZER = f"{DOMAIN}/teardown"
MANAGER = "espalier"


class RecordActivity:
    """Writes the InferenceSystem object and its ControllerRevision."""

    def __init__(self, kube: Kube, cases: Cases) -> None:
        self._kube = kube
        self._cases = cases

    @activity.defn(name=RECORD)
    async def record(self, record: Record) -> Recorded:
        """Safe to repeat; refused when a newer intent is recorded already, or the object is being deleted."""
        order, tally = record.order, Tally()
        with translating():
            async with heartbeating():
                await self._cases.until(order.versions)
                self._cases.fence.check(order)
                system = InferenceSystem.model_validate(record.manifest)
                with step("system_recorded", namespace=order.ref.namespace, system=order.ref.name, generation=order.generation):
                    uid = await self._write_system(order, system, tally)
                    await self._write_revision(Owner(order.ref.name, order.ref.namespace, uid), system, order, tally)
        return Recorded(uid=uid, versions=tally.versions)

    async def _write_system(self, order: Order, system: InferenceSystem, tally: Tally) -> str:
        wanted = _marked(system_object(system, order.counts), order.generation)
        found = self._cases.cache.get(SYSTEMS, order.ref.namespace, order.ref.name)
        if found is not None and "deletionTimestamp" in found["metadata"]:
            name = f"InferenceSystem {order.ref.namespace}/{order.ref.name}"
            raise Refused(f"{name} is being deleted; apply it again when it is gone")
        if found is not None and found["spec"] == wanted["spec"]:
            stored = await self._mark(found, wanted)
        else:
            stored = await self._kube.apply(SYSTEMS, wanted, manager=MANAGER)
        self._note(SYSTEMS.plural, stored, tally)
        return str(stored["metadata"]["uid"])

    async def _mark(self, found: Manifest, wanted: Manifest) -> Manifest:
        """Somebody else's door stored this very spec: leave its fields theirs, add only what is ours."""
        finalizers = sorted({*(found["metadata"].get("finalizers") or ()), FINALIZER})
        annotations = {GENERATION: wanted["metadata"]["annotations"][GENERATION]}
        old = {"uid": found["metadata"]["uid"], "resourceVersion": found["metadata"]["resourceVersion"]}
        patch = {"metadata": {**old, "finalizers": finalizers, "annotations": annotations}}
        return await self._kube.patch(SYSTEMS, found["metadata"]["name"], patch, found["metadata"]["namespace"])

    async def _write_revision(self, owner: Owner, system: InferenceSystem, order: Order, tally: Tally) -> None:
        made = revision(owner, system.spec, order.generation)
        try:
            stored = await self._kube.create(REVISIONS, made)
        except AlreadyThere:
            stored = await self._kube.get(REVISIONS, made["metadata"]["name"], owner.namespace)
            if all(each["uid"] != owner.uid for each in stored["metadata"].get("ownerReferences") or ()):
                raise Refused(f"ControllerRevision {made['metadata']['name']} belongs to another system; delete it") from None
        self._note(REVISIONS.plural, stored, tally)

    def _note(self, plural: str, stored: Manifest, tally: Tally) -> None:
        kind = SYSTEMS if plural == SYSTEMS.plural else REVISIONS
        tally.wrote(kind, stored)
        self._cases.cache.note_written(kind, stored)


def _marked(manifest: Manifest, generation: int) -> Manifest:
    metadata = manifest["metadata"]
    annotations = {**section(metadata, "annotations"), GENERATION: str(generation)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations, "finalizers": [FINALIZER]}}
