"""W6, with a waiting gang: room comes to 500 held pods -> the decision, and the last pin.

usage: python -m benchmarks.cluster_w6_room [--times 5]

The gang fills 100 nodes, of which one is cordoned: it waits, held in sight, until that one is uncordoned. The pins stand beside
a bare client that lets as many held pods go with the same patches; a watch says when the last is let go, for both. One JSON
line a row.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from benchmarks.cluster_w1 import NAMESPACE, PODS, connected, fresh
from benchmarks.processes import served
from specs.pods import pinned_patch
from specs.system import InferenceSystem
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import cordon, uncordon
from workflows.client import Systems

NODES, PODS_A_NODE = 100, 5
GANG = NODES * PODS_A_NODE
NAME = "w6-room"
MINE = {"labelSelector": f"espalier.dev/system={NAME}"}
PLACEMENTS = f"/apis/espalier.dev/v1alpha1/namespaces/{NAMESPACE}/placements"
HELD = "espalier.dev/placement"
AT_ONCE = 64
PAUSE_S, POLL_S, TIMEOUT_S = 2.0, 0.05, 120.0
DECISION_LIMIT_MS, PINS_LIMIT = 200, 1.5


def gang() -> InferenceSystem:
    """All of it or nothing, on all nodes."""
    resources = {"requests": {"cpu": "12"}}
    container = {"name": "main", "image": "busybox", "resources": resources}
    template = {"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    spec = {"services": "none", "members": [{"role": "worker", "replicas": GANG, "template": template}]}
    return InferenceSystem.model_validate({"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec})


def is_held(pod: Any) -> bool:
    """Whether our gate keeps a pod."""
    return HELD in [gate["name"] for gate in pod["spec"].get("schedulingGates") or ()]


async def until_held(api: Api, wanted: int) -> list[Any]:
    """So many pods, all of them held."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            found = await api.items(PODS, **MINE)
            if len(found) == wanted and all(map(is_held, found)):
                return found
            await asyncio.sleep(POLL_S)


async def seen_in(api: Api, path: str, since: str, is_there: Callable[[Any], bool], **params: str) -> float:
    """The moment at which that is seen. A server that finds us slow ends the watch; it goes on from where it was."""
    while True:
        async with aclosing(api.watch(path, since, **params)) as events:
            async for event in events:
                since = event["object"]["metadata"]["resourceVersion"]
                if is_there(event["object"]):
                    return time.perf_counter()


async def decided(api: Api, since: str) -> float:
    """The moment at which the gang is seen to have room."""
    return await seen_in(api, PLACEMENTS, since, lambda seen: len(seen.get("status", {}).get("nodes", {})) == GANG)


async def let_go(api: Api, since: str) -> float:
    """The moment at which no pod is held any more."""
    free: set[str] = set()

    def all_free(pod: Any) -> bool:
        if not is_held(pod):
            free.add(pod["metadata"]["name"])
        return len(free) == GANG

    return await seen_in(api, PODS, since, all_free, **MINE)


async def now(api: Api) -> str:
    """From which a watch shows what comes."""
    return str((await api.get(PODS, limit="1"))["metadata"]["resourceVersion"])


async def room_comes(api: Api, systems: Systems, node: str) -> tuple[float, float]:
    """Seconds from the room to the decision, and from that to the last pin."""
    await cordon(api, node)
    await systems.apply(gang())
    pods = await until_held(api, GANG)
    await asyncio.sleep(PAUSE_S)
    since = await now(api)
    decision, last = asyncio.create_task(decided(api, since)), asyncio.create_task(let_go(api, since))
    await asyncio.sleep(PAUSE_S)
    started = time.perf_counter()
    await uncordon(api, node)
    at = await asyncio.wait_for(decision, TIMEOUT_S)
    end = await asyncio.wait_for(last, TIMEOUT_S)
    assert len(pods) == GANG
    await ended(api, systems)
    return at - started, end - at


async def ended(api: Api, systems: Systems) -> None:
    """Take it all away, and wait until it is gone."""
    await systems.delete(NAMESPACE, NAME)
    while await api.items(PODS, **MINE) or await systems.list(NAMESPACE):  # noqa: ASYNC110 - others are asked
        await asyncio.sleep(POLL_S)


async def bare_pins(api: Api) -> float:
    """Seconds in which a client of nothing else lets as many held pods go."""
    resources = {"requests": {"cpu": "12"}}
    spec = {"schedulingGates": [{"name": HELD}], "containers": [{"name": "main", "image": "busybox", "resources": resources}]}
    limit = asyncio.Semaphore(AT_ONCE)

    async def made(index: int) -> Any:
        async with limit:
            metadata = {"name": f"bare-{index}", "labels": {"espalier.dev/system": NAME}}
            return await api.post(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    async def pinned(pod: Any, node: str) -> None:
        async with limit:
            await api.patch(f"{PODS}/{pod['metadata']['name']}", pinned_patch(pod, node), "json")

    pods = await asyncio.gather(*map(made, range(GANG)))
    last = asyncio.create_task(let_go(api, await now(api)))
    await asyncio.sleep(PAUSE_S)
    started = time.perf_counter()
    await asyncio.gather(*(pinned(pod, f"node-{index // PODS_A_NODE:05}") for index, pod in enumerate(pods)))
    took = await asyncio.wait_for(last, TIMEOUT_S) - started
    await api.delete(PODS, gracePeriodSeconds="0", **MINE)
    while await api.items(PODS, **MINE):  # noqa: ASYNC110 - the API server is asked
        await asyncio.sleep(POLL_S)
    return took


async def measured(cluster: ControlPlane, times: int) -> dict[str, list[float]]:
    """Every figure, in seconds."""
    found: dict[str, list[float]] = {"room_to_decision": [], "decision_to_last_pin": [], "bare_pins": []}
    with served(cluster, "W6 with a waiting gang") as house:
        async with cluster.api() as api:
            systems = await connected(house)
            for index in range(times):
                found["bare_pins"].append(await bare_pins(api))
                decision, pins = await room_comes(api, systems, f"node-{index:05}")
                found["room_to_decision"].append(decision)
                found["decision_to_last_pin"].append(pins)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with fresh(NODES) as cluster:
        found = asyncio.run(measured(cluster, times))
    ms = {name: [round(each * 1000) for each in seconds] for name, seconds in found.items()}
    ratios = sorted(round(ours / bare, 2) for ours, bare in zip(ms["decision_to_last_pin"], ms["bare_pins"], strict=True))
    decision = {"p50_ms": statistics.median(ms["room_to_decision"]), "max_ms": max(ms["room_to_decision"])}
    print(json.dumps({"row": "W6 room_to_decision", "times": times, **decision, "limit_ms": DECISION_LIMIT_MS}))
    pins = {f"{name}_p50_ms": statistics.median(ms[name]) for name in ("decision_to_last_pin", "bare_pins")}
    spread = [ratios[0], statistics.median(ratios), ratios[-1]]
    print(json.dumps({"row": "W6 last_pin", "times": times, **pins, "ratio_min_median_max": spread, "limit_ratio": PINS_LIMIT}))


if __name__ == "__main__":
    main()
