"""The kinds that the simulated cluster serves: some of Kubernetes' own, and those that definitions add."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from specs.owners import Manifest
from specs.sections import entries, section


@dataclass(frozen=True)
class Resource:
    """One kind of object, as its address says it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    has_status: bool = False
    """Its status is written through a subresource only."""
    scale: tuple[str, ...] = ()
    """Paths of replicas in spec and in status, where it can be scaled."""
    names: tuple[str, ...] = ()
    columns: Sequence[Manifest] = field(default=(), compare=False)
    """What `kubectl get` prints of it."""
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    @property
    def group(self) -> str:
        """The part of the address that tells groups apart; "" for the core."""
        return self.api_version.rpartition("/")[0]


BUILT_IN = (
    Resource("v1", "Namespace", "namespaces", namespaced=False, has_status=True, names=("ns",)),
    Resource("v1", "Node", "nodes", namespaced=False, has_status=True, names=("no",)),
    Resource("v1", "Pod", "pods", has_status=True, names=("po",)),
    Resource("v1", "Service", "services", names=("svc",)),
    Resource("v1", "ServiceAccount", "serviceaccounts", names=("sa",)),
    Resource("v1", "ConfigMap", "configmaps", names=("cm",)),
    Resource("v1", "Event", "events", names=("ev",)),
    Resource("apps/v1", "ControllerRevision", "controllerrevisions"),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", has_status=True, names=("pdb",)),
    Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", has_status=True, names=("hpa",)),
    Resource("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False, names=("pc",)),
    Resource("coordination.k8s.io/v1", "Lease", "leases"),
    Resource(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions",
        namespaced=False, has_status=True, names=("crd",),
    ),
)  # fmt: skip
PODS, NODES, NAMESPACES, EVENTS = BUILT_IN[2], BUILT_IN[1], BUILT_IN[0], BUILT_IN[6]
PRIORITIES = next(each for each in BUILT_IN if each.kind == "PriorityClass")
DEFINITIONS = BUILT_IN[-1]


class Kinds:
    """All kinds by address; definitions come and go."""

    def __init__(self) -> None:
        self._known = {(each.api_version, each.plural): each for each in BUILT_IN}

    def find(self, api_version: str, plural: str) -> Resource | None:
        """The kind at an address."""
        return self._known.get((api_version, plural))

    def of(self, api_version: str, kind: str) -> Resource | None:
        """The kind that an object names."""
        return next((each for each in self if (each.api_version, each.kind) == (api_version, kind)), None)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._known.values()))

    def learn(self, definition: Manifest) -> None:
        """Serve what a definition defines."""
        for resource in defined(definition):
            self._known[resource.api_version, resource.plural] = resource

    def forget(self, definition: Manifest) -> tuple[Resource, ...]:
        """Serve it no longer; returns what it was."""
        return tuple(self._known.pop((each.api_version, each.plural), each) for each in defined(definition))


def defined(definition: Manifest) -> Iterator[Resource]:
    """The kinds of a CustomResourceDefinition, one a served version."""
    spec = definition["spec"]
    names = spec["names"]
    for version in entries(spec, "versions"):
        if version.get("served", True):
            sub = section(version, "subresources")
            scale = section(sub, "scale")
            yield Resource(
                f"{spec['group']}/{version['name']}", names["kind"], names["plural"],
                namespaced=spec.get("scope") == "Namespaced", has_status="status" in sub,
                scale=(scale["specReplicasPath"], scale["statusReplicasPath"]) if scale else (),
                names=tuple(names.get("shortNames") or ()), columns=entries(version, "additionalPrinterColumns"),
                schema=section(version, "schema", "openAPIV3Schema"),
            )  # fmt: skip


def defaulted(schema: Mapping[str, Any], value: Any) -> Any:
    """A value with the defaults of its schema filled in, as a structural schema does it."""
    if isinstance(value, dict):
        given = cast("Manifest", value)
        filled = {key: defaulted(section(schema, "properties", key), each) for key, each in given.items()}
        for key, below in section(schema, "properties").items():
            if key not in filled and "default" in below:
                filled[key] = defaulted(below, below["default"])
        return filled
    if isinstance(value, list):
        return [defaulted(section(schema, "items"), each) for each in cast("Sequence[Any]", value)]
    return value
