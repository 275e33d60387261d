"""Edits: what somebody wrote into a custom resource past Espalier, with kubectl, an autoscaler or a GitOps tool. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from activities.cache.store import Key
from activities.cluster.kube import DECLARING, Manifest
from activities.state.fencing import generation_in, recorded_generation
from specs.adoption import GROVES_FINALIZER
from specs.names import DOMAIN, FINALIZER, PATH, RECORDED, SAYS, SYSTEM
from specs.said import POWERS, mark, said_by
from specs.sections import annotation, is_leaving, label, section

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Declared:
    """A custom resource as a command."""

    namespace: str
    name: str
    uid: str
    request_id: str
    """The same for the same edit, whoever sends it and however often."""
    who: str
    manifest: Manifest
    counts: Mapping[str, int]
    """Runtime counts that its scale objects keep, by path."""
    over: int = 0
    """Generation of intent that it said before it was edited; 0: none."""


@dataclass(frozen=True)
class Scaled:
    """A scale object as a command."""

    namespace: str
    name: str
    """Of the system."""
    request_id: str
    who: str
    counts: Mapping[str, int]


def is_edited(found: Manifest) -> bool:
    """Whether the spec was written since Espalier last wrote or accepted it: who edits it leaves the mark as it was."""
    return annotation(found, RECORDED) != mark(found["metadata"].get("generation", 0), said_by(found))


def mark_of(found: Manifest | None, spec: object, spoken: Mapping[str, str] | None = None) -> str:
    """What an object is to be marked with when this spec is written over what is known of it, and nobody writes it meanwhile.

    `spoken`: annotations that are part of what is declared, where they are not those of the object.
    """
    spoken = said_by(found or {}) if spoken is None else spoken
    return mark(1 if found is None else int(found["metadata"]["generation"]) + (found["spec"] != spec), spoken)


def is_groves(found: Manifest) -> bool:
    """Whether Grove itself looks after this set: nothing of ours before it is adopted."""
    finalizers = found["metadata"].get("finalizers") or ()
    return GROVES_FINALIZER in finalizers and FINALIZER not in finalizers


def is_unguarded(found: Manifest) -> bool:
    """Whether it would be gone at once if somebody deleted it, and nothing torn down: our finalizer was taken away."""
    held = FINALIZER in (found["metadata"].get("finalizers") or ())
    return not held and not is_groves(found) and not is_leaving(found)


def of_itself(found: Manifest | None, uid: str) -> dict[str, object]:
    """What the object that declares a system says of itself, as parts of an Observation. `uid`: of the one that is meant."""
    if found is None or (uid and found["metadata"]["uid"] != uid):
        return {"exists": False, "leaving": bool(uid)}  # what was declared there was taken back
    leaving, recorded = is_leaving(found), recorded_generation(found)
    return {"exists": not leaving, "leaving": leaving, "unguarded": is_unguarded(found), "recorded": recorded}


def observed_generation(found: Manifest, *, answered: bool) -> int:
    """The generation whose spec Espalier has answered: the object's own, or while an edit waits the one before."""
    if answered or not is_edited(found):
        return int(found["metadata"].get("generation", 0))
    return int(section(found, "status").get("observedGeneration", 0))


def is_unreported(found: Manifest) -> bool:
    """Whether an answered edit is not in the status yet: who was to write it may have died."""
    said = section(found, "status").get("observedGeneration")
    return not is_edited(found) and said != observed_generation(found, answered=True)


def edit_id(found: Manifest) -> str:
    """Which edit of which object this is."""
    metadata = found["metadata"]
    return f"{metadata['uid']}/{mark(metadata.get('generation', 0), said_by(found))}"


def editor(found: Manifest) -> str:
    """Who wrote the spec last, by the field manager's name: `kubectl-edit via the cluster`."""
    for entry in found["metadata"].get("managedFields") or ():
        door = entry.get("subresource") or "cluster"
        return f"{entry.get('manager') or 'somebody'} via the {door}"
    return "somebody via the cluster"


def declared(found: Manifest, counts: Mapping[str, int]) -> Declared:
    """An object that declares a system as the command to make it so."""
    metadata = found["metadata"]
    annotations = {key: value for key, value in section(metadata, "annotations").items() if key in POWERS or not _ours(key)}
    kept = {"name": metadata["name"], "namespace": metadata["namespace"], "labels": section(metadata, "labels")}
    manifest = {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {**kept, "annotations": annotations},
        "spec": found["spec"],
    }
    return Declared(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        edit_id(found),
        editor(found),
        manifest,
        dict(counts),
        generation_in(found, SAYS),
    )


def scaled(found: Manifest) -> Scaled:
    """An object that scales a part of a system as the command to make it so."""
    (namespace, name), path = system_of(found), path_of(found)
    return Scaled(namespace, name, edit_id(found), editor(found), {path: int(found["spec"]["replicas"])})


def system_of(found: Manifest) -> Key:
    """Namespace and name of the system that an object declares or scales."""
    metadata = found["metadata"]
    if found["kind"] in DECLARING:
        return metadata["namespace"], metadata["name"]
    return metadata["namespace"], found["spec"].get("system") or label(found, SYSTEM)


def path_of(found: Manifest) -> str:
    """Which part an object scales: `prefill` wherever it is, or one instance, `0/prefill`."""
    return str(found["spec"].get("path") or annotation(found, PATH))


def _ours(annotation_key: str) -> bool:
    return annotation_key == LAST_APPLIED or annotation_key.partition("/")[0] == DOMAIN
