"""Status of Grove's objects, as its clients read them. Bounded in size whatever the set's size."""

from typing import Annotated

from pydantic import Field

from specs.members import MOST_REPLICAS
from specs.status import Condition, Word
from specs.strict import Spec

Number = Annotated[int, Field(ge=0, le=MOST_REPLICAS)]
Selector = Annotated[str, Field(max_length=2048)]


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16)]


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
    conditions: Conditions = ()
    """MinAvailableBreached."""
