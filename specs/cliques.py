"""What a PodCliqueSet is made of: cliques and scaling groups, where they go, what they share, how they scale.

Source: the API of `grove.io/v1alpha1`. Refusals have Grove's meaning, and say what to do.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from specs.members import MOST_REPLICAS
from specs.strict import STORED, Level, Name, Spec, Stored
from specs.templates import check_podspec

Count = Annotated[int, Field(strict=True, ge=0, le=MOST_REPLICAS)]
Positive = Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)]
Names = Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=32)]
DURATION = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"
Metric = Mapping[str, Any]
"""A MetricSpec of autoscaling/v2; the autoscaler itself says what is wrong with it."""


class Pack(Spec):
    """Levels to pack into."""

    required: Level | None = None
    """Hard: each replica of the scope inside one domain of this level."""
    preferred: Level | None = None
    """Soft."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.required and not self.preferred:
            raise ValueError("pack must specify at least one of required or preferred; name a level, or leave pack out")
        return self


class TopologyConstraint(Spec):
    """Where each replica of a scope goes."""

    topology_name: Annotated[str, Field(max_length=253)] | None = None
    """Of the ClusterTopologyBinding; taken from the scope around where it is left out."""
    pack: Pack | None = None
    """Levels to pack into."""
    pack_domain: Level | None = None
    """Deprecated: pack.required."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.pack_domain:
            raise ValueError("packDomain is deprecated and cannot be used on new workloads; use pack.required")
        if self.pack is None:
            raise ValueError("topologyConstraint must specify pack; write pack: {required: LEVEL}")
        return self


class Sharer(Spec):
    """ResourceClaims that pods share."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Of a template of the set's own, else of a ResourceClaimTemplate."""
    namespace: Annotated[str, Field(max_length=63)] = ""
    """Of the ResourceClaimTemplate, if it is not the set's own."""
    scope: Literal["AllReplicas", "PerReplica"]
    """One claim for all replicas, or one for each."""


class GroupFilter(Spec):
    """Which cliques of a group."""

    child_clique_names: Names = ()
    """Cliques whose pods share."""


class GroupSharer(Sharer):
    """Of a scaling group."""

    filter: GroupFilter | None = None
    """Whose pods share; all, when left out."""


class SetFilter(GroupFilter):
    """Which parts of the set."""

    child_scaling_group_names: Names = ()
    """Groups whose pods share."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.child_clique_names and not self.child_scaling_group_names:
            raise ValueError("filter must specify at least one childCliqueNames or childScalingGroupNames entry; or leave it out")
        return self


class SetSharer(Sharer):
    """Of the whole set."""

    filter: SetFilter | None = None
    """Whose pods share; all, when left out."""


class AutoScaling(Spec):
    """A HorizontalPodAutoscaler of a clique or group."""

    min_replicas: Positive | None = None
    """At least; the count to begin with, when left out."""
    max_replicas: Positive
    """At most."""
    metrics: Annotated[tuple[Metric, ...], Field(max_length=64)] = ()
    """What it goes by, as in a HorizontalPodAutoscaler."""

    def check(self, replicas: int, minimum: int) -> None:
        """Refuse bounds that contradict the counts."""
        least = replicas if self.min_replicas is None else self.min_replicas
        if least < minimum:
            raise ValueError(f"minReplicas {least} must be greater than or equal to minAvailable {minimum}; raise it")
        if self.max_replicas < max(least, replicas):
            raise ValueError(
                f"maxReplicas {self.max_replicas} must be greater than or equal to minReplicas {least} and replicas {replicas}; "
                "raise it"
            )


class RollingUpdate(Spec):
    """How a clique or a group gets a new template, while the set's strategy is RollingRecreate."""

    max_unavailable: Positive | None = None
    """Pods of a clique, or replicas of a group, that may be unavailable at once; 1 when left out."""
    progress_deadline: Annotated[str, Field(pattern=DURATION, max_length=32)] | None = None
    """How long no further one may become available before the update has failed; any time when left out."""


