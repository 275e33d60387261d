"""P9 and S2: gangs that come and go, by the engine that places for real.

usage: python -m benchmarks.bench_placement_p9 [--rows p9,s2]

P9: knavigator's mix on 32 nodes of 8 GPUs, whole nodes, all submitted at once in this order, 2 minutes each. They add up to 18
minutes of the whole cluster, so 18 is the optimum.
S2: 640 nodes in 5 blocks of 8 racks, one GPU each; 10,500 workloads of 2 pods, 3,000 of 4, 1,500 of 8, a third each with the rack
required, preferred, or balanced over racks. 30 queues submit every 100, 500 and 1,200 ms; they run for 200, 500 and 1,000
ms, so that room is never short. Seconds are the clock's for all of the placing, without any API; Kueue's 401 s are end to end.
"""

import argparse
import json
import statistics
import time

from benchmarks.inventories import racks, shape
from specs.gangs import Bundle, Gang, Seats
from specs.members import Place
from topology.demand import Demand
from topology.planning.simulation import Job, simulate
from topology.supply.fleet import Fleet

KNAVIGATOR = (
    (1, 32), (2, 16), (3, 10), (1, 2), (4, 8), (5, 6), (2, 1), (6, 5), (1, 2), (7, 4), (1, 2), (2, 1), (8, 4), (9, 3), (1, 5),
)  # fmt: skip
"""Count and nodes, in the order of submission."""
MINUTES = 2
OPTIMUM_MINUTES = 18
KUEUE_S, GOAL_S = 401, 100
QUEUES = 30
#           a queue's, pods, submitted every, run for (seconds)
CLASSES = ((350, 2, 0.1, 0.2), (100, 4, 0.5, 0.5), (50, 8, 1.2, 1.0))
PLACES = (Place(within="rack"), Place(prefer="rack"), Place(balance="rack"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", default="p9,s2")
    for name in options.parse_args().rows.split(","):
        {"p9": p9, "s2": s2}[name]()


def p9() -> None:
    """Minutes until the last gang has ended."""
    fleet = Fleet(nodes=racks(4, 8, 8))
    sizes = [nodes for count, nodes in KNAVIGATOR for _ in range(count)]
    found = simulate(fleet, [job(f"g{index:03}", nodes, 8, Place(), 0.0, 60.0 * MINUTES) for index, nodes in enumerate(sizes)])
    minutes = found.end_s / 60
    print(json.dumps({"row": "P9", "gangs": len(found.stays), "minutes": minutes, "optimum": OPTIMUM_MINUTES}), flush=True)


def s2() -> None:
    """Seconds for all arrivals and ends."""
    fleet = Fleet(nodes=racks(40, 16, 1))
    jobs = [
        job(
            f"q{queue:02}-{pods}-{index:03}",
            pods,
            1,
            PLACES[(queue + index) % 3],
            every * (index + queue / QUEUES),
            runs,
        )
        for queue in range(QUEUES)
        for count, pods, every, runs in CLASSES
        for index in range(count)
    ]
    before, cpu = time.perf_counter(), time.process_time()
    found = simulate(fleet, jobs)
    wall, cpu = time.perf_counter() - before, time.process_time() - cpu
    waits = sorted(found.waits_s.values())
    print(
        json.dumps({
            "row": "S2", "workloads": len(found.stays), "events": found.events, "seconds": round(wall, 1),
            "cpu_seconds": round(cpu, 1), "goal_s": GOAL_S, "kueue_s": KUEUE_S, "simulated_s": round(found.end_s, 1),
            "wait_p50_s": round(statistics.median(waits), 3), "wait_max_s": round(waits[-1], 3),
        }),
        flush=True,
    )  # fmt: skip


def job(name: str, pods: int, gpus: int, place: Place, arrival_s: float, duration_s: float) -> Job:
    """One role of so many pods."""
    seats = Seats("w", tuple(f"0/w/{index}" for index in range(pods)), place)
    gang = Gang(name, minimum=True, copy_index=0, scopes=(), root=Bundle("0", Place(), (seats,)))
    return Job(Demand(gang, {"w": shape(gpus)}, f"load/{name}"), arrival_s, duration_s)


if __name__ == "__main__":
    main()
