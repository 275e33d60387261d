"""P1: a nested gang is found when a placement exists, and refused with proof when none does.

usage: python -m benchmarks.bench_placement_p1 [--instances 300] [--seed 1] [--loads 70,80,90,95]

One block of 8 racks x 18 nodes x 4 GPUs, half full at random; a gang of rack-required subgroups that asks for a share (the load)
of what is free. HiGHS says which instances are feasible. One JSON line a load: ours, and a greedy in the manner of the field
(each subgroup, in the order written, into the first rack that takes it; none is moved again), on the same instances.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence

import highspy
import numpy as np

from benchmarks.inventories import GPU, fill, racks, subgroups
from topology.demand import Granted
from topology.placement import place
from topology.supply.fleet import Fleet

SIZES, COUNTS = (1, 2, 4, 4, 4), (1, 2, 4, 4, 8, 8, 16)
QUANTA = (1, 2, 4)
LIMIT_P99_MS = 50.0
Parts = list[tuple[int, int]]
Racks = list[list[int]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--instances", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--loads", default="70,80,90,95")
    chosen = options.parse_args()
    for load in chosen.loads.split(","):
        print(json.dumps(row(int(load), chosen.instances, chosen.seed)), flush=True)


def row(load: int, instances: int, seed: int) -> dict[str, object]:
    """One load, over all instances."""
    found = greedy = feasible = proven = wrong = 0
    times: list[float] = []
    cpu: list[float] = []
    for number in range(instances):
        fleet, parts = instance(load, 1_000_000 * seed + 1_000 * load + number)
        free = free_by_rack(fleet)
        possible = exists(parts, free)
        started, cpu_started = time.perf_counter(), time.process_time()
        answer = place(fleet, subgroups(parts))
        times.append((time.perf_counter() - started) * 1000)
        cpu.append((time.process_time() - cpu_started) * 1000)
        granted = isinstance(answer, Granted)
        feasible += possible
        found += granted and possible
        wrong += granted and not possible
        proven += not possible and not isinstance(answer, Granted) and answer.code != "SearchLimit"
        greedy += first_fit(parts, free)
    return {
        "row": "P1", "load_percent": load, "instances": instances, "feasible": feasible, "found": found, "wrong": wrong,
        "found_share": round(found / max(1, feasible), 4), "limit": 1.0,
        "greedy_of_the_field_share": round(greedy / max(1, feasible), 4),
        "infeasible": instances - feasible, "proven_infeasible": proven,
        "p50_ms": round(float(np.percentile(times, 50)), 2), "p99_ms": round(float(np.percentile(times, 99)), 2),
        "max_ms": round(max(times), 2), "cpu_p99_ms": round(float(np.percentile(cpu, 99)), 2), "limit_p99_ms": LIMIT_P99_MS,
    }  # fmt: skip


def instance(load: int, seed: int) -> tuple[Fleet, Parts]:
    """A half full block, and subgroups that ask for `load` percent of what is free, none larger than any rack could hold."""
    fleet = Fleet(nodes=racks(8, 18, 4))
    fill(fleet, 0.5, seed)
    rng = random.Random(seed)
    free = free_by_rack(fleet)
    goal = load * sum(map(sum, free)) // 100
    parts: Parts = []
    while (left := goal - sum(pods * size for pods, size in parts)) > 0:
        pods, size = rng.choice(COUNTS), rng.choice(SIZES)
        if pods * size <= left and any(holds(rack, [(pods, size)]) for rack in free):
            parts.append((pods, size))
    fleet.room().fits(subgroups(parts).shapes[f"s{parts[0][1]}/w"])  # a living agent has counted before
    return fleet, parts


def free_by_rack(fleet: Fleet) -> Racks:
    """Free GPUs of each node, rack by rack."""
    room = fleet.room()
    free = room.free[:, room.columns[GPU]].tolist()
    stretch = room.layout.stretches[-1]
    return [free[low:high] for low, high in zip(stretch.start, stretch.stop, strict=True)]


def holds(rack: Sequence[int], parts: Parts) -> bool:
    """Whether pods of sizes that divide each other fit a rack: for every quantum, the larger ones must."""
    return all(
        sum(pods * size for pods, size in parts if size >= quantum) <= sum(quantum * (free // quantum) for free in rack)
        for quantum in QUANTA
    )


def first_fit(parts: Parts, free: Racks) -> bool:
    """Greedy in the manner of the field."""
    inside: list[Parts] = [[] for _ in free]
    for part in parts:
        rack = next((index for index, rack in enumerate(free) if holds(rack, [*inside[index], part])), None)
        if rack is None:
            return False
        inside[rack].append(part)
    return True


def exists(parts: Parts, free: Racks) -> bool:
    """Whether any placement exists: x[kind, rack] subgroups of a kind in a rack, solved by HiGHS."""
    kinds = sorted(set(parts))
    model = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
    model.setOptionValue("output_flag", False)
    x = {(kind, rack): model.addIntegral(lb=0, ub=parts.count(kind)) for kind in kinds for rack in range(len(free))}
    for kind in kinds:
        model.addConstr(
            sum((x[kind, rack] for rack in range(len(free))), start=highspy.highs.highs_linear_expression()) == parts.count(kind)
        )
    for rack, hosts in enumerate(free):
        for quantum in QUANTA:
            terms = [kind[0] * kind[1] * x[kind, rack] for kind in kinds if kind[1] >= quantum]
            if terms:
                room = sum(quantum * (host // quantum) for host in hosts)
                model.addConstr(sum(terms, start=highspy.highs.highs_linear_expression()) <= room)
    model.run()
    return model.getModelStatus() == highspy.HighsModelStatus.kOptimal


if __name__ == "__main__":
    main()
