"""W3 and W4: a system of many copies x 2 pods scaled in and deleted, and scaled to and fro.

usage: python -m benchmarks.cluster_w3 --floor FLOOR.py [--copies 500] [--cycles 10] [--nodes 100] [--manifest FILE]

W3: from all copies to half of them to none, each until the last pod that is too many is gone; beside the time in which a bare
client, on the same control plane, sees as many pods go as each step removes. W4: 25 <-> 50 copies; each way until all is
Ready, or gone. One JSON line each. `--manifest`: W3 alone, of a PodCliqueSet.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from benchmarks.cluster_w1 import (
    COPIES,
    MINE,
    NAME,
    NAMESPACE,
    PODS,
    bind,
    connected,
    declared,
    floor,
    fresh,
    given,
    pods_in,
    topology_of,
)
from benchmarks.processes import served
from specs.system import InferenceSystem, pods_of
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import condition
from workflows.client import Systems

POLL_S, PAUSE_S = 0.05, 1.0
TIMEOUT_S = 900.0
FEW, MANY = 25, 50
CYCLE_LIMIT_S = 1.0
Row = dict[str, Any]


async def until(api: Api, pods: int) -> None:
    """So many pods are there, and all are Ready: one list, then changes, because a list is much work for the API server."""
    listed = await api.get(PODS, **MINE)
    ready = {pod["metadata"]["name"]: condition(pod, "Ready") == "True" for pod in listed["items"]}
    since = listed["metadata"]["resourceVersion"]
    while not (len(ready) == pods and all(ready.values())):
        async with aclosing(api.watch(PODS, since, **MINE)) as events:
            async for event in events:
                pod = event["object"]
                name, since = pod["metadata"]["name"], pod["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    ready.pop(name, None)
                else:
                    ready[name] = condition(pod, "Ready") == "True"
                if len(ready) == pods and all(ready.values()):
                    return


async def within(api: Api, pods: int, change: Awaitable[object]) -> float:
    """Seconds from a change until so many pods are there."""
    watching = asyncio.create_task(until(api, pods))
    await asyncio.sleep(PAUSE_S)  # it has its list by then
    started = time.perf_counter()
    await change
    await asyncio.wait_for(watching, TIMEOUT_S)
    return time.perf_counter() - started


async def scaled(api: Api, systems: Systems, copies: int, system: InferenceSystem | None = None) -> float:
    """Seconds until it is so."""
    name, pods = (system.metadata.name, pods_of(system.spec.members)) if system else (NAME, 2)
    return await within(api, copies * pods, systems.scale(NAMESPACE, name, {"copies": copies}))


async def settled(systems: Systems, name: str = NAME) -> None:
    """Nothing is at work any more."""
    while (await systems.status(NAMESPACE, name)).phase != "Ready":  # noqa: ASYNC110 - another process is asked
        await asyncio.sleep(POLL_S)


async def measured(cluster: ControlPlane, system: InferenceSystem, cycles: int) -> tuple[Row, ...]:
    """Both rows, without the bare client's figures; W4 only where there are cycles."""
    name = system.metadata.name
    with served(cluster, "W3 and W4") as house:
        async with cluster.api() as api:
            systems = await connected(house)
            await bind(api, topology_of(system))
            await systems.apply(system)
            await until(api, pods_in(system))
            await settled(systems, name)
            half = await scaled(api, systems, system.spec.replicas // 2, system)
            gone = await within(api, 0, systems.delete(NAMESPACE, name))
            while await systems.list(NAMESPACE):  # noqa: ASYNC110 - another process is asked
                await asyncio.sleep(POLL_S)
            three = {"half_s": round(half, 2), "gone_s": round(gone, 2)}
            return (three, await to_and_fro(api, systems, cycles)) if cycles else (three,)


async def to_and_fro(api: Api, systems: Systems, cycles: int) -> Row:
    """W4."""
    await systems.apply(declared(FEW, "anyOrder"))
    await until(api, FEW * 2)
    await settled(systems)
    up: list[float] = []
    down: list[float] = []
    for _ in range(cycles):
        up.append(await scaled(api, systems, MANY))
        down.append(await scaled(api, systems, FEW))
    await systems.delete(NAMESPACE, NAME)
    first, last = statistics.median(up[: cycles // 2]), statistics.median(up[cycles // 2 :])
    return {
        "row": "W4", "cycles": cycles, "up_p50_s": round(statistics.median(up), 2), "up_max_s": round(max(up), 2),
        "down_p50_s": round(statistics.median(down), 2), "down_max_s": round(max(down), 2), "limit_up_s": CYCLE_LIMIT_S,
        "later_half_times_first": round(last / first, 2),
    }  # fmt: skip


async def rows(cluster: ControlPlane, program: Path, system: InferenceSystem, cycles: int) -> tuple[Row, ...]:
    """The bare client before, so that neither meets an API server that has never seen so many pods."""
    await floor(cluster, program, pods_in(system))
    bare = (await floor(cluster, program, pods_in(system) // 2))["gone_s"]
    three, *four = await measured(cluster, system, cycles)
    ratios = {f"{key}_times_floor": round(three[key] / bare, 2) for key in ("half_s", "gone_s")}
    told = {"row": "W3", "copies": system.spec.replicas, **three, "floor_half_gone_s": bare, **ratios, "limit_times_floor": 1.5}
    return told, *four


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", type=Path, required=True)
    parser.add_argument("--copies", type=int, help=f"{COPIES}, or as many as the manifest says")
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--manifest", type=Path)
    args = parser.parse_args()
    system = given(args.manifest, args.copies) if args.manifest else declared(args.copies or COPIES, "anyOrder")
    with fresh(args.nodes, levels=bool(topology_of(system))) as cluster:
        for each in asyncio.run(rows(cluster, args.floor, system, 0 if args.manifest else args.cycles)):
            print(json.dumps(each))


if __name__ == "__main__":
    main()
