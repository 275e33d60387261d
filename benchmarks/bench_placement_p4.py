"""P4: GPUs allocated at 130 % offered load on the openb fleet, where pods share GPUs, beside FGD.

usage: python -m benchmarks.bench_placement_p4 [--seeds 42-51] [--mixes default,...] [--made 1] [--load 1.3] [--data FOLDER]

Method of the paper on fragmentation gradient descent (USENIX ATC 2023), section 6: the pods of openb are shuffled, random ones
are repeated until their GPUs are 130 % of the fleet's, and each is placed as it comes, or turned away for good; none leaves.
Ours is the engine as the agent uses it, `place` and a grant for each pod: it starts knowing nothing and learns the mix from
what runs; `told_the_mix` is the same with the mix declared. Every openb_pod_list_*.csv in the folder (ESPALIER_DATA) is one row.
`--made` adds mixes that are made from the default one, with so many seeds each. One JSON line a mix: ours, FGD as reimplemented
here, which is told the mix (memory counted, too), and what others published.
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
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.fgd import FGD
from benchmarks.openb import Server, allocated, arrivals, pods_of, servers_of
from specs.gangs import Bundle, Gang, Seats
from specs.members import NOWHERE
from specs.names import SHARES_GPUS
from topology.demand import Demand, Granted
from topology.placement import place
from topology.supply.capacity import PODS
from topology.supply.eligibility import ANYWHERE
from topology.supply.fleet import Fleet
from topology.supply.fractions import GPU, MILLI, MODEL, devices_of, held
from topology.supply.hosts import Host
from topology.supply.shapes import Shape
from topology.supply.usual import Mix, Usual

PUBLISHED = {"fgd": 95.39, "best_fit": 93.08, "packing": 92.0, "clustering": 91.88, "dot_product": 90.85, "random": 87.47}
GOAL = 95.7
TOLD = 1
"""How many seeds it is told the mix for, as well."""


def ours(servers: Sequence[Server], pods: Sequence[Usual], mix: Mix | None) -> tuple[float, list[float]]:
    """Share of all GPUs that the engine allocates, and the seconds of each placement; without a mix it learns from what runs."""
    fleet = Fleet()
    fleet.set_usual(mix)
    for number, server in enumerate(servers):
        fleet.put_host(host_of(number, server))
    held_milli, times = 0, list[float]()
    for number, pod in enumerate(pods):
        demand = demand_of(pod)
        started = time.perf_counter()
        answer = place(fleet, demand)
        times.append(time.perf_counter() - started)
        if isinstance(answer, Granted):
            requests = held(demand.shapes["pod"].requests, answer.devices.get("0/pod/0", ()))
            fleet.grant(str(number), ("default", "", str(number)), answer.nodes["0/pod/0"], requests)
            held_milli += pod.ask.total
    return held_milli / sum(sum(free) for _, _, free, _ in servers), times


def host_of(number: int, server: Server) -> Host:
    """A node that shares its GPUs."""
    cpu, memory, free, model = server
    labels = {SHARES_GPUS: "true", MODEL: model}
    holds = (("cpu", cpu), ("memory", memory), (GPU, len(free)), (PODS, 1000))
    return Host(f"n{number:04}", labels, devices_of(labels, tuple(sorted(holds))))


@cache
def demand_of(pod: Usual) -> Demand:
    """A gang of that one pod."""
    asked = {"cpu": pod.cpu, "memory": pod.memory, GPU: pod.ask.count, MILLI: pod.ask.milli, PODS: 1}
    shape = Shape(tuple(sorted((name, amount) for name, amount in asked.items() if amount)), ANYWHERE.bound(MODEL, pod.models))
    root = Bundle("0", NOWHERE, (Seats("pod", ("0/pod/0",)),))
    return Demand(Gang("g", minimum=True, copy_index=0, scopes=(), root=root), {"pod": shape})


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", default="42-51")
    options.add_argument("--mixes", default="", help="names, with commas between; all without")
    options.add_argument("--made", type=int, default=1, help="seeds of each made mix")
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
    shared, whole = [pod for pod in pods if pod.ask.milli], [pod for pod in pods if pod.ask.count]
    several = [pod for pod in whole if pod.ask.count > 1]
    models = (("G2",), ("T4",), ("P100",), ("V100M16", "V100M32"), ("G3",))
    for share in (0.6, 1.0) if made else ():
        yield f"made: {share:.0%} of GPUs asked for in fractions", mixed(shared, whole, share), made
    for share in (0.5,) if made else ():
        yield f"made: {share:.0%} of GPUs asked for by pods of several", mixed(several, [*shared, *whole], share), made
    for share in (0.1, 0.33) if made else ():
        bound = [replace(pod, models=rng.choice(models)) if pod.ask.total and rng.random() < share else pod for pod in pods]
        yield f"made: {share:.0%} of pods bound to models", bound, made


def mixed(some: Sequence[Usual], others: Sequence[Usual], share: float) -> list[Usual]:
    """8,000 pods that want GPUs, of which `some` ask for that share of all GPUs."""
    rng = random.Random(1)
    mean = [sum(pod.ask.total for pod in each) / len(each) for each in (some, others)]
    chance = share / mean[0] / (share / mean[0] + (1 - share) / mean[1])
    return [rng.choice(some if rng.random() < chance else others) for _ in range(8_000)]


def row(name: str, pods: list[Usual], servers: list[Server], seeds: Sequence[int], load: float) -> dict[str, object]:
    """One mix: the mean over seeds, ours and FGD's."""
    lists = [arrivals(pods, servers, seed, load) for seed in seeds]
    found: dict[str, object] = {"row": "P4", "mix": name, "seeds": f"{seeds[0]}-{seeds[-1]}", "offered": load}
    runs = [ours(servers, each, None) for each in lists]
    times = [each for _, times in runs for each in times]
    found |= share("ours", [share for share, _ in runs])
    found |= share("ours_told_the_mix", [ours(servers, each, Mix(Counter(pods).items()))[0] for each in lists[:TOLD]])
    found |= share("fgd_here", [allocated(servers, each, FGD(pods)) for each in lists])
    found |= {"p50_ms": round(1000 * float(np.median(times)), 2), "p99_ms": round(1000 * float(np.quantile(times, 0.99)), 2)}
    if name == "default" and load == 1.3:
        found |= {f"published_{who}": share for who, share in PUBLISHED.items()} | {"goal": GOAL}
    return found


def share(who: str, shares: Sequence[float]) -> dict[str, object]:
    """Mean and spread in per cent."""
    return {who: round(100 * float(np.mean(shares)), 2), f"{who}_stdev": round(100 * float(np.std(shares)), 2)}


if __name__ == "__main__":
    main()