class CliqueSpec(Stored):
    """The pods of a clique."""

    role_name: Annotated[str, Field(max_length=63)] = ""
    """Unique among the cliques that have one."""
    pod_spec: Mapping[str, Any]
    """A pod's spec, kept as it is. Espalier sets schedulerName, restartPolicy, hostname and subdomain."""
    replicas: Count = Field(1, json_schema_extra=STORED)
    """How many, to begin with; 0 means 1."""
    min_available: Positive | None = None
    """Pods that start together or not at all; all of `replicas` when left out."""
    starts_after: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=32)] = ()
    """Cliques that must have started first, where the startup type is explicit."""
    auto_scaling_config: AutoScaling | None = None
    """A HorizontalPodAutoscaler of each instance; only of a clique in no group."""

    @field_validator("pod_spec")
    @classmethod
    def _pod_spec_is_sound(cls, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        for field in ("topologySpreadConstraints", "nodeName"):
            if spec.get(field):
                raise ValueError(f"{field} must not be set; Espalier chooses the nodes: use topologyConstraint or affinity")
        check_podspec(spec)
        for container in (each for field in ("containers", "initContainers") for each in spec.get(field) or ()):
            names = [entry["name"] for entry in container.get("env") or ()]
            twice = next((name for name in names if names.count(name) > 1), "")
            if twice:
                raise ValueError(f"container {container['name']!r} has the variable {twice} twice; drop one")
        return spec

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.minimum > self.wanted:
            raise ValueError(f"minAvailable must not be greater than replicas; lower {self.minimum}, or raise {self.wanted}")
        if self.auto_scaling_config:
            self.auto_scaling_config.check(self.wanted, self.minimum)
        return self

    @property
    def wanted(self) -> int:
        """How many, to begin with."""
        return self.replicas or 1

    @property
    def minimum(self) -> int:
        """Of them, how many start together."""
        return self.min_available or self.wanted


class Clique(Spec):
    """Identical pods."""

    name: Name
    """Its name, in those of its PodCliques: set-0-NAME."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    """Labels of its PodCliques and pods."""
    annotations: Mapping[str, str] = Field(default_factory=dict)
    """Annotations of its PodCliques and pods."""
    topology_constraint: TopologyConstraint | None = None
    """Where the pods of each instance go."""
    resource_sharing: Annotated[tuple[Sharer, ...], Field(max_length=32)] = ()
    """Claims that the pods of an instance share."""
    rolling_update: RollingUpdate | None = None
    """Its updates; only of a clique in no group."""
    spec: CliqueSpec
    """Its pods."""


class ScalingGroup(Stored):
    """Cliques that are placed and scaled together."""

    name: Name
    """Its name, in that of its PodCliqueScalingGroups: set-0-NAME."""
    clique_names: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(min_length=1, max_length=32)]
    """Its cliques; each is in one group at most."""
    annotations: Mapping[str, str] = Field(default_factory=dict)
    """Annotations of its PodCliqueScalingGroups."""
    replicas: Positive = Field(1, json_schema_extra=STORED)
    """How many, to begin with."""
    min_available: Positive = Field(1, json_schema_extra=STORED)
    """Replicas that belong to the base gang; each further one is a gang of its own."""
    scale_config: AutoScaling | None = None
    """A HorizontalPodAutoscaler of each instance."""
    resource_sharing: Annotated[tuple[GroupSharer, ...], Field(max_length=32)] = ()
    """Claims that its pods share."""
    rolling_update: RollingUpdate | None = None
    """Its updates, replica by replica."""
    topology_constraint: TopologyConstraint | None = None
    """Where each replica goes."""

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.min_available > self.replicas:
            raise ValueError(f"minAvailable {self.min_available} must not be greater than replicas {self.replicas}; lower it")
        if self.scale_config:
            self.scale_config.check(self.replicas, self.min_available)
        return self
