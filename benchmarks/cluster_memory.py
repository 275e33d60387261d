"""Memory of the real agent at 100,000 GPUs, and how quickly it answers while pods come and go.

usage: python -m benchmarks.cluster_memory [--gpus 100000] [--rate 200] [--systems 60] [--seed 1]

Temporal, a worker and an agent run as for their users, on the simulated cluster: racks of 18 nodes x 4 GPUs, four in five full
and the others half full, each used host by a pod of 4 GPUs. Nodes and pods are as large as real ones (`lifelike`). So many pod
events a second come in, half of them new pods and half that go; every second a system is declared whose 8 groups need a rack
each, and deleted when it has its places. One JSON line: the agent's peak of memory (VmHWM) before and after, the times of its
solver (`gangs_solved` in its log: by the clock, with the trip to its thread and whoever else wants the core, and of CPU), from
declared to pinned, and CPU.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from activities.cache.pods import pin_of
from benchmarks.inventories import GPU, racks
from benchmarks.lifelike import lifelike_node, lifelike_pod
from benchmarks.processes import MIB_KIB, cpu_s
from specs.names import SYSTEM
from specs.owners import Manifest
from specs.sections import section
from specs.system import InferenceSystem
from tests.running import AGENT, Espalier
from workers.simulated.cluster import Cluster
from workers.simulated.kinds import NODES, PODS
from workers.simulated.serving import running
from workflows.client import Systems

LIMIT_MIB, LIMITS_MS = 500, {"p50": 1.0, "p99": 5.0}
HOSTS, GPUS, GROUPS, PODS_A_GROUP = 18, 4, 8, 2
TICK_S, REST_S, TIMEOUT_S, SERVED_S = 0.05, 5.0, 60.0, 300.0
NAMESPACE = "default"
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--systems", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(measured(args.gpus, args.rate, args.systems, args.seed))))


async def measured(gpus: int, rate: int, systems: int, seed: int) -> Row:
    """Everything, in order."""
    fleet = Fleet(gpus, seed)
    with tempfile.TemporaryDirectory() as folder:
        async with running(fleet.cluster, 0, Path(folder) / "kubeconfig"):
            with Espalier(Path(folder) / "kubeconfig", {"ESPALIER_LOG_LEVEL": "info"}) as house:
                client, agent = await connected(house), house.process(AGENT)
                await asyncio.sleep(REST_S)
                row: Row = {"row": "agent", "gpus": gpus, "nodes": fleet.cluster.node_count, "pods": len(fleet.there)}
                row |= {"peak_mib": peak_mib(agent.pid), "limit_mib": LIMIT_MIB}
                before, started = cpu_s(agent.pid), time.perf_counter()
                async with fleet.lives(rate):
                    pinned = [await answered(client, fleet, index) for index in range(systems)]
                spent = time.perf_counter() - started
                row |= {"peak_mib_after": peak_mib(agent.pid), "events_a_second": round(fleet.events / spent, 1)}
                row |= {"solved_ms": quantiles(solved(agent.log, "elapsed_ms")), "limit_solved_ms": LIMITS_MS}
                row |= {"solved_cpu_ms": quantiles(solved(agent.log, "cpu_ms"))}
                row |= {"declared_to_pinned_ms": quantiles(pinned)}
                return row | {"cpu_percent_of_a_core": round(100 * (cpu_s(agent.pid) - before) / spent, 1)}


async def connected(house: Espalier) -> Systems:
    """A client, once the agent has read all there is."""
    while True:
        with suppress(RuntimeError):  # its port is open before it is well
            client = await Systems.connect(house.address)
            await client.until_served(SERVED_S)
            return client
        await asyncio.sleep(TICK_S)


async def answered(client: Systems, fleet: "Fleet", index: int) -> float:
    """Milliseconds from declaring a system until all of its pods are created on their nodes; then it is deleted."""
    system, begun = declared(index), time.perf_counter()
    pinned = asyncio.create_task(fleet.pinned(system.metadata.name, GROUPS * PODS_A_GROUP))
    await client.apply(system)
    await asyncio.wait_for(pinned, TIMEOUT_S)
    spent = (time.perf_counter() - begun) * 1000
    await client.delete(NAMESPACE, system.metadata.name)
    await asyncio.sleep(max(0.0, begun + 1 - time.perf_counter()))
    return spent


def declared(index: int) -> InferenceSystem:
    """8 groups of 2 pods of 4 GPUs, each in one rack."""
    resources = {"requests": {GPU: str(GPUS), "cpu": "64", "memory": "400Gi"}}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": "server:1", "resources": resources}]}
    role = {"role": "worker", "replicas": PODS_A_GROUP, "template": {"spec": pod}}
    group = {"group": "server", "replicas": GROUPS, "minAvailable": GROUPS, "place": {"within": "rack"}, "members": [role]}
    spec = {"services": "none", "members": [group]}
    return InferenceSystem.model_validate({"metadata": {"name": f"asks-{index}", "namespace": NAMESPACE}, "spec": spec})


class Fleet:
    """The simulated cluster, and others' pods on it, which come and go."""

    def __init__(self, gpus: int, seed: int) -> None:
        self.rng, self.cluster = random.Random(seed), Cluster()
        self.cluster.add_nodes(map(lifelike_node, racks(-(-gpus // (HOSTS * GPUS)), HOSTS, GPUS)))
        names = [each["metadata"]["name"] for each in self.cluster.objects.all(NODES)]
        loose = set(self.rng.sample(range(len(names) // HOSTS), len(names) // HOSTS // 5))
        used = [n for n in range(len(names)) if n // HOSTS not in loose or self.rng.random() < 0.5]
        self.free = [name for n, name in enumerate(names) if n not in set(used)]
        self.made = self.events = 0
        self.there = [self._comes(names[host]) for host in used]
        self.cluster.settle()

    async def pinned(self, system: str, wanted: int) -> None:
        """Return once so many pods of a system were made that can go to one node only."""
        objects, pods = self.cluster.objects, set[str]()
        since = objects.version
        while len(pods) < wanted:
            changed, changes = objects.changed, objects.since(since)
            since = objects.version
            for change in changes or ():
                labels = section(change.new, "metadata", "labels") if change.plural == PODS.plural else {}
                if labels.get(SYSTEM) == system and pin_of(change.new["spec"]):
                    pods.add(change.new["metadata"]["name"])
            if changed is objects.changed:
                await changed.wait()

    @asynccontextmanager
    async def lives(self, rate: int) -> AsyncGenerator[None]:
        """So many events a second meanwhile."""
        going = asyncio.create_task(self._live(rate))
        yield
        going.cancel()
        with suppress(asyncio.CancelledError):
            await going

    async def _live(self, rate: int) -> None:
        begun, done = time.perf_counter(), 0
        while True:
            while done < (time.perf_counter() - begun) * rate / 2:
                done += 1
                self._swap()
            self.events = 2 * done
            await asyncio.sleep(TICK_S)

    def _swap(self) -> None:
        """One goes, and one comes on a host that has room."""
        gone = self.there.pop(self.rng.randrange(len(self.there)))
        self.cluster.objects.drop(PODS, gone)
        node = self.free.pop(self.rng.randrange(len(self.free)))
        self.free.append(gone["spec"]["nodeName"])
        self.there.append(self._comes(node))

    def _comes(self, node: str) -> Manifest:
        self.made += 1
        return self.cluster.objects.put(PODS, lifelike_pod(self.made, node))


def peak_mib(pid: int) -> float:
    """The most that a process has held so far."""
    found = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return round(int(found["VmHWM"].split()[0]) / MIB_KIB, 1)


def solved(log: Path, measure: str) -> list[float]:
    """What the solver took, each time that it had something to solve, in one of the measures that its log has."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if '"gangs_solved"' in line]
    return [float(json.loads(line)[measure]) for line in lines]


def quantiles(found: list[float]) -> Row:
    """How many, and how they are spread."""
    named = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {"count": len(found), **{name: round(float(np.quantile(found, each)), 2) for name, each in named.items()}}


if __name__ == "__main__":
    main()
