"""Answers the API server before it stores a system: refused is what no schema can tell, with the sentence that `plan` has.

What is refused here would be refused by the system's own workflow as well, a moment after it was stored. So this may be away,
or late: then it is as it was without it.
"""

from collections.abc import Mapping
from typing import Any

from activities.cache.accepted import accepted_before
from activities.cache.cache import Cache
from activities.cache.levels import declared_fabric
from activities.cluster.kube import BINDINGS, DECLARING, FABRICS, Manifest
from activities.reports.edits import is_groves
from activities.telemetry import failed
from specs.declaring import NotASystem, declared_system
from specs.fixed import moved
from specs.grove import CliqueSystem
from specs.minimums import changed, remembered
from specs.remarks import remarks
from specs.system import InferenceSystem
from topology.search.levels import misfit


class Admission:
    """Judges systems by what the cache has."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def review(self, review: Mapping[str, Any]) -> Manifest:
        """The AdmissionReview with its answer. Never raises: what it does not understand it lets pass."""
        request = review["request"]
        try:
            why, told = self._judged(request)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must keep nobody from writing
            failed("admission_failed", error)
            why, told = "", []
        response: Manifest = {"uid": request["uid"], "allowed": not why}
        if why:
            response["status"] = {"code": 422, "reason": "Invalid", "message": why}
        if told:
            response["warnings"] = told
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def _judged(self, request: Mapping[str, Any]) -> tuple[str, list[str]]:
        """Why it is refused, if it is, and what has no effect in it."""
        new: Manifest = request["object"]
        old: Manifest = request.get("oldObject") or {}
        if "deletionTimestamp" in new["metadata"] or (old and is_groves(old)):
            return "", []
        accepted = accepted_before(self._cache, old) if old else None
        try:
            system = declared_system(remembered(stated(new, request), accepted))
        except NotASystem as error:
            return str(error), []
        fabric = declared_fabric(self._cache.all(FABRICS), self._cache.all(BINDINGS))
        said = self._said(system, stated(old, request) if old else {}) or _least_changed(accepted, system)
        # only where levels are declared: those that labels tell change with the nodes
        why = self._taken(system) or said or (misfit(system.metadata.name, system.spec, fabric) if fabric else "")
        return why, remarks(system.source, fabric.names if fabric else ()) if isinstance(system, CliqueSystem) else []

    def _said(self, system: InferenceSystem, old: Manifest) -> str:
        if not isinstance(system, CliqueSystem):
            return ""
        try:
            before = declared_system(old) if old else system
        except NotASystem:
            return ""  # it was stored while nobody looked: any way out of it is welcome
        fixed = moved(before.source, system.source) if isinstance(before, CliqueSystem) else ""
        return fixed

    def _taken(self, system: InferenceSystem) -> str:
        for name, kind in DECLARING.items():
            if name != system.kind and self._cache.get(kind, system.metadata.namespace, system.metadata.name):
                taken = f"the {name} {system.metadata.name!r} runs under this name already"
                return f"{taken}; delete it first, or give this {system.kind} another name"
        return ""


def _least_changed(accepted: InferenceSystem | None, system: InferenceSystem) -> str:
    """Which clique has not the minimum that it was made with, if one has not."""
    if not isinstance(accepted, CliqueSystem) or not isinstance(system, CliqueSystem):
        return ""
    return changed(accepted.source, system.source)


def stated(stored: Manifest, request: Mapping[str, Any]) -> Manifest:
    """What a user has stated of an object."""
    metadata = {key: value for key, value in stored["metadata"].items() if key in {"name", "labels", "annotations"}}
    metadata = {"name": request.get("name", ""), **metadata, "namespace": request.get("namespace", "default")}
    return {"apiVersion": stored["apiVersion"], "kind": stored["kind"], "metadata": metadata, "spec": stored.get("spec")}
