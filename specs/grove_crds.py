"""The definitions of Grove's kinds, for clusters where Grove itself is not installed.

Refusals are the schema's, and rules in CEL where a rule can say it; the rest is refused by Espalier when it reads the object.
"""

from typing import Any, cast

from specs.bindings import LEVELLESS, NO_LEVELS, NOT_ENABLED, WITH_LEVELS, BindingSpec
from specs.crd_parts import AGE, column, definition, list_map, root
from specs.grove_status import BindingStatus, CliqueStatus, GroupStatus, SetStatus
from specs.owners import GROVE, Manifest
from specs.podcliqueset import PodCliqueSetSpec
from specs.schemas import Schema, structural

FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
WANTED = "What is wanted."
PROGRESS = ".status.updateProgress"
BREACHED = column("MinBreached", '.status.conditions[?(@.type=="MinAvailableBreached")].status', wide=True)
FIXED = "field is immutable"
SAME_MINIMUM = "!has(self.minAvailable) || !has(oldSelf.minAvailable) || self.minAvailable == oldSelf.minAvailable"
"""Left out it stays what it was, which Espalier writes down."""
SAME_NAMES = "self.all(one, oldSelf.exists(old, old.name == one.name)) && size(self) == size(oldSelf)"

GROUPED = "has({0}.podCliqueScalingGroups) && size({0}.podCliqueScalingGroups) > 0"
"""Of a list that is not there, or was not, no rule of its own is asked."""


def grove_crds() -> list[Manifest]:
    """PodCliqueSet, PodClique, PodCliqueScalingGroup, ClusterTopologyBinding and PodGang."""
    return [pod_clique_sets(), pod_cliques(), scaling_groups(), topology_bindings(), pod_gangs()]


def pod_clique_sets() -> Manifest:
    """What users of Grove declare."""
    spec = structural(PodCliqueSetSpec)
    template = _at(spec, "template")
    _list_maps(template)
    _rules(template)
    schema = root(
        "One inference system in Grove's words: cliques of pods, and groups of them that scale together.",
        spec,
        _status(SetStatus),
    )
    columns = [
        column("Replicas", ".spec.replicas", "integer"),
        column("Available", ".status.availableReplicas", "integer"),
        column("Updated", ".status.updatedReplicas", "integer"),
        column("PCLQs-Updated", f"{PROGRESS}.updatedPodCliquesCount", "integer"),
        column("PCLQs-Total", f"{PROGRESS}.totalPodCliquesCount", "integer"),
        column("PCSGs-Updated", f"{PROGRESS}.updatedPodCliqueScalingGroupsCount", "integer"),
        column("PCSGs-Total", f"{PROGRESS}.totalPodCliqueScalingGroupsCount", "integer"),
        column("Update", '.status.conditions[?(@.type=="UpdateInProgress")].reason', wide=True),
        column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        AGE,
    ]
    named = {"kind": "PodCliqueSet", "plural": "podcliquesets", "singular": "podcliqueset", "shortNames": ["pcs"]}
    return definition(GROVE, named, "Namespaced", schema, columns, _scaled(".status.hpaPodSelector"))


def pod_cliques() -> Manifest:
    """One instance of a clique."""
    spec: Schema = {**FREE, "description": WANTED, "properties": _counts()}
    schema = root("The pods of one clique in one place of a set. Written by Espalier; scale it.", spec, _status(CliqueStatus))
    columns = [
        column("MinAvail", ".spec.minAvailable", "integer"),
        column("Replicas", ".spec.replicas", "integer"),
        column("Ready", ".status.readyReplicas", "integer"),
        column("Scheduled", ".status.scheduledReplicas", "integer"),
        column("Updated", ".status.updatedReplicas", "integer"),
        column("Gated", ".status.scheduleGatedReplicas", "integer", wide=True),
        BREACHED,
        AGE,
    ]
    named = {"kind": "PodClique", "plural": "podcliques", "singular": "podclique", "shortNames": ["pclq"]}
    return definition(GROVE, named, "Namespaced", schema, columns, _scaled(".status.hpaPodSelector"))


def scaling_groups() -> Manifest:
    """One instance of a scaling group."""
    names: Schema = {
        "type": "array",
        "description": "Its cliques.",
        "maxItems": 64,
        "items": {"type": "string", "maxLength": 63},
    }
    spec: Schema = {**FREE, "description": WANTED, "properties": {**_counts(), "cliqueNames": names}}
    schema = root("One scaling group in one replica of a set. Written by Espalier; scale it.", spec, _status(GroupStatus))
    columns = [
        column("MinAvail", ".spec.minAvailable", "integer"),
        column("Replicas", ".spec.replicas", "integer"),
        column("Available", ".status.availableReplicas", "integer"),
        column("Scheduled", ".status.scheduledReplicas", "integer"),
        column("Updated", ".status.updatedReplicas", "integer"),
        column("PCLQs-Updated", f"{PROGRESS}.updatedPodCliquesCount", "integer"),
        column("PCLQs-Total", f"{PROGRESS}.totalPodCliquesCount", "integer"),
        BREACHED,
        AGE,
    ]
    plural = "podcliquescalinggroups"
    named = {"kind": "PodCliqueScalingGroup", "plural": plural, "singular": plural[:-1], "shortNames": ["pcsg"]}
    return definition(GROVE, named, "Namespaced", schema, columns, _scaled(".status.selector"))


