"""RecordSystem: what was accepted, written where kubectl sees it, and kept as a revision."""

from contextlib import suppress

from temporalio import activity

from activities.cluster.crew import Tally, heartbeating, translating
from activities.cluster.kube import DECLARING, REVISIONS, AlreadyThere, Kind, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import RECORD, Order, Record, Recorded
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.edits import mark_of
from activities.room.priorities import Reranking
from activities.state.cases import Cases
from activities.state.fencing import GENERATION
from activities.steps.observing import Observer
from activities.telemetry import step
from specs.declaring import NotASystem, declared_system
from specs.manifests import forgotten, revision, says_same, system_object
from specs.merging import merge_patch
from specs.names import FINALIZER, MANAGER, RECORDED, SAYS
from specs.owners import Owner, is_owned_by
from specs.revisions import edition_hash
from specs.said import said_by
from specs.sections import section
from specs.system import InferenceSystem


class RecordActivity:
    """Writes the object that declares a system, and its ControllerRevision."""

    def __init__(self, kube: Kube, cases: Cases, answered: AnsweredEdits, observer: Observer) -> None:
        self._kube = kube
        self._cases = cases
        self._answered = answered
        self._observer = observer
        self._reranking = Reranking(kube, cases.cache)

    @activity.defn(name=RECORD)
    async def record(self, record: Record) -> Recorded:
        """Safe to repeat; refused when a newer intent is recorded already, or the object is being deleted."""
        order, tally = record.order, Tally()
        with translating():
            async with heartbeating():
                with self._observer.troubling(order, RECORD):
                    uid = await self._record(record, tally)
                order = order.troubled(RECORD, "")
                known = order.reaching(tally.versions).model_copy(update={"uid": uid, "recorded": order.generation})
                return Recorded(uid=uid, versions=tally.versions, seen=await self._observer.after(known))

    async def _record(self, record: Record, tally: Tally) -> str:
        order = record.order
        await self._cases.until(order.versions)
        self._cases.fence.check(order)
        system = _read(record)
        with step("system_recorded", namespace=order.ref.namespace, system=order.ref.name, generation=order.generation):
            uid = await self._write_system(order, system, tally)
            owner = Owner(order.ref.name, order.ref.namespace, uid, order.kind)
            await self._write_revision(owner, system, order, tally)
            await self._reranking.rerank(system.spec, self._cases.census.placements((owner.namespace, owner.name)))
        return uid

    async def _write_system(self, order: Order, system: InferenceSystem, tally: Tally) -> str:
        wanted, kind = system_object(system, order.counts), DECLARING[order.kind]
        found = self._cases.cache.get(kind, order.ref.namespace, order.ref.name)
        if found is None:
            if order.uid:
                await self._check_there(kind, order)
            mark = mark_of(None, None, system.said)
            stored = await self._kube.apply(kind, _marked(wanted, order.generation, mark), manager=MANAGER)
        else:
            changes = self._changes(kind, found, wanted, order.generation)
            stored = await self._kube.patch(kind, order.ref.name, changes, order.ref.namespace)
        self._note(kind, stored, tally)
        return str(stored["metadata"]["uid"])

    async def _check_there(self, kind: Kind, order: Order) -> None:
        """Tell an object that is gone from one that the cache does not show yet."""
        ref, gone = order.ref, f"{kind.kind} {order.ref.namespace}/{order.ref.name} is gone"
        try:
            stored = await self._kube.get(kind, ref.name, ref.namespace)
        except NotThere:
            raise Refused(f"{gone}, and with it what it declared") from None
        if stored["metadata"]["uid"] != order.uid:
            raise Refused(f"{gone}, and another of its name is there")
        raise Overtaken(f"{kind.kind} {ref.namespace}/{ref.name} is not in sight yet; looking again")

    def _changes(self, kind: Kind, found: Manifest, wanted: Manifest, generation: int) -> Manifest:
        """What makes the object say what is wanted, if nobody writes it meanwhile.

        An edit past us that this generation does not know stays: it is a newer wish, and is one of its own or is refused.
        """
        metadata = found["metadata"]
        if "deletionTimestamp" in metadata:
            name = f"{kind.kind} {metadata['namespace']}/{metadata['name']}"
            raise Refused(f"{name} is being deleted; apply it again when it is gone")
        old = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        spoken = said_by(wanted)
        if found["spec"] == wanted["spec"] and said_by(found) == spoken:
            marked = _marked({"metadata": {}}, generation, mark_of(found, found["spec"]))
        elif self._answered.stands(kind, found, generation):
            marked = _marked({"metadata": {}}, generation, "")
        else:
            said = {"metadata": wanted["metadata"], "spec": wanted["spec"]}
            marked = _marked(said, generation, mark_of(found, wanted["spec"], spoken))
            marked["metadata"]["annotations"] |= {key: None for key in said_by(found) if key not in spoken}
            marked["spec"] = merge_patch(found["spec"], wanted["spec"])
        finalizers = sorted({*(metadata.get("finalizers") or ()), FINALIZER})
        return {**marked, "metadata": {**marked["metadata"], **old, "finalizers": finalizers}}

    async def _write_revision(self, owner: Owner, system: InferenceSystem, order: Order, tally: Tally) -> None:
        number = order.number or order.generation
        made = revision(owner, system, number)
        stored = await self._kept(owner, made, tally)
        if stored["revision"] < number:  # it is gone back to
            patch = {"metadata": {"uid": stored["metadata"]["uid"]}, "revision": number}
            self._note(REVISIONS, await self._kube.patch(REVISIONS, made["metadata"]["name"], patch, owner.namespace), tally)
        if not says_same(stored, made):
            await self._kept(owner, revision(owner, system, number, edition_hash(system)), tally)
        await self._forget(owner, order, tally)

    async def _forget(self, owner: Owner, order: Order, tally: Tally) -> None:
        """The oldest that nothing is made by any more go."""
        key = (owner.namespace, owner.name)
        made_by = {pod.revision for pod in self._cases.census.pods(key).values()}
        held = {mark for each in self._cases.census.placements(key) for mark in (each.revision, *each.revisions.values())}
        there = [each for each in self._cases.cache.of_system(REVISIONS, *key) if is_owned_by(each, owner.uid)]
        for old in forgotten(there, owner.name, {order.revision, *made_by, *held}, order.edition):
            metadata = old["metadata"]
            with suppress(NotThere, Overtaken):
                await self._kube.delete(REVISIONS, metadata["name"], owner.namespace, uid=metadata["uid"])
                tally.deleted()

    async def _kept(self, owner: Owner, made: Manifest, tally: Tally) -> Manifest:
        """What is kept under that name: this, or what was first."""
        try:
            stored = await self._kube.create(REVISIONS, made)
        except AlreadyThere:
            stored = await self._kube.get(REVISIONS, made["metadata"]["name"], owner.namespace)
            if not is_owned_by(stored, owner.uid):
                raise Refused(f"ControllerRevision {made['metadata']['name']} belongs to another system; delete it") from None
        self._note(REVISIONS, stored, tally)
        return stored

    def _note(self, kind: Kind, stored: Manifest, tally: Tally) -> None:
        tally.wrote(kind, stored)
        self._cases.cache.note_written(kind, stored)


def _read(record: Record) -> InferenceSystem:
    try:
        return declared_system(record.manifest)
    except NotASystem as error:
        ref = record.order.ref
        what = f"what was accepted as {ref.namespace}/{ref.name} can't be read by this version of Espalier"
        raise Refused(f"{what}: {error}") from None


def _marked(manifest: Manifest, generation: int, mark: str) -> Manifest:
    """With our annotations and finalizer; no mark where what the spec says is for somebody else to say."""
    metadata = manifest["metadata"]
    ours = {GENERATION: str(generation), **({RECORDED: mark, SAYS: str(generation)} if mark else {})}
    annotations = {**section(metadata, "annotations"), **ours}
    return {**manifest, "metadata": {**metadata, "annotations": annotations, "finalizers": [FINALIZER]}}
