"""What the cache keeps of an object. A cluster's pods are most of the agent's memory, and most of a pod is not its business."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import Any

import orjson

from activities.cluster.kube import Manifest
from specs import names
from specs.sections import label, section

Trim = Callable[[Manifest], Manifest]
MOST_SHARED = 10_000
"""Parts remembered, of some 300 bytes."""

OURS = (f"{names.DOMAIN}/", "/pod-deletion-cost")
METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
    "finalizers",
)
POD_SPEC = (
    "nodeName",
    "schedulerName",
    "schedulingGates",
    "affinity",
    "nodeSelector",
    "tolerations",
    "overhead",
    "resources",
    "resourceClaims",
    "priority",
    "priorityClassName",
    "preemptionPolicy",
)
CONTAINER = ("name", "resources", "restartPolicy")
OTHERS_METADATA = ("name", "namespace", "uid", "resourceVersion", "deletionTimestamp")
OTHERS_SPEC = ("nodeName", "schedulerName", "overhead", "resources", "resourceClaims")
OTHERS_STATUS = ("phase", "nominatedNodeName")
POD_STATUS = ("phase", "reason", "message", "nominatedNodeName", "conditions")
CONTAINER_STATUS = ("name", "image", "ready", "restartCount", "state", "lastState")
NODE_SPEC = ("unschedulable", "taints")
NODE_CONDITION = ("type", "status", "reason", "lastTransitionTime")


def trimmed(item: Manifest) -> Manifest:
    """All but the record of who manages which field."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": metadata}


def trimmed_system(item: Manifest) -> Manifest:
    """All, but of those who manage fields only the one who wrote last, and not which fields."""
    writers = [each for each in _list(item["metadata"], "managedFields") if not each.get("subresource")]
    return _by(item, max(writers, key=lambda each: str(each.get("time", "")), default=None))


def trimmed_member(item: Manifest) -> Manifest:
    """All, but of those who manage fields only the one who has set the count: a scale is recorded without its time."""
    writers = _list(item["metadata"], "managedFields")
    return _by(item, next((each for each in writers if "f:replicas" in section(each, "fieldsV1", "f:spec")), None))


def _by(item: Manifest, writer: Manifest | None) -> Manifest:
    made = trimmed(item)
    if writer is not None:
        made["metadata"]["managedFields"] = [_kept(writer, ("manager", "subresource"))]
    return made


def trimmed_pod(item: Manifest) -> Manifest:
    """Identity, needs, place and state; of the annotations only ours, of the container statuses only the unready ones.

    Of one that was changed in place all, and its images. Of others' pods only what they take, and from where.
    """
    if not label(item, names.SYSTEM):
        return _of_others(item)
    spec, status = _part(item, "spec"), _part(item, "status")
    kept_spec = {key: _shared(value) for key, value in _kept(spec, POD_SPEC).items()}
    renewed = names.RENEWED in section(item, "metadata", "annotations")
    for field in ("containers", "initContainers"):
        if field in spec:
            kept_spec[field] = _shared(_each_kept(spec[field], (*CONTAINER, "image") if renewed else CONTAINER))
    kept_status = _kept(status, POD_STATUS)
    for field in ("initContainerStatuses", "containerStatuses"):
        unready = [each for each in _list(status, field) if renewed or not each.get("ready")]
        if unready:
            kept_status[field] = _each_kept(unready, CONTAINER_STATUS)
    return {**_kept(item, ("apiVersion", "kind")), "metadata": _metadata(item), "spec": kept_spec, "status": kept_status}


def _of_others(item: Manifest) -> Manifest:
    """Most pods of a cluster, and most of their changes are no news here."""
    spec, metadata = _part(item, "spec"), _kept(item["metadata"], OTHERS_METADATA)
    for field in ("labels", "annotations"):
        if ours := _ours(item["metadata"].get(field)):
            metadata[field] = ours
    kept = _kept(spec, OTHERS_SPEC)
    for field in ("containers", "initContainers"):
        if field in spec:
            kept[field] = _shared(_each_kept(spec[field], CONTAINER[1:]))
    status = _shared(_kept(_part(item, "status"), OTHERS_STATUS))
    return {**_kept(item, ("apiVersion", "kind")), "metadata": metadata, "spec": kept, "status": status}


def trimmed_node(item: Manifest) -> Manifest:
    """Identity, labels, taints, what it can hold and whether it is ready; not the images, nor the times of heartbeats."""
    status = _part(item, "status")
    ready = [each for each in _list(status, "conditions") if each.get("type") == "Ready"]
    holds = "allocatable" if status.get("allocatable") else "capacity"
    kept: Manifest = {"conditions": _each_kept(ready, NODE_CONDITION)}
    if holds in status:
        kept[holds] = _shared(status[holds])
    spec, metadata = _shared(_kept(_part(item, "spec"), NODE_SPEC)), _metadata(item)
    if metadata.get("labels"):
        metadata["labels"] = {key: intern(value) for key, value in metadata["labels"].items()}
    return {**_kept(item, ("apiVersion", "kind")), "metadata": metadata, "spec": spec, "status": kept}


def _metadata(item: Manifest) -> Manifest:
    metadata = item["metadata"]
    kept = _kept(metadata, METADATA)
    for field in kept.keys() & {"ownerReferences", "finalizers"}:
        kept[field] = _shared(kept[field])
    if ours := _ours(metadata.get("annotations")):
        kept["annotations"] = ours
    return kept


def _ours(said: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (said or {}).items() if any(each in key for each in OURS)}


def _shared(part: Any) -> Any:
    """An equal part that was seen before, so that it is in memory once: nobody changes what the cache hands out."""
    return _one(orjson.dumps(part))


@lru_cache(MOST_SHARED)
def _one(text: bytes) -> Any:
    return orjson.loads(text)


def _part(item: Manifest, field: str) -> Manifest:
    return item.get(field) or {}


def _list(item: Manifest, field: str) -> Sequence[Manifest]:
    return item.get(field) or ()


def _kept(item: Mapping[str, Any], keys: Iterable[str]) -> Manifest:
    return {key: item[key] for key in keys if key in item}


def _each_kept(items: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> list[Manifest]:
    return [_kept(item, keys) for item in items]
