"""W5: a rolling upgrade of many copies x 2 pods, two copies at a time, beside the sum of what it has to wait for.

usage: python -m benchmarks.cluster_w5 [--copies 500] [--nodes 100] [--ready-after 1s] [--bare 5]

The waits: a bare client on the same control plane deletes the four pods of two copies, sees them gone, makes them anew and sees
them Ready; the median of `--bare` times is taken for each of the copies / 2 turns. All the while the copies that are not whole
are counted. One JSON line.
"""

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

from benchmarks.cluster_w1 import MINE, NAME, NAMESPACE, PODS, connected, declared, fresh
from benchmarks.cluster_w3 import Row, settled, until
from benchmarks.processes import served
from specs.system import InferenceSystem
from tests.cluster.api import Api, Json
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import condition
from workflows.client import Systems

AT_ONCE = 2
POLL_S = 0.02
COUNT_S = 0.25
LIMIT = 1.3
COPY = "espalier.dev/copy"


def system(copies: int, image: str, ready_after: str) -> InferenceSystem:
    """W1's, of this image; each pod takes so long to be Ready."""
    manifest: Any = declared(copies, "anyOrder").written()
    for member in manifest["spec"]["members"]:
        member["template"]["spec"]["containers"][0]["image"] = image
        member["template"]["metadata"] = {"annotations": {"sim.espalier.dev/ready-after": ready_after}}
    manifest["spec"]["rollout"] = {"unit": "copy", "maxUnavailable": AT_ONCE}
    return InferenceSystem.model_validate(manifest)


async def waits(api: Api, ready_after: str, times: int) -> list[float]:
    """Seconds of each turn of a bare client."""
    node = str((await api.items("/api/v1/nodes"))[0]["metadata"]["name"])
    names = [f"bare-{index}" for index in range(AT_ONCE * 2)]
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "busybox"}]}
    annotations = {"sim.espalier.dev/ready-after": ready_after}
    found: list[float] = []
    for turn in range(times + 1):
        started = time.perf_counter()
        await asyncio.gather(*(api.delete(f"{PODS}/{name}") for name in names if turn))
        await bare(api, 0)
        metadata = [{"name": name, "labels": {"bare": "yes"}, "annotations": annotations} for name in names]
        await asyncio.gather(
            *(api.post(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": each, "spec": spec}) for each in metadata)
        )
        await bare(api, len(names))
        found.append(time.perf_counter() - started)
    await asyncio.gather(*(api.delete(f"{PODS}/{name}") for name in names))
    await bare(api, 0)
    return found[1:]


async def bare(api: Api, ready: int) -> None:
    """So many are there, and Ready."""
    while True:
        found = await api.items(PODS, labelSelector="bare")
        if len(found) == ready and all(condition(pod, "Ready") == "True" for pod in found):
            return
        await asyncio.sleep(POLL_S)


def away(found: list[Json], copies: int) -> int:
    """Copies that are not whole."""
    ready = [pod["metadata"]["labels"][COPY] for pod in found if condition(pod, "Ready") == "True"]
    return copies - sum(ready.count(copy) == 2 for copy in set(ready))


async def upgraded(api: Api, systems: Systems, newer: InferenceSystem) -> Row:
    """Seconds until all runs as declared, and most copies away at once."""
    copies, most, started = newer.spec.replicas, 0, time.perf_counter()
    await systems.apply(newer)
    image = newer.written()["spec"]["members"][0]["template"]["spec"]["containers"][0]["image"]
    while True:
        found = list(await api.items(PODS, **MINE))
        most = max(most, away(found, copies))
        if away(found, copies) == 0 and {pod["spec"]["containers"][0]["image"] for pod in found} == {image}:
            return {"took_s": round(time.perf_counter() - started, 1), "most_away": most}
        await asyncio.sleep(COUNT_S)


async def row(cluster: ControlPlane, copies: int, ready_after: str, times: int) -> Row:
    """One upgrade."""
    with served(cluster, "W5") as house:
        async with cluster.api() as api:
            systems = await connected(house)
            await systems.apply(system(copies, "busybox:1", ready_after))
            await until(api, copies * 2)
            await settled(systems)
            turn = statistics.median(await waits(api, ready_after, times))
            took = await upgraded(api, systems, system(copies, "busybox:2", ready_after))
            await systems.delete(NAMESPACE, NAME)
            await until(api, 0)
    total = turn * -(-copies // AT_ONCE)
    told = {
        "row": "W5",
        "copies": copies,
        "at_once": AT_ONCE,
        "turn_of_bare_client_s": round(turn, 3),
        "sum_of_waits_s": round(total, 1),
    }
    return {**told, **took, "times_the_waits": round(took["took_s"] / total, 2), "limit_times": LIMIT}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--ready-after", default="1s")
    parser.add_argument("--bare", type=int, default=5)
    args = parser.parse_args()
    with fresh(args.nodes) as cluster:
        print(json.dumps(asyncio.run(row(cluster, args.copies, args.ready_after, args.bare))))


if __name__ == "__main__":
    main()
