"""Grove's manifests as Espalier's: a PodCliqueSet as the same tree of members, a ClusterTopologyBinding as a Fabric.

| Grove                   | here                                                                                |
|-------------------------|-------------------------------------------------------------------------------------|
| replica of the set      | copy                                                                                |
| clique                  | role; `minAvailable` is all of it where left out                                    |
| scaling group           | group, in the place of its first clique; its cliques in their order                 |
| base and scaled PodGang | base gang, and a gang of each group replica above the minimum                       |
| topologyConstraint.pack | `within` and `prefer` of the copy, the group replica or the role                    |
| startsAfter, InOrder    | `after`: the clique in the same group replica, else beside it, else in the group it is in |

Names of pods' hosts, services, cliques and groups come out as Grove has them, because both join the same words with dashes.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from specs.cliques import Clique, ScalingGroup, TopologyConstraint
from specs.durations import whole_seconds
from specs.fabric import HOST, Fabric, NodeLabel
from specs.names import DOMAIN, instance_name
from specs.owners import GROVE
from specs.podcliqueset import EXPLICIT, IN_ORDER, PodCliqueSet, Template
from specs.repelling import repels_itself
from specs.strict import Level, Resource, Spec
from specs.system import InferenceSystem, Metadata

ASKED_SCHEDULER = f"{DOMAIN}/asked-scheduler"
"""Annotation: the schedulerName that the manifest names; pods are given to the cluster's own."""
MNNVL = f"{GROVE}/mnnvl-group"
STRATEGIES = {"RollingRecreate": "rolling", "OnDelete": "onDelete"}
OURS = ("schedulerName", "restartPolicy", "hostname", "subdomain")
"""Fields of a pod that Espalier sets, whatever a manifest says."""


class NoTree(ValueError):
    """A PodCliqueSet that can't be a system; the message ends with what to do."""


class CliqueSystem(InferenceSystem):
    """A PodCliqueSet as a system."""

    api_version: Literal["grove.io/v1alpha1"] = "grove.io/v1alpha1"  # type: ignore[assignment] # pyright: ignore[reportIncompatibleVariableOverride]
    kind: Literal["PodCliqueSet"] = "PodCliqueSet"  # type: ignore[assignment] # pyright: ignore[reportIncompatibleVariableOverride]
    source: PodCliqueSet = Field(exclude=True, repr=False)
    """As it was written."""

    def written(self) -> dict[str, Any]:
        """The PodCliqueSet, in the same form."""
        return self.source.model_dump(mode="json", by_alias=True, exclude_unset=True)


class BindingLevel(Spec):
    """One level of a ClusterTopologyBinding."""

    domain: Level
    """Name of the level."""
    key: NodeLabel
    """Label of nodes that tells their domain."""


class SchedulerBinding(Spec):
    """A topology that a scheduler of its own keeps; of no account here."""

    scheduler_name: Annotated[str, Field(max_length=253)]
    """Of the scheduler."""
    topology_reference: Annotated[str, Field(max_length=253)] = ""
    """Name of its topology."""


class BindingSpec(Spec):
    """What is wanted."""

    levels: Annotated[tuple[BindingLevel, ...], Field(min_length=1, max_length=16)]
    """Broad to narrow."""
    scheduler_topology_bindings: Annotated[tuple[SchedulerBinding, ...], Field(max_length=16)] = ()
    """Topologies that other schedulers keep."""


class ClusterTopologyBinding(Resource):
    """The levels of a cluster, as Grove has them."""

    api_version: Literal["grove.io/v1alpha1"]
    kind: Literal["ClusterTopologyBinding"]
    metadata: Metadata
    spec: BindingSpec


def fabric_of(binding: ClusterTopologyBinding) -> Fabric:
    """The same levels; what is narrower than a host is left out. Raises ValidationError for two of one name."""
    levels = [{"name": level.domain, "label": level.key} for level in binding.spec.levels]
    names = [level["name"] for level in levels]
    kept = levels[: names.index(HOST) + 1] if HOST in names else levels
    return Fabric.model_validate({"metadata": {"name": binding.metadata.name}, "spec": {"levels": kept}})


