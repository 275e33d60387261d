"""P7: repair after k = 1 to 8 nodes are lost at once, 5,000 nodes, 90 % full.

usage: python -m benchmarks.bench_moves_p7 [--trials 20] [--seed 1] [--nodes 5000]

Racks of 18 nodes x 4 GPUs with rack-required gangs of 1 to 16 pods of 1, 2 or 4 GPUs, until nine in ten GPUs are used. Each trial
loses other nodes: `spread` anywhere, `rack` all of them in one rack. Moved are pods that had their place and leave it; the bound
says how many of the gangs that lost a pod must, whatever the plan. One JSON line for each k.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.inventories import GPU, racks, single
from topology.demand import Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.moves.repairs import repairs
from topology.supply.fleet import Fleet

LIMIT_S = 1.0
SHARE = 0.9
HOSTS, GPUS = 18, 4


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--nodes", type=int, default=5_000)
    chosen = options.parse_args()
    fleet = Fleet(nodes=racks(-(-chosen.nodes // HOSTS), HOSTS, GPUS))
    gangs = fill(fleet, random.Random(chosen.seed))
    for kind in ("spread", "rack"):
        for lost in range(1, 9):
            print(json.dumps(row(fleet, gangs, lost, kind, chosen.trials)), flush=True)


def row(fleet: Fleet, gangs: Sequence[Demand], lost: int, kind: str, trials: int) -> dict[str, object]:
    """One number of lost nodes."""
    moved = least = evicted = broken = pods = 0
    times: list[float] = []
    for trial in range(trials):
        nodes = drawn(fleet, lost, kind, random.Random(trial))
        left = fleet.copy()
        for name in nodes:
            left.drop_node(name)
        left.room()
        hurt = [each for each in gangs if any(node in nodes for node in each.keep.values())]
        demands = [replace(each, keep={s: n for s, n in each.keep.items() if n not in nodes}) for each in hurt]
        before = time.perf_counter()
        found = repairs(left, demands)
        times.append(time.perf_counter() - before)
        moved, least, broken = moved + found.moved, least + found.least, broken + len(hurt)
        evicted += sum(isinstance(each, NoRoom) for each in found.answers)
        pods += sum(node in nodes for each in hurt for node in each.keep.values())
    used = 1 - int(fleet.room().free[:, fleet.room().columns[GPU]].sum()) / (len(fleet.hosts) * GPUS)
    return {
        "row": "P7", "nodes": len(fleet.hosts), "used": round(used, 3), "lost": f"{lost} {kind}", "trials": trials,
        "gangs_hurt": broken, "pods_lost": pods, "moved": moved, "bound_moved": least,
        "gangs_without_room": evicted, "bound_without_room": 0,
        "p50_s": round(float(np.percentile(times, 50)), 3), "max_s": round(max(times), 3), "limit_s": LIMIT_S,
    }  # fmt: skip


def drawn(fleet: Fleet, lost: int, kind: str, rng: random.Random) -> frozenset[str]:
    names = sorted(fleet.hosts)
    if kind == "spread":
        return frozenset(rng.sample(names, lost))
    start = rng.randrange(len(names) // HOSTS) * HOSTS
    return frozenset(rng.sample(names[start : start + HOSTS], lost))


def fill(fleet: Fleet, rng: random.Random) -> list[Demand]:
    """Gangs until nine in ten GPUs are used, each where it was granted room; and what each of them is as a demand."""
    goal = SHARE * len(fleet.hosts) * GPUS
    gangs: list[Demand] = []
    used = 0
    while used < goal:
        some: list[Demand] = []
        while len(some) < 200 and used < goal:
            pods, size = rng.choice((1, 2, 2, 4, 4, 8, 8, 12, 16)), rng.choice((1, 2, 4, 4, 4))
            name = f"g{len(gangs) + len(some):05}"
            some.append(replace(single(pods, size, name), system=f"default/{name}"))
            used += pods * size
        for each, answer in zip(some, solve(fleet, some), strict=True):
            if not isinstance(answer, Granted):
                used -= len(each.gang.slots()) * dict(each.shapes["w"].requests)[GPU]
                continue
            gangs.append(replace(each, keep=answer.nodes))
            for slot, node in answer.nodes.items():
                fleet.grant(f"{each.system}/{slot}", ("default", each.gang.name, slot), node, each.shapes["w"].requests)
    return gangs


if __name__ == "__main__":
    main()
