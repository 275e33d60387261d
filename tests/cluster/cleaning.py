"""Put a cluster back to how it was before a test, in well under a second."""

import asyncio

from tests.cluster.api import Api, Json
from tests.cluster.nodes import LEASES, NODES

POLL_S = 0.05
TIMEOUT_S = 30.0
NOW = {"gracePeriodSeconds": "0"}


async def empty_cluster(api: Api) -> None:
    """Remove every node and every pod, wherever they are and whatever holds them back; returns when they are gone."""
    async with asyncio.timeout(TIMEOUT_S):
        await remove_pods(api)
        await api.delete(NODES)
        while await api.items(NODES):  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(POLL_S)
        await api.delete(LEASES)  # else the next nodes of these names would find them, until they are collected


async def remove_pods(api: Api) -> None:
    """Remove every pod at once, without waiting for their nodes."""
    while pods := await api.items("/api/v1/pods"):
        for namespace in sorted({pod["metadata"]["namespace"] for pod in pods}):
            await api.delete(f"/api/v1/namespaces/{namespace}/pods", **NOW)
        await asyncio.gather(*(_let_go(api, pod) for pod in pods if pod["metadata"].get("finalizers")))
        await asyncio.sleep(POLL_S)


async def _let_go(api: Api, pod: Json) -> None:
    meta = pod["metadata"]
    await api.patch(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", {"metadata": {"finalizers": None}})
