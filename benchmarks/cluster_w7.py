"""W7: many systems that rest. Memory and CPU of our processes meanwhile; then one event for each, and when it was handled.

usage: python -m benchmarks.cluster_w7 [--systems 1000] [--nodes 100] [--idle 60]

Each system is one small pod on the real control plane. Ours are the worker and the agent; Temporal and the control plane are
servers. The event is a pod that is deleted, at once, in every system; it is handled when the next one is created.
"""

import argparse
import asyncio
import json
import time
from contextlib import aclosing
from typing import Any

from benchmarks.cluster_w1 import NAMESPACE, PODS, connected, cpu_seconds, fresh
from benchmarks.processes import cpu_s, memory_mib, served
from specs.system import InferenceSystem
from tests.chaos.settling import insist
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import condition
from tests.running import AGENT, WORKER, Espalier
from workflows.client import Systems

OURS = (WORKER, AGENT)
AT_ONCE = 4
SETTLE_S = 30.0
TIMEOUT_S = 900.0
LIMITS = {"pss_mib": 450, "idle_percent_of_a_core": 5, "first_s": 1.0, "all_s": 30.0}
Row = dict[str, Any]


def single(index: int) -> InferenceSystem:
    """One pod of a CPU."""
    resources = {"requests": {"cpu": "1", "memory": "1Mi"}}
    pod = {
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "busybox", "resources": resources}]}
    }
    spec = {"replicas": 1, "services": "none", "members": [{"role": "server", "replicas": 1, "template": pod}]}
    return InferenceSystem.model_validate({"metadata": {"name": f"w7-{index:04}", "namespace": NAMESPACE}, "spec": spec})


async def declare(systems: Systems, count: int) -> None:
    """All of them, some at a time."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(index: int) -> None:
        async with limit:
            await insist(lambda: systems.apply(single(index), request_id=f"w7-{index}"))

    await asyncio.gather(*map(one, range(count)))


async def until_ready(api: Api, count: int) -> None:
    """Every system has its pod."""
    async with asyncio.timeout(TIMEOUT_S):
        while sum(condition(pod, "Ready") == "True" for pod in await api.items(PODS)) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(1)


async def at_rest(house: Espalier, idle_s: float) -> Row:
    """What ours hold and use while nothing happens."""
    before = {name: cpu_s(house.process(name).pid) for name in OURS}
    await asyncio.sleep(idle_s)
    row: Row = {}
    total = {"rss_mib": 0.0, "pss_mib": 0.0, "idle_percent_of_a_core": 0.0}
    for name in OURS:
        rss, pss = memory_mib(house.process(name).pid)
        share = 100 * (cpu_s(house.process(name).pid) - before[name]) / idle_s
        found = {"rss_mib": rss, "pss_mib": pss, "idle_percent_of_a_core": share}
        row[name] = {key: round(value, 1) for key, value in found.items()}
        total = {key: total[key] + found[key] for key in total}
    return row | {"total": {key: round(value, 1) for key, value in total.items()}}


async def handled(api: Api, count: int) -> Row:
    """Delete every pod; seconds from the first deletion until the first replacement is created, and until all are."""
    listed = await api.get(PODS)
    watching = asyncio.create_task(replacements(api, listed["metadata"]["resourceVersion"], count))
    await asyncio.sleep(1)
    limit = asyncio.Semaphore(AT_ONCE)
    started = time.perf_counter()

    async def lose(name: str) -> None:
        async with limit:
            await api.delete(f"{PODS}/{name}", gracePeriodSeconds="0")

    await asyncio.gather(*(lose(pod["metadata"]["name"]) for pod in listed["items"]))
    deleted = time.perf_counter()
    first, last = await asyncio.wait_for(watching, TIMEOUT_S)
    return {"deleted_s": round(deleted - started, 2), "first_s": round(first - started, 2), "all_s": round(last - started, 2)}


async def replacements(api: Api, since: str, count: int) -> tuple[float, float]:
    """The moments of the first and of the last creation."""
    systems: set[str] = set()
    first = 0.0
    async with aclosing(api.watch(PODS, since)) as events:
        async for event in events:
            if event["type"] == "ADDED":
                first = first or time.perf_counter()
                systems.add(event["object"]["metadata"]["labels"]["espalier.dev/system"])
                if len(systems) == count:
                    return first, time.perf_counter()
    raise RuntimeError("the watch ended")


async def measured(cluster: ControlPlane, count: int, idle_s: float) -> Row:
    """Everything, in order."""
    with served(cluster, "W7") as house:
        async with cluster.api() as api:
            systems = await connected(house)
            started = time.perf_counter()
            await declare(systems, count)
            await until_ready(api, count)
            row: Row = {"row": "W7", "systems": count, "declared_and_ready_s": round(time.perf_counter() - started, 1)}
            await asyncio.sleep(SETTLE_S)
            row |= await at_rest(house, idle_s)
            before = cpu_seconds(house)
            row |= await handled(api, count)
            row["events_cpu_s"] = {name: round(used - before[name], 1) for name, used in cpu_seconds(house).items()}
            await until_ready(api, count)
            peak = sum(memory_mib(house.process(name).pid)[1] for name in OURS)
            return row | {"pss_mib_after": round(peak, 1), "limit": LIMITS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=1_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--idle", type=float, default=60.0)
    args = parser.parse_args()
    with fresh(args.nodes) as cluster:
        print(json.dumps(asyncio.run(measured(cluster, args.systems, args.idle))))


if __name__ == "__main__":
    main()
