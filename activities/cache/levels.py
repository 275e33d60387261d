"""Levels: the domain of a node, from the declared or discovered levels of the fabric and the labels that the cache has."""

from collections.abc import Iterable, Mapping

from activities.cache.cache import Cache
from activities.cache.store import key_of
from activities.cluster.kube import BINDINGS, FABRICS, NODES, Kind, Manifest
from specs.bindings import ClusterTopologyBinding, fabric_of
from specs.fabric import Fabric as Declared
from specs.fabric import UsualPod
from specs.sections import entries, section
from topology.supply.fabric import Fabric, declared, discovered, merged


class Levels:
    """Reads the fabric once, and anew when what it follows from has changed: heartbeats of nodes change none of it."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: Fabric | None = None
        cache.tell(self._changed)

    def domain(self, node: str, level: str) -> str | None:
        """Path of the node's domain; None when it is in none, or is gone. Raises LookupError for an unknown level."""
        fabric = self._fabric()
        index = fabric.index(level)
        found = self._cache.get(NODES, None, node)
        if found is None:
            return None
        path = (*fabric.path(section(found, "metadata", "labels")), node)[: index + 1]
        return "/".join(path) if path[-1] else None

    def narrowest(self, nodes: Iterable[str]) -> tuple[str, ...]:
        """Names of the domains that these nodes are in, racks as a rule: of the last level before the host. Linear in nodes."""
        fabric = self._fabric()
        found = (self._cache.get(NODES, None, node) for node in nodes)
        paths = (fabric.path(section(node, "metadata", "labels")) for node in found if node is not None)
        return tuple(sorted({path[-1] for path in paths if path and path[-1]}))

    def _fabric(self) -> Fabric:
        if self._known is None:
            self._known = self._read()
        return self._known

    def _changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        if kind in (FABRICS, BINDINGS) or (kind == NODES and _labels(old) != _labels(new)):
            self._known = None

    def _read(self) -> Fabric:
        return declared_fabric(self._cache.all(FABRICS), self._cache.all(BINDINGS)) or discovered(
            [_labels(node) for node in self._cache.all(NODES)]
        )


def usual_pods(fabrics: Iterable[Manifest]) -> tuple[UsualPod, ...]:
    """What the first Fabric by name says of the pods that usually come. Raises ValueError."""
    first = next(iter(sorted(fabrics, key=key_of)), None)
    return () if first is None else Declared.model_validate(first).spec.usual_pods


def _labels(node: Manifest | None) -> Manifest:
    return section(node or {}, "metadata", "labels")


def declared_fabric(fabrics: Iterable[Manifest], bindings: Iterable[Manifest]) -> Fabric | None:
    """The levels that count: those of the first Fabric by name, else those of all bindings together. Raises ValueError."""
    first = next(iter(sorted(fabrics, key=key_of)), None)
    if first is not None:
        return declared((level.name, level.label) for level in Declared.model_validate(first).spec.levels)
    found = [fabric_of(ClusterTopologyBinding.model_validate(each)) for each in sorted(bindings, key=key_of)]
    return merged([(level.name, level.label) for level in each.spec.levels] for each in found) if found else None


def labels_of(binding: Manifest) -> Mapping[str, str]:
    """Level -> node label."""
    return {each["domain"]: each["key"] for each in entries(binding, "spec", "levels")}
