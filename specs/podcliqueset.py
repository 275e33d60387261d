"""PodCliqueSet: the manifest of NVIDIA Grove, read as it is. What it means here is in specs.grove.

Source: the API of `grove.io/v1alpha1`, its defaults and what it refuses. Where Grove's own defaulting makes a manifest invalid
(`replicas` left out while `minAvailable` is too), the documented meaning is taken.
"""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from specs.cliques import DURATION, Clique, Count, ScalingGroup, SetSharer, TopologyConstraint
from specs.nvlink import check_group
from specs.sharers import check_sharing
from specs.strict import STORED, Resource, Spec, Stored, did_you_mean
from specs.system import Metadata

ANY_ORDER, IN_ORDER, EXPLICIT = "CliqueStartupTypeAnyOrder", "CliqueStartupTypeInOrder", "CliqueStartupTypeExplicit"
StartupType = Literal["CliqueStartupTypeAnyOrder", "CliqueStartupTypeInOrder", "CliqueStartupTypeExplicit"]
MOST_PARTS = 32
"""Cliques, and groups, of one set."""


class Headless(Stored):
    """The Service of each replica of the set."""

    publish_not_ready_addresses: bool = Field(default=True, json_schema_extra=STORED)
    """Whether pods have names in it before they are Ready."""


class ClaimTemplate(Spec):
    """A ResourceClaimTemplate that sharers name."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """By which sharers name it."""
    template_spec: Mapping[str, Any]
    """The spec of a ResourceClaimTemplate."""


class Template(Stored):
    """What one replica of the set is made of."""

    cliques: Annotated[tuple[Clique, ...], Field(max_length=MOST_PARTS)]
    """What it is made of; unique names."""
    clique_startup_type: StartupType = Field("CliqueStartupTypeAnyOrder", json_schema_extra=STORED)
    """Who waits for whom: nobody, each clique for the one before it, or as startsAfter says."""
    priority_class_name: Annotated[str, Field(max_length=253)] = ""
    """PriorityClass of its pods, where they name none."""
    headless_service_config: Headless = Field(Headless(), json_schema_extra=STORED)
    """The Service of each replica."""
    topology_constraint: TopologyConstraint | None = None
    """Where each replica of the set goes."""
    termination_delay: str = Field("4h", pattern=DURATION, max_length=32, json_schema_extra=STORED)
    """How long a gang may lack its minimum before it is stopped and placed anew."""
    resource_claim_templates: Annotated[tuple[ClaimTemplate, ...], Field(max_length=32)] = ()
    """Claims that sharers name."""
    resource_sharing: Annotated[tuple[SetSharer, ...], Field(max_length=32)] = ()
    """Claims that pods of a replica share."""
    pod_clique_scaling_groups: Annotated[tuple[ScalingGroup, ...], Field(max_length=MOST_PARTS)] = ()
    """Cliques that are placed and scaled together."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if not self.cliques:
            raise ValueError("at least one PodClique must be defined; add it to cliques")
        _check_unique((clique.name for clique in self.cliques), "two cliques are named {!r}")
        _check_unique(filter(None, (clique.spec.role_name for clique in self.cliques)), "two cliques have the roleName {!r}")
        _check_unique((group.name for group in self.pod_clique_scaling_groups), "two scaling groups are named {!r}")
        self._check_groups()
        if self.clique_startup_type == EXPLICIT:
            self._check_order()
        self._check_schedulers()
        self._check_topology()
        self._check_sharing()
        if not any(int(digit) for digit in self.termination_delay if digit.isdecimal()):
            raise ValueError("terminationDelay must be greater than 0; write it as 30m or 4h")
        return self

    def _check_groups(self) -> None:
        known = {clique.name: clique for clique in self.cliques}
        for group in self.pod_clique_scaling_groups:
            for name in group.clique_names:
                if name not in known:
                    raise ValueError(
                        f"scaling group {group.name!r}: unidentified PodClique names found: {name!r}{_near(name, known)}"
                    )
                if known[name].rolling_update:
                    raise ValueError(
                        f"rollingUpdate is not allowed for PodClique {name!r} that is part of scaling group {group.name!r}; "
                        "give it to the group"
                    )
                if known[name].spec.auto_scaling_config:
                    raise ValueError(
                        f"AutoScalingConfig is not allowed to be defined for PodClique {name!r} that is part of scaling group "
                        f"{group.name!r}; use the group's scaleConfig"
                    )
        grouped = [name for group in self.pod_clique_scaling_groups for name in group.clique_names]
        _check_unique(grouped, "clique {!r} is in two scaling groups")

    def _check_order(self) -> None:
        after = {clique.name: clique.spec.starts_after for clique in self.cliques}
        for name, earlier in after.items():
            for each in earlier:
                if each == name:
                    raise ValueError(f"clique dependency cannot refer to itself: {name!r}; drop it from startsAfter")
                if each not in after:
                    raise ValueError(
                        f"unknown clique names found, all clique dependencies must be defined as cliques: {name!r} starts after "
                        f"{each!r}{_near(each, after)}"
                    )
            _check_unique(earlier, f"{name!r} names {{!r}} twice in startsAfter")
        try:
            TopologicalSorter(after).prepare()
        except CycleError as cycle:
            ring = " after ".join(reversed(cycle.args[1]))
            raise ValueError(f"clique must not have circular dependencies: {ring}; drop one startsAfter") from None

    def _check_schedulers(self) -> None:
        named = {clique.spec.pod_spec.get("schedulerName") or "" for clique in self.cliques}
        if len(named) > 1:
            raise ValueError(f"the schedulerName for all pods have to be the same: {', '.join(sorted(filter(None, named)))}")

    def _check_sharing(self) -> None:
        _check_unique((each.name for each in self.resource_claim_templates), "two resourceClaimTemplates are named {!r}")
        own = {each.name: each.template_spec for each in self.resource_claim_templates}
        check_sharing(own, self.resource_sharing, self.cliques, self.pod_clique_scaling_groups)

    def _check_topology(self) -> None:
        around = self.topology_constraint
        below = [(f"clique {each.name!r}", each.topology_constraint, self._around(each.name)) for each in self.cliques]
        groups = [
            (f"scaling group {each.name!r}", each.topology_constraint, (around,)) for each in self.pod_clique_scaling_groups
        ]
        names: set[str] = set()
        for where, constraint, outer in [("the set", around, ()), *groups, *below]:
            if constraint is None:
                continue
            found = [each.topology_name for each in (constraint, *outer) if each and each.topology_name]
            if not found:
                raise ValueError(
                    f"topologyName is required when topologyConstraint is set and cannot be inherited; give {where} one"
                )
            names.update(found)
        if len(names) > 1:
            known = ", ".join(sorted(names))
            raise ValueError(f"all topologyConstraint.topologyName values within a PodCliqueSet must match: {known}; keep one")

    def _around(self, clique: str) -> tuple[TopologyConstraint | None, ...]:
        group = next((each for each in self.pod_clique_scaling_groups if clique in each.clique_names), None)
        return (group.topology_constraint if group else None, self.topology_constraint)


