"""P8: the smallest plan of moves that lets a rack-required gang into a fleet that churn has fragmented.

usage: python -m benchmarks.bench_moves_p8 [--trials 10] [--seed 1] [--racks 16,64,128]

Racks of 18 nodes x 4 GPUs. One-pod gangs of 1, 2 or 4 GPUs and rack-required gangs of 2 to 4 pods are placed and end at random,
until two racks' worth of GPUs are free and a gang of 16 pods of 4 GPUs finds no rack. The bound is worked out apart from the
plan, by a mixed-integer program for each rack that might do: 16 of its nodes must be clear; a pod leaves alone, or with its gang
where that must stay in one rack, for a rack with room for it, or moves to a node of the rack that is not cleared. A pod's new
place is taken before it leaves its old one. So the bound is the optimum. Where no plan is found, the bound is told apart. One
JSON line for each number of racks.
"""

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import highspy
import numpy as np

from benchmarks.inventories import GPU, racks, single
from topology.demand import Demand, Granted
from topology.moves.defragment import MOST_MOVES, Defragmentation, defragment
from topology.placement import place
from topology.supply.fleet import Fleet

HOSTS, GPUS, PODS = 18, 4, 16
SIZES = (1, 2, 4)
Nodes = Sequence[Sequence[tuple[int, int]]]
"""Of each node the gangs of its pods, and the GPUs of each pod."""
LIMIT_S = 1.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--racks", default="16,64,128")
    chosen = options.parse_args()
    for count in chosen.racks.split(","):
        print(json.dumps(row(int(count), chosen.trials, chosen.seed)), flush=True)


def row(count: int, trials: int, seed: int) -> dict[str, object]:
    """One size of fleet."""
    moves: list[int] = []
    missed: list[int] = []
    times: list[float] = []
    found_all = minimal = proven = bounds = 0
    free = 0.0
    for trial in range(trials):
        fleet, residents = fragmented(count, random.Random(seed * 1_000 + trial))
        asked = single(PODS, GPUS, "new")
        before = time.perf_counter()
        plan = defragment(fleet, asked, residents)
        times.append(time.perf_counter() - before)
        bound = fewest(fleet, residents)
        free += int(fleet.room().free[:, fleet.room().columns[GPU]].sum()) / trials
        if isinstance(plan, Defragmentation):
            check(fleet, residents, plan, asked)
            found_all += 1
            minimal += len(plan.moves) == bound
            proven += len(plan.moves) == plan.least
            moves.append(len(plan.moves))
            bounds += bound
        else:
            missed.append(bound)
    return {
        "row": "P8", "racks": count, "trials": trials, "free_gpus": round(free), "let_in": found_all, "moves": sum(moves),
        "bound_moves": bounds, "bounds_of_those_not_let_in": missed, "at_the_bound": minimal,
        "proven": proven, "p50_s": round(float(np.percentile(times, 50)), 3), "max_s": round(max(times), 3), "limit_s": LIMIT_S,
    }  # fmt: skip


def fewest(fleet: Fleet, residents: Sequence[Demand]) -> int:
    """Fewest moves that clear enough nodes of some rack, with room elsewhere for all who leave it; exact, whatever that takes."""
    on: dict[str, list[tuple[int, int]]] = {name: [] for name in fleet.hosts}
    for index, each in enumerate(residents):
        for node in each.keep.values():
            on[node].append((index, dict(each.shapes["w"].requests)[GPU]))
    of_rack: dict[str, list[str]] = {}
    for name in fleet.hosts:
        of_rack.setdefault(fleet.domain(name, "rack") or "", []).append(name)
    sizes = [len(each.keep) for each in residents]
    nodes = {rack: [on[name] for name in names] for rack, names in of_rack.items()}
    holds = {rack: [_capacity(GPUS - sum(size for _, size in pods)) for pods in each] for rack, each in nodes.items()}
    room = {rack: [sum(column) for column in zip(*each, strict=True)] for rack, each in holds.items()}
    best = MOST_MOVES + 1
    for bound, rack in sorted((_fewest_in(nodes[rack], sizes, [], best), rack) for rack in nodes):
        if bound >= best:
            break
        best = min(
            best, _fewest_in(nodes[rack], sizes, [free for other, free in room.items() if other != rack and any(free)], best)
        )
    return best


