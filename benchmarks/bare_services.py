"""W3g without an orchestrator: the very pods and Services of a PodCliqueSet, made and deleted by a bare client.

usage: python -m benchmarks.bare_services --manifest FILE [--copies N] [--pairs 5] [--nodes 100]

Half of the copies' pods are deleted by their label, then the rest, each until the last of them is gone; with the Services of all
copies there, and without any. The difference is what kube-controller-manager does about endpoints, whoever deletes the pods.
Each pair is a new control plane on which both run, by turns first, after an uncounted run. One JSON line a pair; the last line
has medians, and the ratios pair by pair with their spread.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cluster_w1 import MINE, NAMESPACE, PODS, Row, fresh, given, topology_of
from benchmarks.cluster_w3 import until
from benchmarks.processes import cpu_s
from specs.counts import slots
from specs.grove import CliqueSystem
from specs.grove_objects import CliqueObjects
from specs.manifests import PodMaker
from specs.names import COPY
from specs.owners import CLIQUE_SET_KIND, Manifest, Owner
from specs.system import pods_of
from tests.cluster.api import Api
from tests.cluster.components import NAMES
from tests.cluster.controlplane import ControlPlane

SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
AT_ONCE = 32
FIGURES = ("ready_s", "half_s", "half_cpu_s", "gone_s", "gone_cpu_s")
SIDES = {False: "without", True: "with_services"}
REST_S = 2.0
"""Between steps: what the controllers still write must not slow the next one."""


async def create(api: Api, path: str, made: Sequence[Manifest]) -> None:
    """All of them, so many side by side."""
    queue = iter(made)

    async def worker() -> None:
        for each in queue:
            await api.post(path, each)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def objects(system: CliqueSystem, nodes: Sequence[str]) -> tuple[list[Manifest], list[Manifest]]:
    """The Services and the pods, owned by nobody, as there is no set; pods pinned to nodes one after the other."""
    owner = Owner(system.metadata.name, NAMESPACE, "", CLIQUE_SET_KIND)
    maker = PodMaker(owner, system.spec)
    pods = [maker.pod(slot, 0, nodes[index % len(nodes)]) for index, slot in enumerate(slots(system.spec, {}))]
    made = CliqueObjects(owner, system, {}).services()
    for each in (*made, *pods):
        del each["metadata"]["ownerReferences"]
    return made, pods


async def gone(cluster: ControlPlane, api: Api, selector: str, left: int) -> tuple[float, float]:
    """Seconds until a deletion by label has left so many pods; and CPU seconds of the control plane until it has come to rest."""
    watching = asyncio.create_task(until(api, left))
    await asyncio.sleep(REST_S)  # it has its list by then
    used, started = cpu_seconds(cluster), time.perf_counter()
    await api.delete(PODS, labelSelector=selector)
    await watching
    took = time.perf_counter() - started
    await asyncio.sleep(REST_S)
    return round(took, 2), round(cpu_seconds(cluster) - used, 2)


def cpu_seconds(cluster: ControlPlane) -> float:
    """Of all its processes."""
    return sum(cpu_s(cluster.process(name).pid) for name in NAMES)


async def run(cluster: ControlPlane, system: CliqueSystem, *, with_services: bool) -> Row:
    """Made, half of it gone, all of it gone."""
    async with cluster.api() as api:
        names = sorted(node["metadata"]["name"] for node in await api.items("/api/v1/nodes"))
        services, pods = objects(system, names)
        if with_services:
            await create(api, SERVICES, services)
        started = time.perf_counter()
        await create(api, PODS, pods)
        await until(api, len(pods))
        row: Row = {"ready_s": round(time.perf_counter() - started, 2)}
        await asyncio.sleep(REST_S)
        half = system.spec.replicas // 2
        upper = ",".join(str(copy) for copy in range(half, system.spec.replicas))
        row["half_s"], row["half_cpu_s"] = await gone(cluster, api, f"{COPY} in ({upper})", half * pods_of(system.spec.members))
        row["gone_s"], row["gone_cpu_s"] = await gone(cluster, api, MINE["labelSelector"], 0)
        await api.delete(SERVICES, labelSelector=MINE["labelSelector"])
        await asyncio.sleep(REST_S)
        return row


def pair(system: CliqueSystem, nodes: int, turn: int) -> dict[str, Row]:
    """One new control plane, both on it."""
    with fresh(nodes, levels=bool(topology_of(system))) as cluster:
        asyncio.run(run(cluster, system, with_services=False))
        order = sorted((False, True), reverse=turn % 2 == 1)
        return {SIDES[each]: asyncio.run(run(cluster, system, with_services=each)) for each in order}


def summary(rows: Sequence[dict[str, Row]]) -> Row:
    """Medians, and how much longer it takes with Services."""
    medians = {side: {key: statistics.median(row[side][key] for row in rows) for key in rows[0][side]} for side in rows[0]}
    ratios = {key: sorted(round(row["with_services"][key] / row["without"][key], 2) for row in rows) for key in FIGURES}
    spread = {key: [found[0], statistics.median(found), found[-1]] for key, found in ratios.items()}
    return {"row": "bare services", "pairs": len(rows), "medians": medians, "ratio_min_median_max": spread}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--copies", type=int)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=100)
    args = parser.parse_args()
    system = given(args.manifest, args.copies)
    assert isinstance(system, CliqueSystem)
    rows: list[dict[str, Row]] = []
    for turn in range(args.pairs):
        rows.append(pair(system, args.nodes, turn))
        print(json.dumps(rows[-1]), flush=True)
    print(json.dumps(summary(rows)))


if __name__ == "__main__":
    main()
