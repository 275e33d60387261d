"""Fabric: the levels of a cluster's network, as its administrator declares them."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from specs.fractions import WHOLE_GPU
from specs.strict import Level, Resource, Spec

HOST = "host"
HOST_LABEL = "kubernetes.io/hostname"
"""The narrowest level of every fabric, whether it is declared or not."""

NodeLabel = Annotated[
    str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=253)
]


class FabricLevel(Spec):
    """One level: nodes with the same value of its label share a domain."""

    name: Level
    """What systems call it: zone, block, rack."""
    label: NodeLabel
    """Key of the node label whose values are the domains: topology.kubernetes.io/zone."""


class UsualPod(Spec):
    """A kind of pod that usually comes to the cluster."""

    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How often it comes, beside the other kinds."""
    gpus: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Whole GPUs."""
    gpu_milli: Annotated[int, Field(ge=0, le=WHOLE_GPU - 1)] = 0
    """Thousandths of one GPU, instead of whole ones."""
    cpu: Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?m?$")] = "0"
    """Quantity: 8, or 500m."""
    memory: Annotated[str, Field(pattern=r"^[0-9]{1,15}(Ki|Mi|Gi|Ti)?$")] = "0"
    """Quantity: 32Gi."""
    models: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    """Models of GPU that will do; none: any."""

    @model_validator(mode="after")
    def _wants_a_gpu(self) -> Self:
        if bool(self.gpus) == bool(self.gpu_milli):
            raise ValueError("a usual pod wants whole GPUs or a part of one; give it either gpus or gpuMilli")
        return self


class FabricSpec(Spec):
    """What is wanted."""

    levels: Annotated[tuple[FabricLevel, ...], Field(min_length=1, max_length=16)]
    """Broad to narrow. The host need not be named: it is always the last."""
    usual_pods: Annotated[tuple[UsualPod, ...], Field(max_length=100)] = ()
    """Pods that usually come, for choosing nodes where pods share GPUs. Left out, that is learned from what runs."""

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        for field in ("name", "label"):
            seen = [getattr(level, field) for level in self.levels]
            for value in seen:
                if seen.count(value) > 1:
                    raise ValueError(f"two levels have the {field} {value!r}; each level has a name and a label of its own")
        for level in self.levels[:-1]:
            if level.name == HOST or level.label == HOST_LABEL:
                raise ValueError(f"level {level.name!r} is the host, and nothing is narrower; put it last, or leave it out")
        return self


class FabricMetadata(Spec):
    """Its name; what a server adds is accepted and left alone."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = "default"


class Fabric(Resource):
    """One manifest."""

    api_version: Literal["espalier.dev/v1alpha1"] = "espalier.dev/v1alpha1"
    kind: Literal["Fabric"] = "Fabric"
    metadata: FabricMetadata
    spec: FabricSpec
