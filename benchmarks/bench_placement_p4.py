"""P4: GPUs allocated at 130 % offered load on the openb fleet, where pods share GPUs, beside FGD.

usage: python -m benchmarks.bench_placement_p4 [--seeds 42-51] [--mixes default,...] [--made 2] [--load 1.3] [--data FOLDER]

Method of the paper on fragmentation gradient descent (USENIX ATC 2023), section 6: the pods of openb are shuffled, random ones
are repeated until their GPUs are 130 % of the fleet's, and each is placed as it comes, or turned away for good; none leaves.
Every openb_pod_list_*.csv in the folder (ESPALIER_DATA) is one row. `--made` adds mixes that are made from the default one, with
so many seeds each: more sharing, more pods of several GPUs, a third bound to GPU models. One JSON line a mix: ours, FGD as
reimplemented here (memory counted too), and what others published.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.fgd import FGD
from benchmarks.openb import Policy, Server, allocated, arrivals, pods_of, servers_of
from topology.supply.devices import ways, without
from topology.supply.usual import Mix, Usual

PUBLISHED = {"fgd": 95.39, "best_fit": 93.08, "packing": 92.0, "clustering": 91.88, "dot_product": 90.85, "random": 87.47}
GOAL = 95.7


class Ours:
    """Where the host loses least of what it is worth to the usual mix."""

    def __init__(self, pods: Sequence[Usual]) -> None:
        self._mix = Mix(Counter(pods).items())

    def best(self, server: Server, pod: Usual) -> tuple[float, tuple[int, ...]]:
        """What it costs there at least, and with which devices."""
        before = self._mix.worth(*server)
        cpu, memory, free, model = server
        return min(
            (before - self._mix.worth(cpu - pod.cpu, memory - pod.memory, without(free, pod.ask, chosen), model), chosen)
            for chosen in ways(free, pod.ask)
        )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", default="42-51")
    options.add_argument("--mixes", default="", help="names, with commas between; all without")
    options.add_argument("--made", type=int, default=2, help="seeds of each made mix")
    options.add_argument("--load", type=float, default=1.3)
    options.add_argument("--data", type=Path, default=os.environ.get("ESPALIER_DATA"))
    chosen = options.parse_args()
    if chosen.data is None or not (chosen.data / "openb_node_list_gpu_node.csv").exists():
        print("P4: skipped, because ESPALIER_DATA names no folder that holds openb_node_list_gpu_node.csv", file=sys.stderr)
        return
    low, _, high = chosen.seeds.partition("-")
    seeds = range(int(low), int(high or low) + 1)
    servers = servers_of(chosen.data)
    for name, pods, count in mixes(chosen.data, len(seeds), chosen.made):
        if not chosen.mixes or name in chosen.mixes.split(","):
            print(json.dumps(row(name, pods, servers, seeds[:count], chosen.load)), flush=True)


def mixes(data: Path, count: int, made: int) -> Iterator[tuple[str, list[Usual], int]]:
    """Name and pods of each mix, and how many seeds it gets."""
    for path in sorted(data.glob("openb_pod_list_*.csv")):
        yield path.stem.removeprefix("openb_pod_list_"), pods_of(path), count
    pods, rng = pods_of(data / "openb_pod_list_default.csv"), random.Random(1)
    shared, several = [pod for pod in pods if pod.ask.milli], [pod for pod in pods if pod.ask.count > 1]
    models = (("G2",), ("T4",), ("P100",), ("V100M16", "V100M32"), ("G3",))
    bound = [replace(pod, models=rng.choice(models)) if pod.ask.total and rng.random() < 1 / 3 else pod for pod in pods]
    if made:
        yield "made: twice the sharing", [*pods, *shared], made
        yield "made: six times the pods of several GPUs", [*pods, *several * 5], made
        yield "made: a third bound to models", bound, made


def row(name: str, pods: list[Usual], servers: list[Server], seeds: Sequence[int], load: float) -> dict[str, object]:
    """One mix: the mean over seeds, ours and FGD's."""
    policies: dict[str, Policy] = {"ours": Ours(pods), "fgd_here": FGD(pods)}
    found: dict[str, object] = {"row": "P4", "mix": name, "seeds": f"{seeds[0]}-{seeds[-1]}", "offered": load}
    for who, policy in policies.items():
        started = time.perf_counter()
        shares = [100 * allocated(servers, arrivals(pods, servers, seed, load), policy) for seed in seeds]
        found |= {who: round(float(np.mean(shares)), 2), f"{who}_stdev": round(float(np.std(shares)), 2)}
        found[f"{who}_s_a_seed"] = round((time.perf_counter() - started) / len(seeds), 1)
    if name == "default" and load == 1.3:
        found |= {f"published_{who}": share for who, share in PUBLISHED.items()} | {"goal": GOAL}
    return found


if __name__ == "__main__":
    main()
