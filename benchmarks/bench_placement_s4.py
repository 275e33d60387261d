"""S4: one gang of 8 rack-required subgroups (2 pods of 4 GPUs each) in fleets of 1k, 10k and 100k GPUs, 90 % full.

usage: python -m benchmarks.bench_placement_s4 [--gangs 200] [--seed 1] [--gpus 1000,10000,100000]

Racks of 18 nodes x 4 GPUs, four in five full and the others half full. Between two gangs 20 pods come and go, as they do in a
living cluster. One JSON line a fleet size for a gang that fits, one for a gang that can't (16 pods a subgroup), one for growth.
"""

import argparse
import json
import random
import time
import tracemalloc
from itertools import pairwise

import numpy as np

from benchmarks.inventories import GPU, fill_racks, racks, shape, subgroups
from topology.demand import Demand, Granted
from topology.placement import place
from topology.supply.fleet import Fleet

LIMITS_MS = (1.0, 5.0)
CHURN = 20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gangs", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--gpus", default="1000,10000,100000")
    chosen = options.parse_args()
    rows = [row(int(gpus), chosen.gangs, chosen.seed) for gpus in chosen.gpus.split(",")]
    for one, other in pairwise(rows):
        fleet, cost = (other[key] / one[key] for key in ("gpus", "p50_ms"))
        print(
            json.dumps(
                {"row": "S4 growth", "fleet_times": round(fleet, 1), "p50_times": round(cost, 2), "limit": round(fleet, 1)}
            )
        )


def row(gpus: int, gangs: int, seed: int) -> dict[str, float]:
    """One fleet size."""
    tracemalloc.start()
    started = time.perf_counter()
    fleet = Fleet(nodes=racks(-(-gpus // 72), 18, 4))
    fill_racks(fleet, 0.9, seed)
    built_s = time.perf_counter() - started
    held_mb = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    found: dict[str, float] = {"gpus": gpus, "gangs": gangs, "built_s": round(built_s, 2), "held_mb": round(held_mb, 1)}
    fits = found | measured(fleet, subgroups([(2, 4)] * 8), gangs, seed)
    print(json.dumps({"row": "S4", **fits}), flush=True)
    print(json.dumps({"row": "S4 refused", **found, **measured(fleet, subgroups([(16, 4)] * 8), gangs, seed)}), flush=True)
    return fits


def measured(fleet: Fleet, demand: Demand, gangs: int, seed: int) -> dict[str, float]:
    """Times of placing one gang again and again in a fleet that changes."""
    place(fleet, demand)
    wall: list[float] = []
    cpu: list[float] = []
    placed = 0
    rng = random.Random(seed)
    for number in range(gangs):
        churn(fleet, rng, number)
        before, cpu_before = time.perf_counter(), time.process_time()
        answer = place(fleet, demand)
        wall.append((time.perf_counter() - before) * 1000)
        cpu.append((time.process_time() - cpu_before) * 1000)
        placed += isinstance(answer, Granted)
    limits = {"limit_p50_ms": LIMITS_MS[0], "limit_p99_ms": LIMITS_MS[1]}
    return {"placed": placed, **quantiles("", wall), **quantiles("cpu_", cpu), **limits}


def churn(fleet: Fleet, rng: random.Random, number: int) -> None:
    """Pods come and go: as many as leave, and on hosts with room."""
    room = fleet.room()
    free, names = room.free[:, room.columns[GPU]], room.layout.names
    for index in range(CHURN):
        fleet.revoke(f"churn{number - 1}-{index}")
        host = rng.randrange(len(names))
        if free[host] >= 1:
            fleet.grant(f"churn{number}-{index}", ("other", "", f"c{number}-{index}"), names[host], shape(1).requests)


def quantiles(prefix: str, times: list[float]) -> dict[str, float]:
    return {f"{prefix}p{q}_ms": round(float(np.percentile(times, q)), 3) for q in (50, 99)}


if __name__ == "__main__":
    main()
