"""P2: GPUs admitted from a queue that asks for more than there is, beside a proven bound.

usage: python -m benchmarks.bench_placement_p2 [--racks 32,128] [--instances 10] [--seed 1]

Half full racks of 18 x 4 GPUs in blocks of 8; gangs of 1 to 6 rack-required subgroups, each gang inside one block, all of one
priority and age, together 1.1 to 2.3 times what is free. The bound is that of `benchmarks.filling`, or
what is free, or asked, when that is less. One JSON line a size of fleet and way of asking: the mean and the worst share of the
bound. For gangs asked one after the other there is no goal: who comes first must not be delayed by who comes later.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from benchmarks.bench_placement_p1 import COUNTS, SIZES, Parts, free_by_rack, holds
from benchmarks.filling import bound
from benchmarks.inventories import fill, racks, subgroups
from specs.members import Place
from topology.demand import Demand, Granted
from topology.line.batch import solve
from topology.supply.fleet import Fleet

RACKS_A_BLOCK = 8
GOAL_SHARE, LIMIT_S = 0.97, 1.0
NAMESPACES = 4
WAYS: dict[str, Callable[[Demand, int], Demand]] = {
    "at once": lambda demand, _: demand,
    "in one second by 4 namespaces": lambda demand, index: replace(of_namespace(demand, index), batch="now"),
    "one after the other": lambda demand, index: replace(demand, age_rank=index),
}
"""How the agent would be asked: what has one age, or was asked in one second, is solved together."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--racks", default="32,128")
    options.add_argument("--instances", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    for count in map(int, chosen.racks.split(",")):
        for found in rows(count, chosen.instances, chosen.seed):
            print(json.dumps(found), flush=True)


def rows(count: int, instances: int, seed: int) -> Iterator[dict[str, object]]:
    """One size of fleet, over all instances, each asked in every way."""
    shares: dict[str, list[float]] = {name: [] for name in WAYS}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for number in range(instances):
        fleet, gangs = instance(count, 1_000_000 * seed + 1_000 * count + number)
        free = free_by_rack(fleet)
        most = min(bound(gangs, free), sum(map(sum, free)), sum(map(gpus, gangs)))
        for name, way in WAYS.items():
            demands = [way(asked(parts, index), index) for index, parts in enumerate(gangs)]
            started, busy = time.perf_counter(), time.process_time()
            answers = solve(fleet, demands)
            times[name].append((time.perf_counter() - started, time.process_time() - busy))
            admitted = sum(gpus(parts) for parts, answer in zip(gangs, answers, strict=True) if isinstance(answer, Granted))
            shares[name].append(admitted / most)
    for name in WAYS:
        wall, cpu = zip(*times[name], strict=True)
        yield {
            "row": "P2", "racks": count, "asked": name, "instances": instances,
            "admitted_to_bound_mean": round(float(np.mean(shares[name])), 4),
            "admitted_to_bound_min": round(min(shares[name]), 4), "goal": GOAL_SHARE, "p50_s": round(float(np.median(wall)), 3),
            "max_s": round(max(wall), 3), "cpu_p50_s": round(float(np.median(cpu)), 3), "cpu_max_s": round(max(cpu), 3),
            "limit_s": LIMIT_S,
        }  # fmt: skip


def instance(count: int, seed: int) -> tuple[Fleet, list[Parts]]:
    """Half full racks, and gangs that each fit an empty queue's block, by its free GPUs."""
    fleet = Fleet(nodes=racks(count, 18, 4, RACKS_A_BLOCK))
    fill(fleet, 0.5, seed)
    rng = random.Random(seed)
    free = free_by_rack(fleet)
    goal = rng.uniform(1.1, 2.3) * sum(map(sum, free))
    gangs: list[Parts] = []
    while sum(map(gpus, gangs)) < goal:
        parts = [(rng.choice(COUNTS), rng.choice(SIZES)) for _ in range(rng.randint(1, 6))]
        if all(any(holds(rack, [part]) for rack in free) for part in parts):
            gangs.append(parts)
    return fleet, gangs


def asked(parts: Parts, index: int) -> Demand:
    """A gang of subgroups inside one block, of a system of its own."""
    demand = subgroups(parts, f"g{index}")
    root = replace(demand.gang.root, place=Place(within="block"))
    return replace(demand, gang=replace(demand.gang, root=root), system=f"default/s{index:04}")


def of_namespace(demand: Demand, index: int) -> Demand:
    """One of four namespaces, which take turns."""
    return replace(demand, system=f"n{index % NAMESPACES}/s{index:04}", age_rank=index)


def gpus(parts: Parts) -> int:
    """What a gang asks for in all."""
    return sum(pods * size for pods, size in parts)


if __name__ == "__main__":
    main()
