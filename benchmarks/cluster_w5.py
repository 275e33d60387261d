"""W5: a rolling upgrade of many copies x 2 pods, two copies at a time, beside the sum of what it has to wait for.

usage: python -m benchmarks.cluster_w5 [--copies 500] [--nodes 100] [--ready-after 1s] [--bare 5]

The waits: a bare client on the same control plane deletes the four pods of two copies, sees them gone, makes them anew and sees
them Ready; the median of `--bare` times is taken for each of the copies / 2 turns. All the while the copies that are not whole
are counted, and where the time of each turn goes. One JSON line.
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
from tests.cluster.hearing import heard
from tests.cluster.nodes import condition
from workflows.client import Systems

AT_ONCE = 2
PODS_OF_COPY = 2
POLL_S = 0.02
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


class Upgrade:
    """What is seen of an upgrade, change by change: a list of all pods now and again would be work for the API server."""

    def __init__(self, copies: int, image: str) -> None:
        self.most, self.over = 0, asyncio.Event()
        self._copies, self._image = copies, image
        self._pods: dict[str, dict[str, Json]] = {}
        self._whole: dict[str, bool] = {}
        self._since: dict[str, dict[str, float]] = {}
        """Copy -> when the first of its pods began to go, the last had gone, the last was made, and all were Ready."""

    def take(self, kind: str, pod: Json) -> None:
        copy, name = pod["metadata"]["labels"][COPY], pod["metadata"]["name"]
        held = self._pods.setdefault(copy, {})
        held.pop(name, None) if kind == "DELETED" else held.__setitem__(name, pod)
        self._note(copy, kind, pod)
        right = [each["spec"]["containers"][0]["image"] == self._image for each in held.values()]
        ready = [condition(each, "Ready") == "True" for each in held.values()]
        self._whole[copy] = len(ready) == PODS_OF_COPY and all(ready)
        self.most = max(self.most, self._copies - sum(self._whole.values()))
        if self._whole[copy] and all(right):
            self._since.setdefault(copy, {}).setdefault("ready", time.perf_counter())
            self._end()

    def _note(self, copy: str, kind: str, pod: Json) -> None:
        now, since = time.perf_counter(), self._since.setdefault(copy, {})
        if kind == "DELETED":
            since["gone"] = now
        elif "deletionTimestamp" in pod["metadata"]:
            since.setdefault("going", now)
        elif kind == "ADDED" and "going" in since:
            since["made"] = now

    def _end(self) -> None:
        pods = [pod for held in self._pods.values() for pod in held.values()]
        right = all(pod["spec"]["containers"][0]["image"] == self._image for pod in pods)
        if right and sum(self._whole.values()) == self._copies:
            self.over.set()

    def shares(self) -> Row:
        """Median seconds of a copy's turn: until its pods have gone, are made anew, are Ready, and until the next one's go."""
        turns = [each for each in self._since.values() if each.keys() >= {"going", "gone", "made", "ready"}]
        ready, going = sorted(each["ready"] for each in turns), sorted(each["going"] for each in turns)
        following = [next((later - at for later in going if later >= at), None) for at in ready]
        return {
            "going_s": middle([each["gone"] - each["going"] for each in turns]),
            "making_s": middle([each["made"] - each["gone"] for each in turns]),
            "getting_ready_s": middle([each["ready"] - each["made"] for each in turns]),
            "until_the_next_s": middle([wait for wait in following if wait is not None]),
        }


def middle(seconds: list[float]) -> float:
    return round(statistics.median(seconds), 3)


async def upgraded(api: Api, systems: Systems, newer: InferenceSystem) -> Row:
    """Seconds until all runs as declared, most copies away at once, and where the time of a turn goes."""
    image = newer.written()["spec"]["members"][0]["template"]["spec"]["containers"][0]["image"]
    seen = Upgrade(newer.spec.replicas, image)
    async with heard(api, PODS, seen.take, **MINE) as there:
        for pod in there:
            seen.take("THERE", pod)
        seen.most, started = 0, time.perf_counter()
        await systems.apply(newer)
        await seen.over.wait()
        return {"took_s": round(time.perf_counter() - started, 1), "most_away": seen.most, **seen.shares()}


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