class UpdateStrategy(Stored):
    """How pods get a new template."""

    type: Annotated[Literal["RollingRecreate", "OnDelete"], Field(json_schema_extra=STORED)] = "RollingRecreate"
    """RollingRecreate: one after the other. OnDelete: whenever somebody deletes them."""


class PodCliqueSetSpec(Stored):
    """What is wanted."""

    left_open = ("replicas",)

    replicas: Count = Field(0, json_schema_extra=STORED)
    """Replicas of the set, each complete in itself."""
    update_strategy: UpdateStrategy = Field(UpdateStrategy(), json_schema_extra=STORED)
    """How pods get a new template."""
    template: Template
    """What one replica is made of."""

    @model_validator(mode="after")
    def _updates_are_its_own(self) -> Self:
        cliques, groups = self.template.cliques, self.template.pod_clique_scaling_groups
        named = [each.name for each in cliques if each.rolling_update] + [each.name for each in groups if each.rolling_update]
        if named and self.update_strategy.type == "OnDelete":
            what = f"rollingUpdate of {named[0]!r} must not be set with updateStrategy OnDelete"
            raise ValueError(f"{what}, by which nothing is updated; drop it")
        return self


class PodCliqueSet(Resource):
    """One manifest."""

    api_version: Literal["grove.io/v1alpha1"]
    kind: Literal["PodCliqueSet"]
    metadata: Metadata
    spec: PodCliqueSetSpec

    @model_validator(mode="after")
    def _groups_have_names(self) -> Self:
        template = self.spec.template
        check_group(self.metadata.annotations)
        for clique in template.cliques:
            check_group(clique.annotations)
        for group in template.pod_clique_scaling_groups:
            check_group(group.annotations)
        return self


def _check_unique(names: Iterable[str], sentence: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{sentence.format(name)}; rename one, or drop it")
        seen.add(name)


def _near(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known) or f"; there is {', '.join(known)}"
