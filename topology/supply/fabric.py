"""Fabric: the levels of the network, broad to narrow, and where a host stands in them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from specs.fabric import HOST, HOST_LABEL
from specs.strict import did_you_mean

WELL_KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("region", ("topology.espalier.dev/region", "topology.kubernetes.io/region")),
    ("zone", ("topology.espalier.dev/zone", "topology.kubernetes.io/zone")),
    (
        "datacenter",
        (
            "topology.espalier.dev/datacenter", "network.topology.nvidia.com/core", "network.topology.nvidia.com/datacenter",
            "topology.k8s.aws/network-node-layer-1", "oci.oraclecloud.com/rdma.hpc_island_id",
        ),
    ),
    ("spine", ("topology.espalier.dev/spine", "network.topology.nvidia.com/spine")),
    (
        "block",
        (
            "topology.espalier.dev/block", "network.topology.nvidia.com/leaf", "network.topology.nvidia.com/block",
            "cloud.google.com/gce-topology-block", "topology.k8s.aws/network-node-layer-2",
            "oci.oraclecloud.com/rdma.network_block_id",
        ),
    ),
    (
        "rack",
        (
            "topology.espalier.dev/rack", "nvidia.com/gpu.clique", "network.topology.nvidia.com/accelerator",
            "accelerator.topograph.run/domain", "cloud.google.com/gce-topology-subblock",
            "topology.k8s.aws/network-node-layer-3", "oci.oraclecloud.com/rdma.local_block_id",
        ),
    ),
)  # fmt: skip
"""Levels, broad to narrow, with the node labels that tell them, the most exact first.

Source: NVIDIA's GPU operator and Topograph, and the node labels of EKS, GKE and OKE, as documented in 2026.
"""


@dataclass(frozen=True, slots=True)
class FabricLevel:
    """One level. A node's domain is the value of the first of these labels that it carries."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Fabric:
    """Levels broad to narrow. The host is always the last, and is not listed: its domains are the nodes.

    Domains nest: racks of one name in two blocks are two. A node without a level's label is in no domain of that level, so it
    can't serve what must be within one.
    """

    levels: tuple[FabricLevel, ...] = ()
    host_name: str = HOST

    @cached_property
    def host(self) -> int:
        """Index of the host level."""
        return len(self.levels)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every level's name, the host's included."""
        return (*(level.name for level in self.levels), self.host_name)

    def index(self, level: str) -> int:
        """Position of a level, 0 the broadest. Raises LookupError, with the known names and the nearest, for an unknown one."""
        if level == HOST:
            return self.host
        if level not in self.names:
            near = did_you_mean(level, self.names) or "; label the nodes, or name one of these"
            raise LookupError(f"this fabric has no level {level!r}, only {', '.join(self.names)}{near}")
        return self.names.index(level)

    def path(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """A node's domain at each level, "" where it has none."""
        return tuple(next((labels[key] for key in level.labels if labels.get(key)), "") for level in self.levels)


def declared(levels: Iterable[tuple[str, str]]) -> Fabric:
    """The fabric of (name, node label) pairs, broad to narrow. Whatever comes after the host is left out."""
    found: list[FabricLevel] = []
    for name, label in levels:
        if name == HOST or label == HOST_LABEL:
            return Fabric(tuple(found), name)
        found.append(FabricLevel(name, (label,)))
    return Fabric(tuple(found))


def merged(fabrics: Iterable[Iterable[tuple[str, str]]]) -> Fabric:
    """The fabric of several, each of one part of the nodes: a level of one name is one level, and a node's own label tells.

    Where a node carries the labels of several, the first counts. Of fabrics whose levels are in contrary order, the later one is
    left out.
    """
    order: dict[str, set[str]] = {}
    labels: dict[str, tuple[str, ...]] = {}
    found = [declared(each) for each in fabrics]
    for levels in (each.levels for each in found):
        names = [level.name for level in levels]
        broader = {name: order.get(name, set[str]()) | set(names[max(0, at - 1) : at]) for at, name in enumerate(names)}
        try:
            TopologicalSorter({**order, **broader}).prepare()
        except CycleError:
            continue
        order |= broader
        labels |= {level.name: tuple(dict.fromkeys((*labels.get(level.name, ()), *level.labels))) for level in levels}
    return Fabric(tuple(FabricLevel(name, labels[name]) for name in _broad_first(order)), found[0].host_name if found else HOST)


def _broad_first(order: Mapping[str, Collection[str]]) -> list[str]:
    """Every name after those it is narrower than; of those that may be next, the one that was named first."""
    found: list[str] = []
    while len(found) < len(order):
        found.append(next(name for name in order if name not in found and all(each in found for each in order[name])))
    return found


def discovered(labels: Sequence[Mapping[str, str]]) -> Fabric:
    """The fabric that well-known labels of these nodes tell. Cost: linear in labels."""
    seen = {key for each in labels for key in each}
    found = ((name, tuple(key for key in keys if key in seen)) for name, keys in WELL_KNOWN)
    return Fabric(tuple(FabricLevel(name, keys) for name, keys in found if keys))
