"""Nodes of clusters that exist, or could, as plain manifests. Pure: the same arguments give the same nodes."""

from collections.abc import Iterator

from tests.cluster.api import Json


def node(name: str, labels: dict[str, str], capacity: dict[str, str], taints: tuple[Json, ...] = ()) -> Json:
    """One node manifest; what it can hold is all allocatable."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}},
        "spec": {"taints": list(taints)},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def plain(count: int) -> Iterator[Json]:
    """Nodes without GPUs or network levels, large enough for a hundred small pods each."""
    for index in range(count):
        yield node(f"node-{index:05}", {}, {"cpu": "64", "memory": "512Gi", "pods": "1000"})
