"""Fake nodes while they live: put them there, cordon them, lose them, bring them back."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing, suppress
from http import HTTPStatus

from tests.cluster.api import Api, ApiError, Json

NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
WRITES_AT_ONCE = 32
SETTLE_S = 0.1  # KWOK may hear of a node's lease a moment after it made the node Ready, and ignores pods until then


async def apply_nodes(api: Api, nodes: Iterable[Json]) -> None:
    """Create these nodes, many at once; one that is there already stays as it is."""
    slots = asyncio.Semaphore(WRITES_AT_ONCE)

    async def create(node: Json) -> None:
        async with slots:
            try:
                await api.post(NODES, node)
            except ApiError as error:
                if error.code != HTTPStatus.CONFLICT:
                    raise

    await asyncio.gather(*(create(node) for node in nodes))


def condition(item: Json, kind: str) -> str:
    """The status of one condition of a node or pod: True, False, Unknown, or empty where it has none."""
    found = (entry["status"] for entry in item.get("status", {}).get("conditions") or () if entry["type"] == kind)
    return str(next(found, ""))


async def until_nodes_ready(api: Api, count: int) -> None:
    """Return once at least that many nodes are Ready."""
    ready: set[str] = set()
    async with aclosing(api.watch(NODES)) as events:
        async for event in events:
            node = event["object"]
            (ready.add if condition(node, "Ready") == "True" else ready.discard)(node["metadata"]["name"])
            if len(ready) >= count:
                break
    await asyncio.sleep(SETTLE_S)


async def cordon(api: Api, *names: str) -> None:
    """No new pod may go there."""
    await asyncio.gather(*(api.patch(f"{NODES}/{name}", {"spec": {"unschedulable": True}}) for name in names))


async def uncordon(api: Api, *names: str) -> None:
    """New pods may go there again."""
    await asyncio.gather(*(api.patch(f"{NODES}/{name}", {"spec": {"unschedulable": None}}) for name in names))


async def remove_node(api: Api, name: str) -> None:
    """Delete the node object. Its pods stay until Kubernetes' pod garbage collector takes them, 40 s later or more."""
    await api.delete(f"{NODES}/{name}")
    await drop_lease(api, name)


async def drop_lease(api: Api, name: str) -> None:
    """Delete a node's lease, if it has one.

    A lease that outlives its node is taken up by the next node of that name, and then collected as the garbage it is.
    """
    with suppress(ApiError):
        await api.delete(f"{LEASES}/{name}")