def system_of(declared: PodCliqueSet) -> CliqueSystem:
    """The same tree. Raises `NoTree`."""
    tree = _tree(declared)
    try:
        return CliqueSystem.model_validate({"metadata": declared.metadata, "spec": tree, "source": declared})
    except ValidationError as error:
        raise NoTree(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None


def unserved(declared: PodCliqueSet) -> str:
    """What it asks for that can be planned, but not run; empty when all of it can."""
    template = declared.spec.template
    cliques, groups = template.cliques, template.pod_clique_scaling_groups
    shared = [
        template.resource_sharing,
        *(each.resource_sharing for each in cliques),
        *(each.resource_sharing for each in groups),
    ]
    if any(shared):
        return (
            "resourceSharing is not served yet; take it out, and name a ResourceClaimTemplate in podSpec.resourceClaims instead"
        )
    annotated = [declared.metadata.annotations, *(each.annotations for each in cliques), *(each.annotations for each in groups)]
    if any(each.get(MNNVL, "none") != "none" for each in annotated):
        return f"MNNVL is not enabled here; take out the annotation {MNNVL}, or set it to none"
    return ""


def _tree(declared: PodCliqueSet) -> Mapping[str, Any]:
    template = declared.spec.template
    members: list[Mapping[str, Any]] = []
    built: set[str] = set()
    for clique in template.cliques:
        group = _group_of(template, clique.name)
        if group is None:
            members.append(_role(declared, clique))
        elif group.name not in built:
            built.add(group.name)
            members.append(_group(declared, group))
    return {
        "replicas": declared.spec.replicas,
        "start": "explicit" if template.clique_startup_type in {IN_ORDER, EXPLICIT} else "anyOrder",
        "place": _place(template.topology_constraint),
        "members": members,
        "rollout": {"byCopy": True, "strategy": STRATEGIES[declared.spec.update_strategy.type]},
        "recovery": {"scope": "gang", "delay": f"{whole_seconds(template.termination_delay)}s"},
    }


def _group(declared: PodCliqueSet, group: ScalingGroup) -> Mapping[str, Any]:
    template = declared.spec.template
    inside = [clique for clique in template.cliques if clique.name in group.clique_names]
    return {
        "group": group.name,
        "replicas": group.replicas,
        "minAvailable": group.min_available,
        "place": _place(group.topology_constraint),
        "members": [_role(declared, clique) for clique in inside],
    }


def _role(declared: PodCliqueSet, clique: Clique) -> Mapping[str, Any]:
    template = declared.spec.template
    pod = dict(clique.spec.pod_spec)
    asked = pod.get("schedulerName")
    annotations = {**clique.annotations, **({ASKED_SCHEDULER: asked} if asked else {})}
    if template.priority_class_name:
        pod.setdefault("priorityClassName", template.priority_class_name)
    return {
        "role": clique.name,
        "replicas": clique.spec.wanted,
        "minAvailable": clique.spec.minimum,
        "after": [_path(template, clique, earlier) for earlier in _before(template, clique)],
        "place": {**_place(clique.topology_constraint), **_apart(declared, clique)},
        "template": {
            "metadata": {"labels": dict(clique.labels), "annotations": annotations},
            "spec": {field: value for field, value in pod.items() if field not in OURS},
        },
    }


def _before(template: Template, clique: Clique) -> tuple[str, ...]:
    """Cliques that must have started before."""
    if template.clique_startup_type == EXPLICIT:
        return clique.spec.starts_after
    if template.clique_startup_type == IN_ORDER:
        names = [each.name for each in template.cliques]
        return tuple(names[max(0, names.index(clique.name) - 1) : names.index(clique.name)])
    return ()


def _path(template: Template, clique: Clique, earlier: str) -> str:
    """How a clique names another."""
    group = _group_of(template, earlier)
    return earlier if group is None or clique.name in group.clique_names else f"{group.name}/{earlier}"


def _group_of(template: Template, clique: str) -> ScalingGroup | None:
    return next((group for group in template.pod_clique_scaling_groups if clique in group.clique_names), None)


def _apart(declared: PodCliqueSet, clique: Clique) -> Mapping[str, Any]:
    """Pods that keep off each other's hosts are placed so, whichever replica of the set the manifest names."""
    name = declared.metadata.name
    group = _group_of(declared.spec.template, clique.name)
    first = instance_name(name, f"0/{group.name}/0/{clique.name}" if group else f"0/{clique.name}")
    labels = {**clique.labels, "app.kubernetes.io/part-of": name, f"{GROVE}/podclique": first}
    return {"spread": {"over": HOST, "strength": "required"}} if repels_itself(clique.spec.pod_spec, labels) else {}


def _place(constraint: TopologyConstraint | None) -> Mapping[str, str]:
    pack = constraint.pack if constraint else None
    wanted = {"within": pack.required, "prefer": pack.preferred} if pack else {}
    return {key: level for key, level in wanted.items() if level}
