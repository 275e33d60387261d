"""P3: a service whose replicas may spread over racks touches as few racks as can be.

usage: python -m benchmarks.bench_placement_p3 [--instances 10] [--seed 1]

Half full racks of 18 x 4 GPUs; a service of so many replicas of a few classes, each replica (pods, GPUs each) inside one rack,
that prefers racks. The bound is that of `benchmarks.filling`. One JSON
line a size: racks touched by ours to that bound, the mean and the worst.
"""

import argparse
import json
import random
import time
from dataclasses import replace

import numpy as np

from benchmarks.bench_placement_p1 import COUNTS, SIZES, Parts, free_by_rack, holds
from benchmarks.filling import least
from benchmarks.inventories import fill, racks, subgroups
from specs.members import Place
from topology.demand import Demand, Granted
from topology.placement import place
from topology.supply.fleet import Fleet

SIZES_OF = ((128, 20, 2), (512, 200, 3), (512, 500, 4))
"""Racks, replicas, classes."""
GOAL_SHARE, LIMIT_MS = 1.02, 50.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--instances", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    for size in SIZES_OF:
        print(json.dumps(row(*size, chosen.instances, chosen.seed)), flush=True)


def row(count: int, replicas: int, classes: int, instances: int, seed: int) -> dict[str, object]:
    """One size, over all instances."""
    shares: list[float] = []
    times: list[float] = []
    cpu: list[float] = []
    for number in range(instances):
        fleet, parts = instance(count, replicas, classes, 1_000_000 * seed + 1_000 * replicas + number)
        fewest = least(parts, free_by_rack(fleet))
        demand = asked(parts)
        place(fleet, demand)  # a living agent has counted before
        started, busy = time.perf_counter(), time.process_time()
        answer = place(fleet, demand)
        times.append((time.perf_counter() - started) * 1000)
        cpu.append((time.process_time() - busy) * 1000)
        assert isinstance(answer, Granted)
        shares.append(len({fleet.domain(node, "rack") for node in answer.nodes.values()}) / fewest)
    return {
        "row": "P3", "racks": count, "replicas": replicas, "classes": classes, "instances": instances,
        "touched_to_bound_mean": round(float(np.mean(shares)), 4), "touched_to_bound_max": round(max(shares), 4),
        "goal": GOAL_SHARE, "p50_ms": round(float(np.median(times)), 1), "max_ms": round(max(times), 1),
        "cpu_p50_ms": round(float(np.median(cpu)), 1), "cpu_max_ms": round(max(cpu), 1), "limit_ms": LIMIT_MS,
    }  # fmt: skip


def instance(count: int, replicas: int, classes: int, seed: int) -> tuple[Fleet, Parts]:
    """Half full racks, and replicas of a few classes that ask for no more than two thirds of what is free."""
    fleet = Fleet(nodes=racks(count, 18, 4))
    fill(fleet, 0.5, seed)
    rng, free = random.Random(seed), free_by_rack(fleet)
    while True:
        kinds = [(rng.choice(COUNTS), rng.choice(SIZES)) for _ in range(classes)]
        parts = [rng.choice(kinds) for _ in range(replicas)]
        fits = all(sum(holds(rack, [kind]) for rack in free) >= count // 2 for kind in kinds)
        if fits and sum(pods * size for pods, size in parts) * 3 < 2 * sum(map(sum, free)):
            return fleet, parts


def asked(parts: Parts) -> Demand:
    """A service that prefers racks, each replica inside one."""
    demand = subgroups(parts)
    return replace(demand, gang=replace(demand.gang, root=replace(demand.gang.root, place=Place(prefer="rack"))))


if __name__ == "__main__":
    main()
