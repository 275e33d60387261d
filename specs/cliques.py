"""What a PodCliqueSet is made of: cliques and scaling groups, where they go, what they share, how they scale.

Source: the API of `grove.io/v1alpha1`. Refusals have Grove's meaning, and say what to do.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from specs.members import MOST_REPLICAS
from specs.strict import Level, Name, Spec
from specs.templates import check_podspec

Count = Annotated[int, Field(strict=True, ge=0, le=MOST_REPLICAS)]
Positive = Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)]
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

    topology_name: str | None = None
    """Of the ClusterTopologyBinding; taken from the scope around where it is left out."""
    pack: Pack | None = None
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

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""
    scope: Literal["AllReplicas", "PerReplica"]


class GroupFilter(Spec):
    """Which cliques of a group."""

    child_clique_names: tuple[str, ...] = ()


class GroupSharer(Sharer):
    """Of a scaling group."""

    filter: GroupFilter | None = None


class SetFilter(GroupFilter):
    """Which parts of the set."""

    child_scaling_group_names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.child_clique_names and not self.child_scaling_group_names:
            raise ValueError("filter must specify at least one childCliqueNames or childScalingGroupNames entry; or leave it out")
        return self


class SetSharer(Sharer):
    """Of the whole set."""

    filter: SetFilter | None = None


class AutoScaling(Spec):
    """A HorizontalPodAutoscaler of a clique or group."""

    min_replicas: Positive | None = None
    max_replicas: Positive
    metrics: tuple[Metric, ...] = ()

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


class CliqueSpec(Spec):
    """The pods of a clique."""

    role_name: str = ""
    """Unique among the cliques that have one."""
    pod_spec: Mapping[str, Any]
    replicas: Count = 1
    """How many, to begin with; 0 means 1."""
    min_available: Positive | None = None
    """Pods that start together or not at all; all of `replicas` when left out."""
    starts_after: tuple[str, ...] = ()
    """Cliques that must have started first, where the startup type is explicit."""
    auto_scaling_config: AutoScaling | None = None

    @field_validator("pod_spec")
    @classmethod
    def _pod_spec_is_sound(cls, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        for field in ("topologySpreadConstraints", "nodeName"):
            if spec.get(field):
                raise ValueError(f"{field} must not be set; Espalier chooses the nodes: use topologyConstraint or affinity")
        check_podspec(spec)
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
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)
    topology_constraint: TopologyConstraint | None = None
    resource_sharing: tuple[Sharer, ...] = ()
    spec: CliqueSpec


class ScalingGroup(Spec):
    """Cliques that are placed and scaled together."""

    name: Name
    clique_names: Annotated[tuple[str, ...], Field(min_length=1)]
    annotations: Mapping[str, str] = Field(default_factory=dict)
    replicas: Positive = 1
    min_available: Positive = 1
    scale_config: AutoScaling | None = None
    resource_sharing: tuple[GroupSharer, ...] = ()
    topology_constraint: TopologyConstraint | None = None

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.min_available > self.replicas:
            raise ValueError(f"minAvailable {self.min_available} must not be greater than replicas {self.replicas}; lower it")
        if self.scale_config:
            self.scale_config.check(self.replicas, self.min_available)
        return self
