"""Grove's manifests as Espalier's: a PodCliqueSet as the same tree of members.

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

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from specs.cliques import Clique, ScalingGroup, TopologyConstraint
from specs.complaints import complaint
from specs.durations import whole_seconds
from specs.fabric import HOST
from specs.names import DOMAIN, instance_name
from specs.owners import GROVE
from specs.podcliqueset import EXPLICIT, IN_ORDER, PodCliqueSet, Template
from specs.repelling import repels_itself
from specs.said import POWERS, BadPower, powers, said
from specs.system import InferenceSystem

ASKED_SCHEDULER = f"{DOMAIN}/asked-scheduler"
"""Annotation: the schedulerName that the manifest names; pods go to the cluster's own, unless that one is said to be there."""
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

    @property
    def said(self) -> Mapping[str, str]:
        """Annotations that are part of what is declared."""
        return said(self.source.metadata.annotations)

    @property
    def topology(self) -> str:
        """Name of the ClusterTopologyBinding that its levels are of; "" where it is packed into none."""
        return next((each.topology_name for each in self.constraints if each.topology_name), "")

    @property
    def constraints(self) -> Sequence[TopologyConstraint]:
        """Of the set, its cliques and its groups."""
        template = self.source.spec.template
        cliques = [each.topology_constraint for each in template.cliques]
        groups = [each.topology_constraint for each in template.pod_clique_scaling_groups]
        return [each for each in (template.topology_constraint, *cliques, *groups) if each is not None]

    def required(self, role: str) -> tuple[str, ...]:
        """Levels that the pods of a role (`prefill/worker`) must be within one domain of."""
        template, steps = self.source.spec.template, role.split("/")
        group = next((each for each in template.pod_clique_scaling_groups if each.name == steps[0]), None)
        clique = next(each for each in template.cliques if each.name == steps[-1])
        around = (template.topology_constraint, group.topology_constraint if group else None, clique.topology_constraint)
        return tuple(each.pack.required for each in around if each and each.pack and each.pack.required)

    def stated(self) -> dict[str, Any]:
        """The PodCliqueSet, in the same form."""
        return self.source.model_dump(mode="json", by_alias=True, exclude_unset=True)


def system_of(declared: PodCliqueSet) -> CliqueSystem:
    """The same tree. Raises `NoTree`."""
    try:
        tree = _tree(declared)
        return CliqueSystem.model_validate({"metadata": declared.metadata, "spec": tree, "source": declared})
    except BadPower as error:
        raise NoTree(str(error)) from None
    except ValidationError as error:
        where, sentence = complaint(error, "InferenceSystem")
        power = f"annotation {DOMAIN}/{where[1]}: " if len(where) > 1 and where[1] in POWERS.values() else ""
        raise NoTree(power + sentence) from None


def _tree(declared: PodCliqueSet) -> Mapping[str, Any]:
    template, more = declared.spec.template, powers(declared.metadata.annotations)
    members: list[Mapping[str, Any]] = []
    built: set[str] = set()
    for clique in template.cliques:
        group = group_of(template, clique.name)
        if group is None:
            members.append(_role(declared, clique))
        elif group.name not in built:
            built.add(group.name)
            members.append(_group(declared, group))
    return {
        **more,
        "replicas": declared.spec.replicas,
        "start": "explicit" if template.clique_startup_type in {IN_ORDER, EXPLICIT} else "anyOrder",
        "place": _place(template.topology_constraint),
        "members": members,
        "rollout": {**_rollout(declared), **more.get("rollout", {})},
        "recovery": {"scope": "gang", "delay": f"{whole_seconds(template.termination_delay)}s", **more.get("recovery", {})},
    }


def _rollout(declared: PodCliqueSet) -> Mapping[str, Any]:
    """RollingRecreate: a budget of one, or what is said of a part; one deadline for all, the longest that any part has."""
    template = declared.spec.template
    said = {each.name: each.rolling_update for each in template.cliques}
    said |= {each.name: each.rolling_update for each in template.pod_clique_scaling_groups}
    budgets = {name: each.max_unavailable for name, each in said.items() if each and each.max_unavailable}
    spans = [whole_seconds(each.progress_deadline) for each in said.values() if each and each.progress_deadline]
    return {
        "byCopy": True,
        "strategy": STRATEGIES[declared.spec.update_strategy.type],
        **({"maxUnavailableOf": budgets} if budgets else {}),
        **({"progressDeadline": f"{max(spans)}s"} if spans else {}),
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
        "after": [_path(template, clique, earlier) for earlier in before(template, clique)],
        "place": {**_place(clique.topology_constraint), **_apart(declared, clique)},
        "template": {
            "metadata": {"labels": dict(clique.labels), "annotations": annotations},
            "spec": {field: value for field, value in pod.items() if field not in OURS},
        },
    }


def before(template: Template, clique: Clique) -> tuple[str, ...]:
    """Cliques that must have started before."""
    if template.clique_startup_type == EXPLICIT:
        return clique.spec.starts_after
    if template.clique_startup_type == IN_ORDER:
        names = [each.name for each in template.cliques]
        return tuple(names[max(0, names.index(clique.name) - 1) : names.index(clique.name)])
    return ()


def _path(template: Template, clique: Clique, earlier: str) -> str:
    """How a clique names another."""
    group = group_of(template, earlier)
    return earlier if group is None or clique.name in group.clique_names else f"{group.name}/{earlier}"


def group_of(template: Template, clique: str) -> ScalingGroup | None:
    """The group that a clique is in."""
    return next((group for group in template.pod_clique_scaling_groups if clique in group.clique_names), None)


def _apart(declared: PodCliqueSet, clique: Clique) -> Mapping[str, Any]:
    """Pods that keep off each other's hosts are placed so, whichever replica of the set the manifest names."""
    name = declared.metadata.name
    group = group_of(declared.spec.template, clique.name)
    first = instance_name(name, f"0/{group.name}/0/{clique.name}" if group else f"0/{clique.name}")
    labels = {**clique.labels, "app.kubernetes.io/part-of": name, f"{GROVE}/podclique": first}
    return {"spread": {"over": HOST, "strength": "required"}} if repels_itself(clique.spec.pod_spec, labels) else {}


def _place(constraint: TopologyConstraint | None) -> Mapping[str, str]:
    pack = constraint.pack if constraint else None
    wanted = {"within": pack.required, "prefer": pack.preferred} if pack else {}
    return {key: level for key, level in wanted.items() if level}