def topology_bindings() -> Manifest:
    """The levels of the cluster's network, in Grove's words."""
    spec = structural(BindingSpec)
    levels = _at(spec, "levels")
    list_map(levels, "domain")
    unique = "self.all(one, self.exists_one(other, other.key == one.key))"
    _rule(levels, unique, "two levels have the same key; give each a node label of its own")
    schedulers = _at(spec, "schedulerTopologyBindings")
    list_map(schedulers, "schedulerName")
    for known, message in ((WITH_LEVELS + LEVELLESS, NOT_ENABLED), (WITH_LEVELS, NO_LEVELS)):
        _rule(_at(schedulers["items"], "schedulerName"), f"self in {list(known)}", message)
    schema = root("The levels of the cluster's network, broad to narrow.", spec, _status(BindingStatus))
    named = {
        "kind": "ClusterTopologyBinding",
        "plural": "clustertopologybindings",
        "singular": "clustertopologybinding",
        "shortNames": ["ct"],
    }
    return definition(GROVE, named, "Cluster", schema, [column("Domains", ".spec.levels[*].domain"), AGE], {"status": {}})


def pod_gangs() -> Manifest:
    """Pods that are placed together; a mirror, written by Espalier and read by nobody here."""
    what = "Pods that are placed together. Written by Espalier; it reads nothing back."
    spec: Schema = {**FREE, "description": "The pods.", "properties": _gang()}
    phase = {
        "type": "string",
        "maxLength": 32,
        "description": "Pending until all are on nodes, Starting until enough are Ready, then Running.",
    }
    schema = root(what, spec, {**FREE, "description": "Where they stand.", "properties": {"phase": phase}})
    columns = [column("Phase", ".status.phase"), AGE]
    named = {"kind": "PodGang", "plural": "podgangs", "singular": "podgang", "shortNames": ["pg"]}
    return definition(f"scheduler.{GROVE}", named, "Namespaced", schema, columns, {"status": {}})


def _gang() -> dict[str, Schema]:
    """The parts of a PodGang."""
    packed = "What all of them are packed into, as labels of nodes."
    around = "Cliques of one replica of a group, and what they are packed into."
    many: Schema = {"type": "array", "maxItems": 10_000}
    return {
        "podgroups": {
            **many,
            "items": {**FREE, "description": "A clique."},
            "description": "Its cliques and their pods.",
        },
        "topologyConstraint": {**FREE, "description": packed},
        "topologyConstraintGroupConfigs": {**many, "items": {**FREE, "description": "A replica."}, "description": around},
        "priorityClassName": {"type": "string", "maxLength": 253, "description": "As in the set's template."},
    }


def _rules(template: Schema) -> None:
    """What may be said, and what may be changed later; with the messages of Grove."""
    cliques, groups = _at(template, "cliques"), _at(template, "podCliqueScalingGroups")
    _rule(cliques, SAME_NAMES, "not allowed to change clique composition; delete the set and apply it anew")
    _rule(cliques, "size(self) > 0", "at least one PodClique must be defined")
    grouped = "not allowed to add or remove PodCliqueScalingGroupConfigs; delete the set and apply it anew"
    _rule(groups, SAME_NAMES, grouped)
    _rule(template, f"({GROUPED.format('self')}) == ({GROUPED.format('oldSelf')})", grouped)
    clique, group = cliques["items"], groups["items"]
    for part in (template, clique, group):
        _fix(part, "topologyConstraint", "topology constraint cannot be added, removed or changed after creation")
        _constrain(_at(part, "topologyConstraint"))
    _fix(template, "cliqueStartupType", FIXED)
    _fix(group, "cliqueNames", FIXED)
    _fix(group, "minAvailable", FIXED)
    spec = _at(clique, "spec")
    for field in ("roleName", "startsAfter"):
        _fix(spec, field, FIXED)
    _rule(spec, SAME_MINIMUM, f"minAvailable: {FIXED}")
    few = "minAvailable must not be greater than replicas"
    for least in ("self", "oldSelf"):  # what is left out stays what it was
        _rule(spec, f"!has({least}.minAvailable) || {least}.minAvailable <= (self.replicas == 0 ? 1 : self.replicas)", few)
    _rule(group, "self.minAvailable <= self.replicas", few)


def _constrain(constraint: Schema) -> None:
    deprecated = "packDomain is deprecated and cannot be used on new workloads; use pack.required"
    _rule(constraint, "!has(self.packDomain)", deprecated)
    _rule(constraint, "has(self.pack) || has(self.packDomain)", "topologyConstraint must specify pack or deprecated packDomain")
    both = "pack must specify at least one of required or preferred"
    _rule(_at(constraint, "pack"), "has(self.required) || has(self.preferred)", both)


def _fix(part: Schema, field: str, message: str) -> None:
    """A field that is to stay as it was first."""
    same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    _rule(part, same, f"{field}: {message}")


def _rule(part: Schema, rule: str, message: str) -> None:
    part.setdefault("x-kubernetes-validations", []).append({"rule": rule, "message": message})


def _list_maps(template: Schema) -> None:
    for field in ("cliques", "podCliqueScalingGroups", "resourceClaimTemplates"):
        list_map(_at(template, field), "name")
    _at(template, "resourceClaimTemplates")["maxItems"] = 32


def _at(schema: Schema, field: str) -> Schema:
    return cast("Schema", schema["properties"][field])


def _status(model: Any) -> Schema:
    schema = structural(model)
    list_map(_at(schema, "conditions"), "type")
    return schema


def _counts() -> dict[str, Schema]:
    number = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 10_000}
    return {
        "replicas": {**number, "description": "How many are wanted."},
        "minAvailable": {**number, "description": "Of them, how many start together."},
    }


def _scaled(selector: str) -> Manifest:
    paths = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": selector}
    return {"status": {}, "scale": paths}
