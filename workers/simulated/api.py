"""The verbs of the simulated API server, on plain objects."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from specs.owners import Manifest
from specs.sections import entries, section
from workers.simulated import pods
from workers.simulated.applying import applied, scaled, updated
from workers.simulated.clock import Clock, stamp
from workers.simulated.errors import Denied, conflict, invalid, not_found
from workers.simulated.kinds import DEFINITIONS, NAMESPACES, PODS, PRIORITIES, Kinds, Resource, defaulted
from workers.simulated.objects import Objects
from workers.simulated.patching import json_patched, merged
from workers.simulated.selecting import Match

NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
NAME_RULE = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
EMPTY: tuple[object, ...] = ({}, [], None)
"""What is not kept of metadata: no labels are no field."""
SELF, APPLIED = "simulated-cluster", ""
"""Who writes: the cluster itself; or somebody by server-side apply, who has been noted already."""
Patch = Sequence[Mapping[str, Any]] | Mapping[str, Any]


@dataclass(frozen=True)
class Where:
    """One object's address."""

    resource: Resource
    namespace: str
    name: str
    subresource: str = ""


class Api:
    """Creates, changes and deletes, as an API server does. Raises `Denied`."""

    def __init__(self, objects: Objects, kinds: Kinds, clock: Clock) -> None:
        self.objects, self.kinds, self._clock = objects, kinds, clock

    def get(self, where: Where) -> Manifest:
        """One object, or its scale."""
        found = self.objects.get(where.resource, where.namespace, where.name)
        if found is None:
            raise not_found(_long(where.resource), where.name)
        return _scale_of(where.resource, found) if where.subresource == "scale" else found

    def create(self, resource: Resource, namespace: str, manifest: Manifest, manager: str = SELF) -> Manifest:
        """A new object. Its status is the server's to give."""
        metadata = dict(manifest.get("metadata") or {})
        name = metadata.get("name") or _generated(metadata)
        if not NAME.match(name):
            raise invalid(resource.kind, name, "metadata.name", f"Invalid value: {name!r}: {NAME_RULE}")
        self._check_room(resource, namespace)
        if self.objects.get(resource, namespace, name) is not None:
            raise Denied(409, f'{_long(resource)} "{name}" already exists', "AlreadyExists")
        metadata = {key: value for key, value in metadata.items() if key not in SERVERS_OWN}
        metadata |= {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": self._now(), "generation": 1}
        if resource.namespaced:
            metadata["namespace"] = namespace
        said = {
            key: value
            for key, value in manifest.items()
            if not (resource.has_status and key == "status" and resource.kind != "Node")
        }
        item = {**said, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
        return self.objects.put(resource, self._admitted(resource, item if manager == APPLIED else updated(None, item, manager)))

    def replace(self, where: Where, manifest: Manifest, manager: str = SELF) -> Manifest:
        """PUT: what was read must still be so, if it says which version that was."""
        old = self.get(Where(where.resource, where.namespace, where.name))
        said = section(manifest, "metadata").get("resourceVersion")
        if said and said != old["metadata"]["resourceVersion"]:
            raise conflict(
                _long(where.resource), where.name, "the object has been modified; please apply your changes to the latest"
            )
        if where.subresource == "scale":
            return self._scaled(where, old, manifest, manager)
        return self._changed(where, old, manifest, manager)

    def patch(self, where: Where, patch: Patch, manager: str = SELF) -> Manifest:
        """A JSON patch or a merge patch."""
        old = self.get(Where(where.resource, where.namespace, where.name))
        scale = where.subresource == "scale"
        base = _scale_of(where.resource, old) if scale else old
        if isinstance(patch, Mapping):
            self._check_preconditions(where, old, section(patch, "metadata"))
        new = merged(base, patch) if isinstance(patch, Mapping) else json_patched(base, patch)
        return (self._scaled if scale else self._changed)(where, old, new, manager)

    def apply(self, where: Where, intent: Manifest, manager: str, *, force: bool) -> Manifest:
        """Server-side apply; creates what is not there."""
        old = self.objects.get(where.resource, where.namespace, where.name)
        if where.subresource == "status":
            intent = {"metadata": {}, "status": intent.get("status") or {}}
        elif where.resource.has_status:
            intent = {key: value for key, value in intent.items() if key != "status"}
        new = applied(old, intent, manager, where.subresource, force=force)
        if old is None:
            named = {**new, "metadata": {**new["metadata"], "name": where.name}}
            return self.create(where.resource, where.namespace, named, APPLIED)
        return self._changed(where, old, new, APPLIED)

    def delete(self, where: Where, options: Mapping[str, Any]) -> Manifest:
        """At once, or gracefully: a bound pod leaves when its kubelet has stopped it, and finalizers must be taken away first."""
        old = self.get(where)
        self._check_preconditions(where, old, section(options, "preconditions"))
        if where.resource == NAMESPACES:
            return self._leaving(where.resource, old, 0)
        if (
            where.resource == PODS
            and old["spec"].get("nodeName")
            and old.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
        ):
            grace = options.get("gracePeriodSeconds", old["spec"].get("terminationGracePeriodSeconds", 30))
            if int(grace) > 0:
                return self._leaving(where.resource, old, int(grace))
        if old["metadata"].get("finalizers"):
            return self._leaving(where.resource, old, 0)
        return self.objects.drop(where.resource, old)

    def delete_all(
        self, resource: Resource, namespace: str, match: Match, options: Mapping[str, Any], as_of: int = 0
    ) -> list[Manifest]:
        """Every object that the selector takes; or that it took at a version, by its name."""
        found = self.objects.at(resource, namespace, as_of) if as_of else self.objects.all(resource, namespace)
        if found is None:
            raise Denied(410, f"The provided resource version {as_of} is too old", "Expired")
        names = [(item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in found if match(item)]
        there = (name for name in names if self.objects.get(resource, *name) is not None)
        return [self.delete(Where(resource, *name), options) for name in there]

    def write_status(self, resource: Resource, item: Manifest, status: Manifest) -> Manifest:
        """By a part of the cluster itself."""
        return self.objects.put(resource, {**item, "status": status})

    # What every change goes through

    def _changed(self, where: Where, old: Manifest, new: Manifest, manager: str) -> Manifest:
        resource = where.resource
        item = (
            _status_changed(old, new) if where.subresource == "status" else self._admitted(resource, _body_changed(old, new), old)
        )
        _check_finalizers(resource, old, item)
        if _content(item) == _content(old):
            return old
        item = item if manager == APPLIED else updated(old, item, manager, where.subresource)
        if item.get("spec") != old.get("spec"):
            item["metadata"] = {**item["metadata"], "generation": int(old["metadata"].get("generation", 1)) + 1}
        stored = self.objects.put(resource, item)
        return self.objects.drop(resource, stored) if resource != NAMESPACES and _released(old, item) else stored

    def _admitted(self, resource: Resource, item: Manifest, old: Manifest | None = None) -> Manifest:
        """With defaults, and checked."""
        item = {**item, "metadata": {key: value for key, value in item["metadata"].items() if value not in EMPTY}}
        if resource == PODS:
            if old is None:
                return pods.made(item, self._now(), self._priority(item))
            pods.check_change(old, item)
            return _ungated(item)
        if resource == NAMESPACES and old is None:
            return {**item, "status": {"phase": "Active"}}
        if resource == DEFINITIONS:
            return {**item, "status": {**section(item, "status"), "conditions": _established(self._now())}}
        return cast(Manifest, defaulted(resource.schema, item)) if resource.schema else item

    def _priority(self, pod: Manifest) -> int:
        """As the pod's PriorityClass says."""
        name = section(pod, "spec").get("priorityClassName")
        found = self.objects.get(PRIORITIES, "", name) if name else None
        if name and found is None and name not in pods.CRITICAL:
            refusal = f'pods "{pod["metadata"]["name"]}" is forbidden: no PriorityClass with name {name} was found'
            raise Denied(403, refusal, "Forbidden")
        return int(found["value"]) if found else pods.CRITICAL.get(name or "", 0)

    def _check_room(self, resource: Resource, namespace: str) -> None:
        if not resource.namespaced:
            return
        found = self.objects.get(NAMESPACES, "", namespace)
        if found is None:
            raise not_found("namespaces", namespace)
        if "deletionTimestamp" in found["metadata"]:
            raise Denied(
                403, f"unable to create new content in namespace {namespace} because it is being terminated", "Forbidden"
            )

    def _check_preconditions(self, where: Where, old: Manifest, said: Mapping[str, Any]) -> None:
        for field in ("uid", "resourceVersion"):
            if said.get(field) and said[field] != old["metadata"].get(field):
                raise conflict(_long(where.resource), where.name, f"Precondition failed: {field} in precondition: {said[field]}")

    def _leaving(self, resource: Resource, old: Manifest, grace: int) -> Manifest:
        if "deletionTimestamp" in old["metadata"] and int(old["metadata"].get("deletionGracePeriodSeconds", 0)) <= grace:
            return old
        end = stamp(self._clock.now() + timedelta(seconds=grace))
        metadata = {**old["metadata"], "deletionTimestamp": end, "deletionGracePeriodSeconds": grace}
        if "deletionTimestamp" not in old["metadata"]:
            metadata["generation"] = int(metadata.get("generation", 1)) + 1
        return self.objects.put(resource, {**old, "metadata": metadata})

    def _scaled(self, where: Where, old: Manifest, scale: Manifest, manager: str) -> Manifest:
        path = tuple(where.resource.scale[0].strip(".").split("."))
        change: Any = int(section(scale, "spec").get("replicas") or 0)
        for step in reversed(path):
            change = {step: change}
        new = scaled(old, merged(old, change), path, manager)
        return _scale_of(where.resource, self._changed(Where(where.resource, where.namespace, where.name), old, new, APPLIED))

    def _now(self) -> str:
        return stamp(self._clock.now())


def _status_changed(old: Manifest, new: Manifest) -> Manifest:
    """Through the status subresource: nothing else changes, but who owns it."""
    fields: Manifest = {"managedFields": new["metadata"]["managedFields"]} if "managedFields" in new["metadata"] else {}
    return {**old, "metadata": {**old["metadata"], **fields}, "status": new.get("status") or {}}


def _body_changed(old: Manifest, new: Manifest) -> Manifest:
    """Everything but the status, and what only the server writes."""
    kept: Manifest = {"status": old["status"]} if "status" in old else {}
    said = {key: value for key, value in new.items() if key != "status"}
    return {**said, "metadata": {**new["metadata"], **_own(old)}, **kept}


def _own(old: Manifest) -> Manifest:
    """Metadata that nobody but the server writes."""
    return {key: old["metadata"][key] for key in SERVERS_OWN if key in old["metadata"]}


def _content(item: Manifest) -> Manifest:
    return {**item, "metadata": {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}}


def _check_finalizers(resource: Resource, old: Manifest, new: Manifest) -> None:
    """Raise `Denied` 422 where somebody would hold what is leaving already."""
    held = old["metadata"].get("finalizers") or ()
    added = [each for each in new["metadata"].get("finalizers") or () if each not in held]
    if added and "deletionTimestamp" in old["metadata"]:
        why = f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added}"
        raise invalid(resource.kind, old["metadata"]["name"], "metadata.finalizers", why)


def _released(old: Manifest, new: Manifest) -> bool:
    """Whether it was to go at once, and nothing holds it any more."""
    metadata = old["metadata"]
    at_once = "deletionTimestamp" in metadata and not metadata.get("deletionGracePeriodSeconds")
    return at_once and not new["metadata"].get("finalizers")


def _ungated(pod: Manifest) -> Manifest:
    """An empty list of gates is none."""
    if pod["spec"].get("schedulingGates") == []:
        return {**pod, "spec": {key: value for key, value in pod["spec"].items() if key != "schedulingGates"}}
    return pod


def _established(now: str) -> list[Manifest]:
    return [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("NamesAccepted", "Established")]


def _generated(metadata: Mapping[str, Any]) -> str:
    if not metadata.get("generateName"):
        raise Denied(422, "name or generateName is required", "Invalid")
    return f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"


def _scale_of(resource: Resource, item: Manifest) -> Manifest:
    def at(path: str) -> int:
        *way, last = path.strip(".").split(".")
        return int(section(item, *way).get(last) or 0)

    if not resource.scale:
        raise not_found(_long(resource), f"{item['metadata']['name']}/scale")
    spec, status = resource.scale
    metadata = {key: item["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion") if key in item["metadata"]}
    head = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata}
    wanted = {"replicas": at(spec)} if at(spec) else {}
    return {**head, "spec": wanted, "status": {"replicas": at(status)}}


def _long(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def owners(item: Manifest) -> list[str]:
    """UIDs of those that an object belongs to."""
    return [str(each["uid"]) for each in entries(item, "metadata", "ownerReferences")]
