"""Levels: the domain of a node, from the declared or discovered levels of the fabric and the labels that the cache has."""

from collections.abc import Iterable

from activities.cache import Cache
from activities.kube import BINDINGS, FABRICS, NODES, Manifest
from activities.store import key_of
from specs.fabric import Fabric as Declared
from specs.grove import ClusterTopologyBinding, fabric_of
from specs.sections import section
from topology.fabric import Fabric, declared, discovered


class Levels:
    """Reads the fabric once for each version of what declares it."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: tuple[object, Fabric] | None = None

    def domain(self, node: str, level: str) -> str | None:
        """Path of the node's domain; None when it is in none, or is gone. Raises LookupError for an unknown level."""
        fabric = self._fabric()
        index = fabric.index(level)
        found = self._cache.get(NODES, None, node)
        if found is None:
            return None
        path = (*fabric.path(section(found, "metadata", "labels")), node)[: index + 1]
        return "/".join(path) if path[-1] else None

    def _fabric(self) -> Fabric:
        versions = tuple(map(self._cache.version, (FABRICS, BINDINGS, NODES)))
        if self._known is None or self._known[0] != versions:
            self._known = versions, self._read()
        return self._known[1]

    def _read(self) -> Fabric:
        return declared_fabric(self._cache.all(FABRICS), self._cache.all(BINDINGS)) or discovered(
            [section(node, "metadata", "labels") for node in self._cache.all(NODES)]
        )


def declared_fabric(fabrics: Iterable[Manifest], bindings: Iterable[Manifest]) -> Fabric | None:
    """The levels that count: a Fabric before a binding, and of several the first by name. Raises ValueError."""
    first, second = (next(iter(sorted(found, key=key_of)), None) for found in (fabrics, bindings))
    if not first and not second:
        return None
    found = Declared.model_validate(first) if first else fabric_of(ClusterTopologyBinding.model_validate(second))
    return declared((level.name, level.label) for level in found.spec.levels)