def _capacity(free: int) -> list[int]:
    """GPUs in holes of each size. The sizes divide each other, so pods fit iff those of a size or more never need more."""
    return [free // size * size for size in SIZES]


def _fewest_in(nodes: Nodes, sizes: Sequence[int], elsewhere: Sequence[Sequence[int]], below: int) -> int:
    """In one rack; whoever leaves goes to one rack of `elsewhere`, by what is free there, or anywhere if that is empty."""
    model = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
    model.setOptionValue("output_flag", False)
    nothing = highspy.highs.highs_linear_expression
    clear = [model.addBinary() for _ in nodes]
    pod_size = dict(pair for pods in nodes for pair in pods)
    to = {index: [model.addBinary() for _ in elsewhere or (0,)] for index in pod_size}
    shifted: list[tuple[Any, int]] = []  # highspy has no types for its variables
    for node, pods in zip(clear, nodes, strict=True):
        for index, size in pods:
            shift = model.addBinary()
            shifted.append((shift, size))
            model.addConstr(node <= sum(to[index], start=nothing()) + shift)
    for places in to.values():
        model.addConstr(sum(places, start=nothing()) <= 1)
    model.addConstr(sum(clear, start=nothing()) >= PODS)
    for at, least in enumerate(SIZES):
        for other, free in enumerate(elsewhere):
            coming = (sizes[i] * pod_size[i] * to[i][other] for i in to if pod_size[i] >= least)
            model.addConstr(sum(coming, start=nothing()) <= free[at])
        kept = [_capacity(GPUS - sum(size for _, size in pods))[at] for pods in nodes]
        inside = sum((size * shift for shift, size in shifted if size >= least), start=nothing())
        model.addConstr(inside + sum((left * node for left, node in zip(kept, clear, strict=True)), start=nothing()) <= sum(kept))
    gone = sum((sizes[index] * chosen for index, places in to.items() for chosen in places), start=nothing())
    model.minimize(gone + sum((shift for shift, _ in shifted), start=nothing()))
    solved = model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return round(model.getObjectiveValue()) if solved else below


def check(fleet: Fleet, residents: Sequence[Demand], plan: Defragmentation, asked: Demand) -> None:
    """Every move fits while all old places are still held; then the gang fits; and gangs of one rack are still in one."""
    after = fleet.copy()
    for number, move in enumerate(plan.moves):
        shape = residents[move.resident].shapes["w"]
        after.grant(f"moved{number}", ("moved", "", str(number)), move.target, shape.requests)
    assert int(after.room().free.min()) >= 0
    where: dict[int, Mapping[str, str]] = {index: each.keep for index, each in enumerate(residents)}
    for move in plan.moves:
        each = residents[move.resident]
        after.revoke(f"{each.system}/{move.slot}")
        where[move.resident] = {**where[move.resident], move.slot: move.target}
    assert isinstance(place(after, asked), Granted)
    assert all(
        len({fleet.domain(n, "rack") for n in where[i].values()}) == 1 for i, each in enumerate(residents) if each.gang.domains()
    )


def fragmented(count: int, rng: random.Random) -> tuple[Fleet, list[Demand]]:
    """Gangs come until hardly anything is free, then end and come at random until two racks' worth is free in small pieces."""
    fleet = Fleet(nodes=racks(count, HOSTS, GPUS))
    alive: dict[str, Demand] = {}
    free, goal, number = count * HOSTS * GPUS, 2 * HOSTS * GPUS, 0
    while free > goal // 2:
        free -= come(fleet, alive, rng, number)
        number += 1
    for _ in range(4 * len(alive)):
        name = rng.choice(sorted(alive))
        free += end(fleet, alive, name)
        while free > goal:
            free -= come(fleet, alive, rng, number)
            number += 1
    while free < goal or isinstance(place(fleet, single(PODS, GPUS, "new")), Granted):
        free += end(fleet, alive, rng.choice(sorted(alive))) if free < goal else -come(fleet, alive, rng, number)
        number += 1
    return fleet, [alive[name] for name in sorted(alive)]


def come(fleet: Fleet, alive: dict[str, Demand], rng: random.Random, number: int) -> int:
    """One more gang, if it finds room; GPUs that it takes."""
    pods, size = rng.choice((1, 1, 1, 2, 3, 4)), rng.choice((1, 2, 4))
    name = f"g{number:06}"
    asked = replace(single(pods, size, name, "rack" if pods > 1 else None), system=f"default/{name}")
    answer = place(fleet, asked)
    if not isinstance(answer, Granted):
        return 0
    alive[name] = replace(asked, keep=answer.nodes)
    for slot, node in answer.nodes.items():
        fleet.grant(f"{asked.system}/{slot}", ("default", name, slot), node, asked.shapes["w"].requests)
    return pods * size


def end(fleet: Fleet, alive: dict[str, Demand], name: str) -> int:
    gone = alive.pop(name)
    for slot in gone.keep:
        fleet.revoke(f"{gone.system}/{slot}")
    return len(gone.keep) * dict(gone.shapes["w"].requests)[GPU]


if __name__ == "__main__":
    main()
