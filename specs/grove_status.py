"""Status of Grove's objects, as its clients read them. Bounded in size whatever the set's size."""

from typing import Annotated

from pydantic import Field

from specs.members import MOST_REPLICAS
from specs.status import Condition, Word
from specs.strict import Spec

Number = Annotated[int, Field(ge=0, le=MOST_REPLICAS)]
Selector = Annotated[str, Field(max_length=2048)]


Time = Annotated[str, Field(max_length=32)]
"""RFC 3339."""
MOST_INDEXES = 256
Conditions = Annotated[tuple[Condition, ...], Field(max_length=16)]


class CopyUnderway(Spec):
    """A replica of a set that is being updated."""

    replica_index: Number
    """Which."""
    update_started_at: Time
    """When its turn came."""


class Progress(Spec):
    """How the newest template gets on."""

    update_started_at: Time
    """When it became what is wanted."""
    update_ended_at: Time | None = None
    """When nothing was left to do; with OnDelete, at once."""


class SetProgress(Progress):
    """Over a whole set."""

    updated_pod_cliques_count: Number = 0
    """PodCliques that have only pods of the newest template."""
    total_pod_cliques_count: Number = 0
    """PodCliques in all."""
    updated_pod_clique_scaling_groups_count: Number = 0
    """PodCliqueScalingGroups that have only pods of the newest template."""
    total_pod_clique_scaling_groups_count: Number = 0
    """PodCliqueScalingGroups in all."""
    currently_updating: Annotated[tuple[CopyUnderway, ...], Field(max_length=1)] = ()
    """The replica whose turn it is."""


class PodsSelected(Spec):
    """Pods whose turn has come."""

    current: Annotated[str, Field(max_length=253)]
    """The one that is being replaced."""


class CliqueProgress(Progress):
    """In one clique."""

    pod_clique_set_generation_hash: Word = ""
    """Stands for the template that is wanted."""
    pod_template_hash: Word = ""
    """Stands for the pods' own part of it."""
    ready_pods_selected_to_update: PodsSelected | None = None
    """The pod that is being replaced."""


class IndexesSelected(Spec):
    """Replicas of a group whose turn has come."""

    current: Number
    """The one that is being replaced."""
    completed: Annotated[tuple[Number, ...], Field(max_length=MOST_INDEXES)] = ()
    """Those that were, the first of them."""


class GroupProgress(Progress):
    """In one scaling group."""

    pod_clique_set_generation_hash: Word = ""
    """Stands for the template that is wanted."""
    updated_pod_cliques_count: Number = 0
    """Its PodCliques that have only pods of the newest template."""
    total_pod_cliques_count: Number = 0
    """Its PodCliques in all."""
    ready_replica_indices_selected_to_update: IndexesSelected | None = None
    """The replica that is being replaced."""


class SetStatus(Spec):
    """Of a PodCliqueSet."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status is about."""
    replicas: Number = 0
    """Replicas of the set that are wanted now."""
    updated_replicas: Number = 0
    """Of them, those whose pods are all of the newest template."""
    available_replicas: Number = 0
    """Of them, those whose cliques and groups all have their minimum Ready."""
    hpa_pod_selector: Selector = ""
    """Label selector of its pods, for autoscalers."""
    current_generation_hash: Word = ""
    """Stands for the template that is wanted."""
    update_progress: SetProgress | None = None
    """How the newest template gets on; none before the first change."""
    conditions: Conditions = ()
    """What is so."""


class CliqueStatus(Spec):
    """Of a PodClique."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status is about."""
    replicas: Number = 0
    """Pods that are there and not leaving."""
    ready_replicas: Number = 0
    """Of them, those that are Ready."""
    updated_replicas: Number = 0
    """Of them, those of the newest template."""
    schedule_gated_replicas: Number = 0
    """Of them, those that wait for their place or their turn."""
    scheduled_replicas: Number = 0
    """Of them, those on a node."""
    hpa_pod_selector: Selector = ""
    """Label selector of its pods, for autoscalers."""
    current_pod_clique_set_generation_hash: Word = ""
    """Stands for the template that is wanted."""
    current_pod_template_hash: Word = ""
    """Stands for the pods' own part of it."""
    update_progress: CliqueProgress | None = None
    """How the newest template gets on; none before the first change."""
    conditions: Conditions = ()
    """PodCliqueScheduled and MinAvailableBreached."""


class GroupStatus(Spec):
    """Of a PodCliqueScalingGroup."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status is about."""
    replicas: Number = 0
    """Group replicas that are wanted now."""
    scheduled_replicas: Number = 0
    """Of them, those whose cliques all have their minimum on nodes."""
    available_replicas: Number = 0
    """Of them, those whose cliques all have their minimum Ready."""
    updated_replicas: Number = 0
    """Of them, those whose pods are all of the newest template."""
    selector: Selector = ""
    """Label selector of its pods, for autoscalers."""
    current_pod_clique_set_generation_hash: Word = ""
    """Stands for the template that is wanted."""
    update_progress: GroupProgress | None = None
    """How the newest template gets on; none before the first change."""
    conditions: Conditions = ()
    """MinAvailableBreached."""


class TopologyStatus(Spec):
    """Of one scheduler's topology."""

    scheduler_name: Annotated[str, Field(max_length=253)]
    """Of the scheduler."""
    topology_reference: Annotated[str, Field(max_length=253)]
    """Name of its topology."""
    in_sync: bool
    """Whether its levels are those of the binding."""


class BindingStatus(Spec):
    """Of a ClusterTopologyBinding."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status is about."""
    conditions: Conditions = ()
    """SchedulerTopologyDrift."""
    scheduler_topology_statuses: Annotated[tuple[TopologyStatus, ...], Field(max_length=16)] = ()
    """Topologies of other schedulers; Espalier places by the levels themselves."""
