"""W1: a system of many copies x 2 pods, declared -> created -> Ready -> gone, beside a bare client on the same cluster.

usage: python -m benchmarks.cluster_w1 --floor FLOOR.py [--copies 500] [--start anyOrder|inOrder] [--pairs 5] [--nodes 100]
                                       [--manifest FILE]  (W1g: a PodCliqueSet, with all the objects that Grove makes;
                                                           where it names a topology, nodes have its levels)

Each pair is a new control plane on which, after an uncounted run of the bare client (the first thousand pods of a new API server
are twice as quick as those that follow), the bare client runs first and Espalier second (by turns first). It prints one JSON
line; the last line has the medians, their ratios, and the API writes per pod, which a further run counts from the audit log.
`--floor` is any program that takes --server, --token, --pods and --mode, and prints JSON with created_s, ready_s and gone_s.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from activities.cluster.kube import BINDINGS
from benchmarks.processes import cpu_s, served
from specs.grove import CliqueSystem
from specs.owners import GROVE_API_VERSION
from specs.reading import read
from specs.system import InferenceSystem, pods_of
from tests.cluster.api import Api, Json
from tests.cluster.components import Tuning
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import apply_nodes, condition, until_nodes_ready
from tests.running import AGENT, TEMPORAL, WORKER, Espalier
from workers.simulated import fleets
from workflows.client import Systems

NAME, NAMESPACE = "w1", "default"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MINE = {"labelSelector": "espalier.dev/system"}
TIMEOUT_S = 900
COPIES = 500
REST_S = 5
"""After a start: the API server takes some seconds until it serves new definitions well."""
WRITES = {"create", "update", "patch", "delete", "deletecollection"}
Row = dict[str, Any]


def declared(copies: int, start: str) -> InferenceSystem:
    """Copies of a leader and a worker, each as small as the bare client's pods."""
    resources = {"requests": {"memory": "1Mi"}}
    template = {
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "busybox", "resources": resources}]}
    }
    members = [{"role": name, "replicas": 1, "template": template} for name in ("leader", "worker")]
    spec = {"replicas": copies, "start": start, "services": "none", "members": members}
    return InferenceSystem.model_validate({"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec})


def given(manifest: Path, copies: int | None) -> InferenceSystem:
    """What a manifest declares; with so many copies, if that is said."""
    document = yaml.safe_load(manifest.read_text())
    if copies is not None:
        document["spec"]["replicas"] = copies
    (system,) = read(json.dumps(document), manifest.name)
    assert isinstance(system, InferenceSystem)
    return system


def topology_of(system: InferenceSystem) -> str:
    """Name of the ClusterTopologyBinding that it goes by; "" where it needs none."""
    return system.topology if isinstance(system, CliqueSystem) else ""


def pods_in(system: InferenceSystem) -> int:
    """Pods of all copies."""
    return system.spec.replicas * pods_of(system.spec.members)


async def floor(cluster: ControlPlane, program: Path, pods: int) -> Row:
    """The bare client's figures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), "--server", cluster.access.server, "--token", cluster.access.token,
        "--pods", str(pods), "--mode", "affinity", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    found: Row = json.loads(printed)
    return {key: found[key] for key in ("created_s", "ready_s", "gone_s")}


async def ours(cluster: ControlPlane, system: InferenceSystem) -> Row:
    """Espalier's figures, and its processes' CPU seconds from declared to Ready."""
    with served(cluster, "W1") as house:
        async with cluster.api() as api:
            systems = await connected(house)
            await bind(api, topology_of(system))
            before = cpu_seconds(house)
            row = await measured(api, systems, system)
            return row | {f"{name}_cpu_s": round(used - before[name], 2) for name, used in cpu_seconds(house).items()}


async def bind(api: Api, topology: str) -> None:
    """Declare the levels that nodes of `fresh(levels=True)` have."""
    if topology:
        keys = {level: f"kubernetes.io/{level}" for level in fleets.GROVE_LEVELS} | {"host": "kubernetes.io/hostname"}
        spec = {"levels": [{"domain": level, "key": key} for level, key in keys.items()]}
        manifest = {"apiVersion": GROVE_API_VERSION, "kind": BINDINGS.kind, "metadata": {"name": topology}, "spec": spec}
        await api.patch(f"/apis/{GROVE_API_VERSION}/{BINDINGS.plural}/{topology}", manifest, "apply", fieldManager="benchmark")


async def connected(house: Espalier) -> Systems:
    """A client, once worker and agent do their work."""
    while True:
        try:
            systems = await Systems.connect(house.address)
        except RuntimeError:  # its port is open before it is well
            await asyncio.sleep(0.1)
        else:
            await systems.until_served()
            await asyncio.sleep(REST_S)
            return systems


async def measured(api: Api, systems: Systems, system: InferenceSystem) -> Row:
    """Declared, created, Ready, gone."""
    started = time.perf_counter()
    watching = asyncio.create_task(created_and_ready(api, pods_in(system), started))
    await systems.apply(system)
    row = await asyncio.wait_for(watching, TIMEOUT_S)
    started = time.perf_counter()
    await systems.delete(NAMESPACE, system.metadata.name)
    while (await api.get(PODS, limit="1", **MINE))["items"]:  # noqa: ASYNC110 - the API server is asked, nobody in this process knows
        await asyncio.sleep(0.1)
    return row | {"gone_s": round(time.perf_counter() - started, 2)}


async def created_and_ready(api: Api, wanted: int, started: float) -> Row:
    """Seconds until so many pods were seen, and until so many were Ready."""
    created: set[str] = set()
    ready: set[str] = set()
    row: Row = {}
    async for pod in changes(api):
        name = pod["metadata"]["name"]
        created.add(name)
        (ready.add if condition(pod, "Ready") == "True" else ready.discard)(name)
        elapsed = round(time.perf_counter() - started, 2)
        row.setdefault("first_s", elapsed)
        if len(created) >= wanted:
            row.setdefault("created_s", elapsed)
        if len(ready) >= wanted:
            break
    return row | {"ready_s": round(time.perf_counter() - started, 2)}


async def changes(api: Api) -> AsyncGenerator[Json]:
    """Every change of our pods. A server that finds us slow ends the watch; it goes on from where it was."""
    since = (await api.get(PODS, limit="1"))["metadata"]["resourceVersion"]
    while True:
        async with aclosing(api.watch(PODS, since, **MINE)) as events:
            async for event in events:
                since = event["object"]["metadata"]["resourceVersion"]
                yield event["object"]


def cpu_seconds(house: Espalier) -> dict[str, float]:
    """User and system seconds of each process so far."""
    return {name: cpu_s(house.process(name).pid) for name in (AGENT, WORKER, TEMPORAL)}


@contextmanager
def fresh(nodes: int, *, audit: bool = False, levels: bool = False) -> Generator[ControlPlane]:
    """A new control plane with so many nodes that are Ready; `levels`: in zones, blocks and racks."""
    with ControlPlane(Tuning(audit=audit)) as cluster:
        asyncio.run(_populate(cluster, nodes, levels=levels))
        yield cluster


async def _populate(cluster: ControlPlane, nodes: int, *, levels: bool) -> None:
    made = list(fleets.plain(nodes))
    for index, node in enumerate(made):
        node["metadata"]["labels"] |= fleets.grove_labels(index) if levels else {}
    async with cluster.api() as api:
        await apply_nodes(api, made)
        await until_nodes_ready(api, nodes)


def writes(log: Path, user_agent: str = "espalier") -> dict[str, int]:
    """Our successful writes by verb and resource, from an audit log."""
    found: dict[str, int] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if entry["verb"] not in WRITES or entry.get("userAgent", "") != user_agent:
            continue
        where = entry.get("objectRef", {})
        key = f"{entry['verb']} {where.get('resource', '')}/{where.get('subresource', '')}".rstrip("/")
        found[key] = found.get(key, 0) + 1
    return found


def pair(args: argparse.Namespace, turn: int) -> Row:
    """One new control plane, both on it, by turns first."""
    system = wanted(args)
    with fresh(args.nodes, levels=bool(topology_of(system))) as cluster:
        asyncio.run(floor(cluster, args.floor, pods_in(system)))
        runs = {"floor": lambda: floor(cluster, args.floor, pods_in(system)), "ours": lambda: ours(cluster, system)}
        return {name: asyncio.run(runs[name]()) for name in sorted(runs, reverse=turn % 2 == 1)}


def counted(args: argparse.Namespace) -> Row:
    """API writes per pod from declared to Ready, and in all until it is gone."""
    system = wanted(args)
    with fresh(args.nodes, audit=True, levels=bool(topology_of(system))) as cluster:
        asyncio.run(ours(cluster, system))
        found = writes(cluster.layout.folder / "audit.log")
    creating = sum(count for key, count in found.items() if not key.startswith("delete"))
    return {"creation_writes_per_pod": round(creating / pods_in(system), 3), "writes": found}


def wanted(args: argparse.Namespace) -> InferenceSystem:
    """What is declared in each run."""
    return given(args.manifest, args.copies) if args.manifest else declared(args.copies or COPIES, args.start)


def summary(rows: list[Row], name: str, limit: float) -> Row:
    """Medians of each figure, and of the ratios pair by pair with their spread."""
    medians = {
        side: {key: statistics.median(row[side][key] for row in rows) for key in rows[0][side]} for side in ("floor", "ours")
    }
    ratios = {key: sorted(row["ours"][key] / row["floor"][key] for row in rows) for key in ("created_s", "ready_s", "gone_s")}
    spread = {key: [round(found[0], 2), round(statistics.median(found), 2), round(found[-1], 2)] for key, found in ratios.items()}
    return {"row": name, "pairs": len(rows), "medians": medians, "ratio_min_median_max": spread, "limit_ready_ratio": limit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", type=Path, required=True)
    parser.add_argument("--copies", type=int, help=f"{COPIES}, or as many as the manifest says")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--start", choices=["anyOrder", "inOrder"], default="anyOrder")
    parser.add_argument("--manifest", type=Path)
    args = parser.parse_args()
    name, limit = ("W1g", 3.5) if args.manifest else ("W1", 1.5)
    rows: list[Row] = []
    for turn in range(args.pairs):
        rows.append(pair(args, turn))
        print(json.dumps(rows[-1]), flush=True)
    print(json.dumps(summary(rows, name, limit) | counted(args)))


if __name__ == "__main__":
    main()
