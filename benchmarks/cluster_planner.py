"""A planner that patches the count of a PodClique every second for five minutes, as Dynamo's does: what following it costs.

usage: python -m benchmarks.cluster_planner [--seconds 300] [--nodes 100]

One JSON line: patches sent and refused, our API writes meanwhile by kind, pods made and deleted, CPU seconds of our processes,
and how long after the last patch exactly so many pods are Ready.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import aclosing
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.cluster_w1 import PODS, connected, cpu_seconds, fresh, writes
from specs.owners import GROVE_API_VERSION
from tests.cluster.api import Api, ApiError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import condition
from tests.running import Espalier

SETS = f"/apis/{GROVE_API_VERSION}/namespaces/default/podcliquesets"
SCALE = f"/apis/{GROVE_API_VERSION}/namespaces/default/podcliques/planned-0-decode/scale"
PLANNED = (2, 4, 3, 1, 4, 2)
"""What is asked for, one after the other: five pods to make and five to delete in six seconds, if each is followed."""
ROUTERS, TIMEOUT_S = 2, 60.0
Row = dict[str, Any]


def declared() -> Row:
    """Routers, and the clique that is scaled; each pod is as small as the bare client's."""
    container = {"name": "main", "image": "busybox", "resources": {"requests": {"memory": "1Mi"}}}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    cliques = [
        {"name": name, "spec": {"roleName": name, "replicas": count, "minAvailable": 1, "podSpec": pod}}
        for name, count in (("router", ROUTERS), ("decode", 1))
    ]
    manifest = {"apiVersion": GROVE_API_VERSION, "kind": "PodCliqueSet", "metadata": {"name": "planned"}}
    return {**manifest, "spec": {"replicas": 1, "template": {"cliques": cliques}}}


async def until(api: Api, pods: int) -> None:
    """So many pods of the clique are there, and all are Ready."""
    mine = {"labelSelector": "grove.io/podclique=planned-0-decode"}
    listed = await api.get(PODS, **mine)
    ready = {each["metadata"]["name"]: condition(each, "Ready") == "True" for each in listed["items"]}
    async with aclosing(api.watch(PODS, listed["metadata"]["resourceVersion"], **mine)) as events:
        while not (len(ready) == pods and all(ready.values())):
            event = await anext(events)
            name = event["object"]["metadata"]["name"]
            ready[name] = condition(event["object"], "Ready") == "True"
            if event["type"] == "DELETED":
                del ready[name]


async def planned(api: Api, seconds: float) -> Row:
    """Patch until the time is over, then wait for what was asked for last."""
    counts, sent, refused, wanted = cycle(PLANNED), 0, 0, 1
    started = time.perf_counter()
    while (at := time.perf_counter()) - started < seconds:
        wanted = next(counts)
        sent += 1
        try:
            await api.patch(SCALE, {"spec": {"replicas": wanted}})
        except ApiError:
            refused += 1
        await asyncio.sleep(max(0.0, at + 1 - time.perf_counter()))
    last = time.perf_counter()
    await asyncio.wait_for(until(api, wanted), TIMEOUT_S)
    settled = round(time.perf_counter() - last, 2)
    return {"patches": sent, "refused": refused, "ready_at_end": wanted, "settled_s": settled}


async def measured(cluster: ControlPlane, house: Espalier, log: Path, seconds: float) -> Row:
    """One run."""
    await connected(house)
    async with cluster.api() as api:
        await api.post(SETS, declared())
        await asyncio.wait_for(until(api, 1), TIMEOUT_S)
        before, used = writes(log), cpu_seconds(house)
        row = await planned(api, seconds)
        made = {key: count - before.get(key, 0) for key, count in writes(log).items() if count > before.get(key, 0)}
        cpu = {f"{name}_cpu_s": round(now - used[name], 1) for name, now in cpu_seconds(house).items()}
    return {"row": "W3 planner", "seconds": seconds, **row, **told(made, row["patches"]), **cpu, "writes": made}


def told(made: Mapping[str, int], patches: int) -> Row:
    """The same in few figures."""
    pods = {"pods_made": made.get("create pods", 0), "pods_deleted": made.get("delete pods", 0)}
    return {**pods, "writes_per_patch": round(sum(made.values()) / patches, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--nodes", type=int, default=100)
    args = parser.parse_args()
    with fresh(args.nodes, audit=True) as cluster, Espalier(cluster.access.kubeconfig) as house:
        print(json.dumps(asyncio.run(measured(cluster, house, cluster.layout.folder / "audit.log", args.seconds))))


if __name__ == "__main__":
    main()
