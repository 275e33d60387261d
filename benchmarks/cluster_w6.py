"""W6: how soon. Submit -> first pod created; pod lost, or its node gone -> its replacement created; medians of `--times`.

usage: python -m benchmarks.cluster_w6 [--times 20]

Prints one JSON line a row, beside its limit.
"""

import argparse
import asyncio
import json
import statistics
import time
from contextlib import aclosing

from benchmarks.cluster_w1 import NAMESPACE, PODS, connected, declared, fresh
from benchmarks.processes import served
from specs.system import InferenceSystem
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import apply_nodes, condition, remove_node, until_nodes_ready
from workers.simulated import fleets
from workflows.client import Systems

NODES = 100
PAUSE_S = 1.5
TIMEOUT_S = 60
LIMITS_MS = {"submit_to_first_pod": 150, "lost_to_replaced": 500, "node_gone_to_replaced": 500}


def named(name: str) -> InferenceSystem:
    """One copy of two pods."""
    system = declared(1, "anyOrder")
    return system.model_copy(update={"metadata": system.metadata.model_copy(update={"name": name})})


async def next_pod(api: Api, name: str, since: str, event: str = "ADDED") -> float:
    """The moment at which a pod of this system is seen to be new (or Ready, with `MODIFIED`)."""
    async with aclosing(api.watch(PODS, since, labelSelector=f"espalier.dev/system={name}")) as events:
        async for seen in events:
            if seen["type"] == event and (event == "ADDED" or condition(seen["object"], "Ready") == "True"):
                return time.perf_counter()
    raise RuntimeError("the watch ended")


async def version(api: Api) -> str:
    """Where to watch from."""
    found: str = (await api.get(PODS, limit="1"))["metadata"]["resourceVersion"]
    return found


async def submitted(api: Api, systems: Systems, name: str) -> float:
    """Seconds from submitting to the first pod."""
    watching = asyncio.create_task(next_pod(api, name, await version(api)))
    await asyncio.sleep(PAUSE_S)
    started = time.perf_counter()
    await systems.apply(named(name))
    return await asyncio.wait_for(watching, TIMEOUT_S) - started


async def replaced(api: Api, name: str) -> float:
    """Seconds from the end of a pod, deleted at once, to the creation of the next."""
    await asyncio.sleep(PAUSE_S)
    since = await version(api)
    watching = asyncio.create_task(next_pod(api, name, since))
    (first, *_) = await api.items(PODS, labelSelector=f"espalier.dev/system={name}")
    started = time.perf_counter()
    await api.delete(f"{PODS}/{first['metadata']['name']}", gracePeriodSeconds="0")
    return await asyncio.wait_for(watching, TIMEOUT_S) - started


async def replaced_elsewhere(api: Api, name: str) -> float:
    """Seconds from the end of a node to the creation of what was on it; the node comes back then."""
    await asyncio.sleep(PAUSE_S)
    (first, *_) = await api.items(PODS, labelSelector=f"espalier.dev/system={name}")
    node = first["spec"]["nodeName"]
    watching = asyncio.create_task(next_pod(api, name, await version(api)))
    started = time.perf_counter()
    await remove_node(api, node)
    took = await asyncio.wait_for(watching, TIMEOUT_S) - started
    await apply_nodes(api, (each for each in fleets.plain(NODES) if each["metadata"]["name"] == node))
    await until_nodes_ready(api, NODES)
    return took


async def measured(cluster: ControlPlane, times: int) -> dict[str, list[float]]:
    """Every figure, in seconds."""
    found: dict[str, list[float]] = {name: [] for name in LIMITS_MS}
    with served(cluster, "W6") as house:
        async with cluster.api() as api:
            systems = await connected(house)
            for index in range(times):
                name = f"w6-{index}"
                found["submit_to_first_pod"].append(await submitted(api, systems, name))
                found["lost_to_replaced"].append(await replaced(api, name))
                found["node_gone_to_replaced"].append(await replaced_elsewhere(api, name))
                await systems.delete(NAMESPACE, name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    args = parser.parse_args()
    with fresh(NODES) as cluster:
        for name, seconds in asyncio.run(measured(cluster, args.times)).items():
            ms = sorted(round(each * 1000) for each in seconds)
            p50 = statistics.median(ms)
            print(
                json.dumps({"row": f"W6 {name}", "times": len(ms), "p50_ms": p50, "max_ms": ms[-1], "limit_ms": LIMITS_MS[name]})
            )


if __name__ == "__main__":
    main()
