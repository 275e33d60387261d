"""Shape: a class of pods that are alike to placement."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from specs.fractions import gpu_models
from specs.sections import section
from topology.supply.capacity import PODS, Requests, pod_requests
from topology.supply.eligibility import ANYWHERE, Rule, read_rule
from topology.supply.fractions import MODEL, fraction

_PLENTY = ("cpu", "memory", "ephemeral-storage", PODS)


@dataclass(frozen=True, slots=True)
class Shape:
    """What one pod takes, and where it may go. Equal shapes are interchangeable."""

    requests: Requests
    rule: Rule = ANYWHERE

    def without(self, nodes: frozenset[str]) -> "Shape":
        """The same pods kept away from these nodes."""
        return replace(self, rule=replace(self.rule, barred=self.rule.barred | nodes)) if nodes else self

    def apart(self, nodes: frozenset[str]) -> "Shape":
        """The same pods kept away from these nodes, because a system is there that they keep apart from."""
        return replace(self, rule=replace(self.rule, apart=self.rule.apart | nodes)) if nodes else self

    @property
    def bulk(self) -> tuple[int, int, int]:
        """How hard it is to seat: devices (whatever is not cpu, memory, disk or pod slot), then memory, then cpu."""
        asked = dict(self.requests)
        devices = sum(amount for name, amount in self.requests if is_scarce(name))
        return devices, asked.get("memory", 0), asked.get("cpu", 0)


def is_scarce(resource: str) -> bool:
    """Whether a resource is a device: what fleets are bought for, and what must not be wasted."""
    return resource not in _PLENTY and not resource.startswith("hugepages-")


def shape_of(template: Mapping[str, Any]) -> Shape:
    """The shape of a pod template. Raises ValueError, naming the field, for what can't be read. Cost: 20-50 us, so keep it."""
    spec, annotations = section(template, "spec"), section(template, "metadata", "annotations")
    return Shape(fraction(annotations, pod_requests(spec)), read_rule(spec).bound(MODEL, gpu_models(annotations)))
