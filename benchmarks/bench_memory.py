"""Memory: what the agent holds of a fleet of 100,000 GPUs, and how quickly it answers while pods come and go.

usage: python -m benchmarks.bench_memory [--gpus 100000] [--rate 200] [--seconds 10] [--seed 1]

The agent's own stores take in a list of all nodes and pods, trimmed as they are in the agent, and its fleet counts them: racks of
18 nodes x 4 GPUs, four in five full and the others half full, each host that is used by a pod of 4 GPUs. Then so many pod events
a second come in, half of them new pods and half that go; after every ten a gang of 8 rack-required subgroups asks for room.
One JSON line: memory of the whole process, the times of the answers, and the share of a core that the events take.
"""

import argparse
import gc
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

from activities.cache.store import Store
from activities.cache.trim import trimmed_node, trimmed_pod
from activities.cluster.kube import Event, Listing
from benchmarks.inventories import GPU, racks, subgroups
from topology.placement import place
from topology.supply.fleet import Fleet

LIMIT_MIB, LIMITS_MS = 500, (1.0, 5.0)
EVENTS_A_GANG = 10
HOSTS, GPUS = 18, 4


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gpus", type=int, default=100_000)
    options.add_argument("--rate", type=int, default=200)
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    held = Held(chosen.gpus, chosen.seed)
    gc.collect()
    before = rss_mib()
    answers, events_s = held.lives(chosen.rate * chosen.seconds)
    print(json.dumps({
        "row": "memory", "gpus": chosen.gpus, "nodes": len(held.nodes.objects), "pods": len(held.pods.objects),
        "rss_mib": round(before, 1), "rss_mib_after": round(rss_mib(), 1), "limit_mib": LIMIT_MIB,
        "events": chosen.rate * chosen.seconds, "event_us": round(events_s / (chosen.rate * chosen.seconds) * 1e6, 1),
        "events_percent_of_a_core": round(events_s / chosen.seconds * 100, 2),
        "answers": len(answers), "cpu_p50_ms": round(float(np.quantile(answers, 0.5)), 3),
        "cpu_p99_ms": round(float(np.quantile(answers, 0.99)), 3), "limit_p50_ms": LIMITS_MS[0], "limit_p99_ms": LIMITS_MS[1],
    }))  # fmt: skip


class Held:
    """The stores of nodes and pods, and the fleet."""

    def __init__(self, gpus: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.version = 0
        self.nodes, self.pods, self.fleet = Store(trimmed_node), Store(trimmed_pod), Fleet()
        nodes = [self._versioned(each) for each in racks(-(-gpus // (HOSTS * GPUS)), HOSTS, GPUS)]
        self.names = [each["metadata"]["name"] for each in nodes]
        self.nodes.listed(Listing([trimmed_node(each) for each in nodes], self.version))
        loose = set(self.rng.sample(range(len(nodes) // HOSTS), len(nodes) // HOSTS // 5))
        used = [n for n in range(len(nodes)) if n // HOSTS not in loose or self.rng.random() < 0.5]
        pods = (trimmed_pod(self._pod(number, self.names[host])) for number, host in enumerate(used))
        self.pods.listed(Listing([*pods], self.version))
        self.there = list(self.pods.objects.values())
        self.made = len(self.there)
        for node in self.nodes.objects.values():
            self.fleet.put_node(node)
        for pod in self.there:
            self.fleet.put_pod(pod)

    def lives(self, events: int) -> tuple[list[float], float]:
        """So many events; milliseconds of CPU of each answer between them, and seconds of CPU of all events."""
        demand, answers, spent = subgroups([(2, 4)] * 8), list[float](), 0.0
        place(self.fleet, demand)
        for _ in range(events // EVENTS_A_GANG):
            started = time.process_time()
            for _ in range(EVENTS_A_GANG // 2):
                self._goes()
                self._comes()
            middle = time.process_time()
            place(self.fleet, demand)
            answers.append((time.process_time() - middle) * 1000)
            spent += middle - started
        return answers, spent

    def _goes(self) -> None:
        place = self.rng.randrange(len(self.there))
        self.there[place], self.there[-1] = self.there[-1], self.there[place]
        self.version += 1
        gone = self.there.pop()
        metadata = {**gone["metadata"], "resourceVersion": str(self.version)}
        for old, _ in self.pods.event(Event("DELETED", {**gone, "metadata": metadata})):
            if old is not None:
                self.fleet.drop_pod(old)

    def _comes(self) -> None:
        room = self.fleet.room()
        free = np.flatnonzero(room.free[:, room.columns[GPU]] >= GPUS)
        self.made += 1
        pod = self._pod(self.made, room.layout.names[int(free[self.rng.randrange(len(free))])])
        for _, new in self.pods.event(Event("ADDED", pod)):
            if new is not None:
                self.there.append(new)
                self.fleet.put_pod(new)

    def _pod(self, number: int, node: str) -> dict[str, Any]:
        asked = {GPU: str(GPUS), "cpu": "64", "memory": "400Gi"}
        name = f"job-{number}"
        return self._versioned({
            "metadata": {"name": name, "namespace": "others", "uid": f"uid-{number}", "labels": {"app": name}},
            "spec": {"nodeName": node, "containers": [{"name": "main", "image": "server:1", "resources": {"requests": asked}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        })  # fmt: skip

    def _versioned(self, item: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        return {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}


def rss_mib() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
