"""Manifests of all that is written for a system, as plain dicts that are ready to send. Pods have a module of their own.

Each is a pure function of what is declared, so writing it twice writes the same.
"""

from collections.abc import Collection, Mapping, Sequence

from specs import names
from specs.counts import Counts, copies, count_of
from specs.gangs import Gang
from specs.owners import API_VERSION, Manifest
from specs.owners import Owner as Owner
from specs.paths import roles, walk
from specs.pods import PodMaker as PodMaker
from specs.pods import pinned_patch as pinned_patch
from specs.revisions import revision_hash
from specs.system import InferenceSystem, SystemSpec

MOST_REVISIONS = 10
"""ControllerRevisions of a system that are kept; more while they are in use."""
MOST_PODS_PER_PLACEMENT = 512
"""A write of 10,000 pods takes the API server a second; 512 take about 30 ms."""


def system_object(system: InferenceSystem, counts: Counts | None = None) -> Manifest:
    """Its custom resource: what the user wrote and nothing more, with the copies that are wanted now."""
    written = system.written()
    metadata = {"name": system.metadata.name, "namespace": system.metadata.namespace}
    kept = {key: value for key in ("labels", "annotations") if (value := written["metadata"].get(key))}
    return {
        **written,
        "metadata": {**metadata, **kept},
        "spec": {**written["spec"], "replicas": copies(system.spec, counts or {})},
    }


def services(owner: Owner, spec: SystemSpec, counts: Counts) -> list[Manifest]:
    """The headless Services that are wanted: one a copy, or none."""
    return [service(owner, copy) for copy in range(copies(spec, counts))] if spec.services == "headless" else []


def service(owner: Owner, copy: int, labels: Mapping[str, str] | None = None, *, early: bool = True) -> Manifest:
    """The headless Service of one copy; `early`: every pod has a name in it once it has an address, Ready or not.

    Pods of a multi-node server must find each other before any of them can be Ready.
    """
    metadata = owner.metadata(names.service_name(owner.name, copy), {**(labels or {}), names.COPY: str(copy)})
    selector = {names.SYSTEM: owner.name, names.COPY: str(copy)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": early, "selector": selector},
    }


def revision_service(owner: Owner, revision: str) -> Manifest:
    """The headless Service of the pods of one revision, all roles and copies, once they are Ready: `llama-k7x2m9qrw4`."""
    metadata = owner.metadata(names.revision_name(owner.name, revision), {names.REVISION: revision})
    selector = {names.SYSTEM: owner.name, names.REVISION: revision}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"clusterIP": "None", "selector": selector}}


def members(owner: Owner, spec: SystemSpec, counts: Counts) -> list[Manifest]:
    """The SystemMember of every part that can be scaled, with its count."""
    return [_member(owner, path, count_of(spec, counts, path)) for path, _ in walk(spec.members)]


def _member(owner: Owner, path: str, count: int) -> Manifest:
    stated = {"system": owner.name, "path": path, "replicas": count}
    metadata = owner.metadata(names.member_name(owner.name, path))
    return {"apiVersion": API_VERSION, "kind": "SystemMember", "metadata": metadata, "spec": stated}


def member_selector(system: str, spec: SystemSpec, path: str) -> str:
    """Label selector of the pods of a role, or of all roles of a group."""
    found = [names.label_value(each) for each, _ in roles(spec) if each == path or each.startswith(f"{path}/")]
    return f"{names.SYSTEM}={system},{names.ROLE} in ({','.join(found)})"


def revision(owner: Owner, system: InferenceSystem, number: int, edition: str = "") -> Manifest:
    """The ControllerRevision that keeps what was accepted, for history and rollback.

    Named by its revision; or by its edition, when one of that revision is kept already and says something else.
    """
    found, written = revision_hash(system.spec), system.written()
    spoken: Manifest = {"metadata": {"annotations": dict(system.said)}} if system.said else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": owner.metadata(names.revision_name(owner.name, edition or found), {names.REVISION: found}),
        "revision": number,
        "data": {**{key: written[key] for key in ("apiVersion", "kind", "spec")}, **spoken},
    }


def forgotten(kept: Sequence[Manifest], system: str, in_use: Collection[str], edition: str) -> list[Manifest]:
    """ControllerRevisions to be pruned, beyond `MOST_REVISIONS`: the oldest that nothing is made by. `in_use`: their hashes."""
    needed = {names.revision_name(system, each) for each in (*in_use, edition) if each}
    spare = sorted((each for each in kept if each["metadata"]["name"] not in needed), key=lambda each: int(each["revision"]))
    return spare[: max(0, len(kept) - MOST_REVISIONS)]


def says_same(one: Manifest, other: Manifest) -> bool:
    """Whether two ControllerRevisions keep the same declaration, copies aside."""
    specs = [{key: value for key, value in each["data"]["spec"].items() if key != "replicas"} for each in (one, other)]
    return specs[0] == specs[1] and one["data"].get("metadata") == other["data"].get("metadata")


def placement_object(owner: Owner, spec: SystemSpec, gangs: Sequence[Gang], pod_priority: int = 0) -> Manifest:
    """A Placement that asks for room for these gangs of one system, first come first.

    Raises ValueError beyond 512 pods, unless it is one gang: that can't be split.
    """
    total = sum(len(gang.slots()) for gang in gangs)
    if total > MOST_PODS_PER_PLACEMENT and len(gangs) > 1:
        raise ValueError(
            f"a Placement holds {MOST_PODS_PER_PLACEMENT} pods, and these gangs have {total}; ask with placement_objects"
        )
    name = names.placement_name(owner.name, [gang.name for gang in gangs])
    return {
        "apiVersion": API_VERSION,
        "kind": "Placement",
        "metadata": owner.metadata(name),
        "spec": {
            "system": owner.name,
            "uid": owner.uid,
            "revision": revision_hash(spec),
            "podPriority": pod_priority,
            "priority": spec.priority,
            "gangs": [{"name": gang.name, "minimum": gang.minimum, "slots": list(gang.slots())} for gang in gangs],
        },
    }


def placement_objects(owner: Owner, spec: SystemSpec, gangs: Sequence[Gang], pod_priority: int = 0) -> list[Manifest]:
    """As many Placements as it takes, in the order of the gangs."""
    batches: list[list[Gang]] = [[]]
    room = MOST_PODS_PER_PLACEMENT
    for gang in gangs:
        size = len(gang.slots())
        if size > room and batches[-1]:
            batches.append([])
            room = MOST_PODS_PER_PLACEMENT
        batches[-1].append(gang)
        room -= size
    return [placement_object(owner, spec, batch, pod_priority) for batch in batches if batch]
