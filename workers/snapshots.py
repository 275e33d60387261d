"""A snapshot of a cluster as it is now, as `kubectl get ... -o json` would print it."""

from collections.abc import Iterable
from typing import Any

from activities.cluster.kube import Kind, Kube
from workers.installing import listed


async def taken(kube: Kube, kinds: Iterable[Kind]) -> dict[str, Any]:
    """A v1 List of all objects of these kinds that the cluster serves."""
    items: list[dict[str, Any]] = []
    for kind in kinds:
        items += [{**each, "kind": kind.kind, "apiVersion": kind.api_version} for each in await listed(kube, kind)]
    return {"kind": "List", "items": items}
