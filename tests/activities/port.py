"""Things for the tests of the `Kube` port: small objects of the kinds they write, and waiting."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from activities.cluster.kube import CONFIG_MAPS, Event, Kind, Kube, Manifest, NotThere

WIDGETS = Kind("port.espalier.dev/v1", "Widget", "widgets")
GATE = "port.espalier.dev/hold"
PATIENCE_S = 15.0
POLL_S = 0.02


def config(namespace: str, name: str, labels: dict[str, str] | None = None, **data: str) -> Manifest:
    """The smallest object there is."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def widget(namespace: str, name: str, replicas: int = 1) -> Manifest:
    """A custom resource with status and scale."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": WIDGETS.api_version, "kind": "Widget", "metadata": metadata, "spec": {"replicas": replicas}}


def widgets_definition() -> Manifest:
    """The kind `WIDGETS`, to be applied."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
    }
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.port.espalier.dev"},
        "spec": {"group": "port.espalier.dev", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def gated_pod(namespace: str, name: str, cpu: str = "1") -> Manifest:
    """A pod that waits for its gate."""
    container = {"name": "main", "image": "busybox", "resources": {"requests": {"cpu": cpu}}}
    spec = {"schedulingGates": [{"name": GATE}], "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def pinned(node: str) -> Manifest:
    """The node affinity that leaves one node."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}


def release(node: str) -> list[dict[str, Any]]:
    """The JSON patch that takes the gate away and pins, in one write."""
    return [
        {"op": "test", "path": "/spec/schedulingGates/0/name", "value": GATE},
        {"op": "remove", "path": "/spec/schedulingGates/0"},
        {"op": "add", "path": "/spec/affinity", "value": {"nodeAffinity": pinned(node)}},
    ]


def condition(item: Manifest, kind: str) -> Manifest:
    """One condition, or an empty one."""
    conditions: list[Manifest] = item.get("status", {}).get("conditions", [])
    empty: Manifest = {}
    return next((each for each in conditions if each["type"] == kind), empty)


async def eventually(look: Callable[[], Awaitable[Any]], patience_s: float = PATIENCE_S) -> Any:
    """What `look` returns once that is true."""
    deadline = time.monotonic() + patience_s
    while not (found := await look()):
        assert time.monotonic() < deadline, f"not within {patience_s} s"
        await asyncio.sleep(POLL_S)
    return found


async def gone(kube: Kube, kind: Kind, name: str, namespace: str) -> bool:
    """Whether there is no such object."""
    try:
        await kube.get(kind, name, namespace)
    except NotThere:
        return True
    return False


async def version_now(kube: Kube, namespace: str) -> int:
    """The present version of config maps."""
    return (await kube.list(CONFIG_MAPS, namespace)).version


async def taken(kube: Kube, since: int, namespace: str, count: int, labels: str = "", kind: Kind = CONFIG_MAPS) -> list[Event]:
    """The first few events, on config maps if nothing else is said, after `since`, bookmarks left out."""
    found: list[Event] = []
    async with asyncio.timeout(PATIENCE_S), kube.watch(kind, since, namespace, labels) as events:
        async for event in events:
            if event.type != "BOOKMARK":
                found.append(event)
            if len(found) >= count:
                break
    return found
