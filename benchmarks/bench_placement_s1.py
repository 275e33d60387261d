"""S1 and S5: batches of many gangs.

usage: python -m benchmarks.bench_placement_s1 [--rows small,large,s5] [--repeat 3]

S1: 5,000 nodes in 50 racks of 100; 750, 1,500 and 2,250 rack-required gangs of 4 pods, and 3, 6 and 9 gangs of 1,000 pods, each
pod 1 cpu, in one batch; placement alone. S5: 1,000 gangs of 4 pods of 4 GPUs, rack-required, on 100,000 GPUs in racks of 18 x 4,
80 % full. One JSON line a batch, the median of the repeats; the cost of reading the demands is counted.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.inventories import fill_racks, racks, single
from topology.demand import Demand, Granted
from topology.line.batch import solve
from topology.supply.fleet import Fleet

RIVAL_PODS_PER_S = 975
"""Kubernetes 1.37, binding included, the best of its published rows."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", default="small,large,s5")
    options.add_argument("--repeat", type=int, default=3)
    chosen = options.parse_args()
    rows: dict[str, Callable[[int], None]] = {"small": small, "large": large, "s5": s5}
    for name in chosen.rows.split(","):
        rows[name](chosen.repeat)


def small(repeat: int) -> None:
    fleet = Fleet(nodes=racks(50, 100, 8))
    for gangs in (750, 1_500, 2_250):
        report("S1", timed(fleet, [single(4, 0, f"g-{index}") for index in range(gangs)], repeat), 4 * gangs)


def large(repeat: int) -> None:
    fleet = Fleet(nodes=racks(50, 100, 8))
    for gangs in (3, 6, 9):
        report("S1", timed(fleet, [single(1_000, 0, f"g-{index}") for index in range(gangs)], repeat), 1_000 * gangs)


def s5(repeat: int) -> None:
    fleet = Fleet(nodes=racks(1_389, 18, 4))
    fill_racks(fleet, 0.8, 1)
    found = timed(fleet, [single(4, 4, f"g-{index}") for index in range(1_000)], repeat)
    print(json.dumps({"row": "S5", "gpus": 1_389 * 72, **found, "limit_s": 1.0}), flush=True)


def timed(fleet: Fleet, demands: Sequence[Demand], repeat: int) -> dict[str, float]:
    """Seconds of one batch: wall-clock and processor."""
    wall, cpu, placed = list[float](), list[float](), 0
    for _ in range(repeat):
        before, cpu_before = time.perf_counter(), time.process_time()
        answers = solve(fleet, demands)
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - cpu_before)
        placed = sum(isinstance(answer, Granted) for answer in answers)
    return {
        "gangs": len(demands),
        "placed": placed,
        "seconds": round(statistics.median(wall), 3),
        "cpu_seconds": round(statistics.median(cpu), 3),
    }


def report(row: str, found: dict[str, float], pods: int) -> None:
    rate = round(pods / found["seconds"])
    ratio = round(rate / RIVAL_PODS_PER_S, 1)
    print(
        json.dumps({"row": row, "pods": pods, **found, "pods_per_s": rate, "times_rival": ratio, "goal_times_rival": 10}),
        flush=True,
    )


if __name__ == "__main__":
    main()
