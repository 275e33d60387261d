"""Nodes that stop answering, as a node without power or network does, and come back.

A fake node lives by its lease: KWOK acts for the nodes whose lease it holds. So a node is lost by giving its lease to nobody
for a year: it renews nothing, reports nothing, starts and ends no pod, and Kubernetes itself finds out. A pod whose next step
was already planned (`ready-after` and the like) still takes that one step.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import aiohttp

from tests.cluster.api import Api, ApiError, Json
from tests.cluster.nodes import LEASES, NODES, SETTLE_S, condition
from workers.process import Process

LOST = "sim.espalier.dev/lost"
NOBODY = "nobody"
YEAR_S = 365 * 24 * 3600
UNREACHABLE = "node.kubernetes.io/unreachable"
RETURN_TIMEOUT_S = 30.0
REMINDER_S = 5.0
HEARD_S = 0.5
"""By then KWOK has heard that a lease is no longer its own, on a busy machine too; nothing else tells."""


async def lose_node(api: Api, name: str, *, known_at_once: bool = False) -> None:
    """The node stops answering. Kubernetes marks it after its grace period; with `known_at_once`, that is done here and now."""
    await api.patch(f"{NODES}/{name}", {"metadata": {"annotations": {LOST: "true"}}})
    await _annotate_pods(api, {LOST: "true"}, fieldSelector=f"spec.nodeName={name}")
    # The renewal counts as the node's last sign of life: Kubernetes 1.37 distrusts a lease that changed without being renewed.
    await _hand_lease(api, name, NOBODY, YEAR_S)
    await asyncio.sleep(HEARD_S)
    if known_at_once:
        await _mark_lost(api, name)


async def return_node(api: Api, name: str, lease_s: int = 40) -> None:
    """The node answers again and is Ready; its pods go on where they were."""
    holder = await _kwok(api)
    if holder is None:
        await api.delete(f"{LEASES}/{name}")  # KWOK takes it at its next try, within a quarter of the lease
    else:
        await _hand_lease(api, name, holder, lease_s)
    async with asyncio.timeout(RETURN_TIMEOUT_S):
        await _until_it_reports(api, name)
    await _annotate_pods(api, {LOST: None, **_now()}, fieldSelector=f"spec.nodeName={name}")


async def restart_kubelets(api: Api, kwok: Process) -> None:
    """kill -9 all fake kubelets and start them anew; returns when they act again."""
    kwok.kill()
    # The next KWOK would wait until the leases of this one expire.
    held = [lease["metadata"]["name"] for lease in await api.items(LEASES) if lease["spec"].get("holderIdentity") != NOBODY]
    await asyncio.gather(*(api.delete(f"{LEASES}/{name}") for name in held))
    kwok.start()
    async with asyncio.timeout(RETURN_TIMEOUT_S):
        while not set(held) <= {lease["metadata"]["name"] for lease in await api.items(LEASES)}:  # noqa: ASYNC110 - another process
            await asyncio.sleep(SETTLE_S)
    await asyncio.sleep(SETTLE_S)
    await _wake_pods(api)


async def _hand_lease(api: Api, name: str, holder: str, duration_s: int) -> None:
    renewed = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": duration_s, "renewTime": renewed}
    await api.patch(f"{LEASES}/{name}", {"spec": spec})


async def _mark_lost(api: Api, name: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    facts = {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    ready = {"type": "Ready", **facts, "lastHeartbeatTime": now, "lastTransitionTime": now}
    await api.patch(f"{NODES}/{name}/status", {"status": {"conditions": [ready]}}, kind="strategic")
    old = (await api.get(f"{NODES}/{name}"))["spec"].get("taints", [])
    kept = [taint for taint in old if taint["key"] != UNREACHABLE]
    added = [{"key": UNREACHABLE, "effect": effect, "timeAdded": now} for effect in ("NoSchedule", "NoExecute")]
    await api.patch(f"{NODES}/{name}", {"spec": {"taints": kept + added}})


async def _kwok(api: Api) -> str | None:
    """The name under which KWOK holds the other nodes' leases, or None where every node is lost."""
    holders = [lease["spec"].get("holderIdentity", NOBODY) for lease in await api.items(LEASES)]
    return next((holder for holder in holders if holder != NOBODY), None)


@asynccontextmanager
async def reminded(api: Api) -> AsyncGenerator[None]:
    """While the body runs, fake kubelets look at every pod now and then.

    Where an API server or its etcd died, KWOK gives up on what it could not write; a real kubelet would try again.
    """

    async def remind() -> None:
        while True:
            await asyncio.sleep(REMINDER_S)
            with suppress(ApiError, aiohttp.ClientError):
                await _wake_pods(api)

    reminding = asyncio.create_task(remind())
    try:
        yield
    finally:
        reminding.cancel()


async def _until_it_reports(api: Api, name: str) -> None:
    # KWOK looks at a node only when the node changes, and may hear of the lease later than of this change: hence again.
    while True:
        await asyncio.sleep(SETTLE_S)
        node = await api.patch(f"{NODES}/{name}", {"metadata": {"annotations": {LOST: None, **_now()}}})
        if condition(node, "Ready") == "True":
            return


async def _wake_pods(api: Api, **selector: str) -> None:
    # KWOK looks at a pod when the pod changes; what changed while nobody looked is shown to it again.
    await _annotate_pods(api, _now(), **selector)


async def _annotate_pods(api: Api, annotations: Mapping[str, str | None], **selector: str) -> None:
    for pod in await api.items("/api/v1/pods", **selector):
        meta: Json = pod["metadata"]
        with suppress(ApiError):  # gone meanwhile
            await api.patch(
                f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", {"metadata": {"annotations": annotations}}
            )


def _now() -> dict[str, str]:
    return {"sim.espalier.dev/woken": datetime.now(UTC).isoformat()}
