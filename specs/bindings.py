"""ClusterTopologyBinding: the levels of a cluster's network in Grove's words; here it is a Fabric.

Source: the API of `grove.io/v1alpha1`.
"""

from typing import Annotated, Literal

from pydantic import Field

from specs.fabric import HOST, Fabric, NodeLabel
from specs.strict import Level, Resource, Spec
from specs.system import Metadata

WITH_LEVELS, LEVELLESS = ("kai-scheduler",), ("default-scheduler", "volcano", "lpx-scheduler")
"""Grove's schedulers: those that keep a topology of their own, and those that do not."""
NOT_ENABLED = "scheduler backend is not enabled in Grove"
NO_LEVELS = "scheduler backend does not implement topology-aware scheduling"


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
    topology_reference: Annotated[str, Field(max_length=253)]
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
