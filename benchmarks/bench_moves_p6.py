"""P6: the fewest victims for a gang of higher priority in a full fleet.

usage: python -m benchmarks.bench_moves_p6 [--seed 1] [--repeat 5]

`tree`: 512 nodes (4 zones x 8 blocks x 8 racks x 2 nodes), every node full with a one-node gang of low priority; a gang that
needs one rack arrives. `mixed`: the same nodes full of gangs of 1, 2, 4 and 8 GPUs a pod, of one to four pods and five
priorities, a third of them above a minimum; `large`: the same on 5,000 nodes in 50 racks of 100, for a gang of 20. The bound is
the true optimum, by a mixed-integer program for each rack over the tenants of the lowest priority: gangs that stop, then pods.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import highspy

from benchmarks.inventories import GPU, node, racks, shape, single
from topology.demand import Demand
from topology.moves.preempt import Preemption, preempt
from topology.supply.fleet import Fleet
from topology.supply.tenants import Held, Tenancy, Tenant

LIMIT_S = 1.0
HIGH = 1_000
GPUS = 8
RADIX = 1_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--repeat", type=int, default=5)
    chosen = options.parse_args()
    instances: dict[str, Callable[[random.Random], tuple[Fleet, list[Tenant], int]]] = {
        "tree": tree, "mixed": mixed, "large": large,
    }  # fmt: skip
    for name, make in instances.items():
        fleet, tenants, pods = make(random.Random(chosen.seed))
        print(json.dumps({"row": "P6", "instance": name, **measured(fleet, tenants, pods, chosen.repeat)}), flush=True)


def measured(fleet: Fleet, tenants: Sequence[Tenant], pods: int, repeat: int) -> dict[str, object]:
    """A gang of pods that each fill a node, all in one rack."""
    demand: Demand = replace(single(pods, GPUS, "high"), priority=HIGH)
    fleet.room()
    wall: list[float] = []
    found = None
    for _ in range(repeat):
        before = time.perf_counter()
        found = preempt(fleet, demand, Tenancy(tuple(tenants)))
        wall.append(time.perf_counter() - before)
    assert isinstance(found, Preemption)
    lowest = min(each.priority for each in tenants)
    assert all(each.priority == lowest for each in found.victims), "the bound is for victims of the lowest priority"
    stopped, leaving = optimum(fleet, [each for each in tenants if each.priority == lowest], pods)
    return {
        "nodes": len(fleet.hosts), "tenants": len(tenants), "pods_asked": pods,
        "gangs_stopped": sum(each.minimum for each in found.victims),
        "bound_stopped": stopped, "victim_pods": found.pods, "bound_pods": leaving, "proven": found.proven,
        "seconds": round(statistics.median(wall), 3), "max_seconds": round(max(wall), 3), "limit_s": LIMIT_S,
    }  # fmt: skip


def optimum(fleet: Fleet, tenants: Sequence[Tenant], pods: int) -> tuple[int, int]:
    """Gangs stopped and pods gone in the best rack: whole nodes must come free, one for each pod."""
    on: dict[str, list[int]] = {name: [] for name in fleet.hosts}
    used = dict.fromkeys(fleet.hosts, 0)
    for index, each in enumerate(tenants):
        for pod in each.pods:
            on[pod.node].append(index)
            used[pod.node] += dict(pod.requests)[GPU]
    nodes: dict[str, list[str]] = {}
    for name in fleet.hosts:
        if used[name] == GPUS:
            nodes.setdefault(fleet.domain(name, "rack") or "", []).append(name)
    costs = [_best_in(nodes[rack], on, tenants, pods) for rack in sorted(nodes) if len(nodes[rack]) >= pods]
    return divmod(min(costs), RADIX)


def _best_in(nodes: Sequence[str], on: Mapping[str, Sequence[int]], tenants: Sequence[Tenant], pods: int) -> int:
    model = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
    model.setOptionValue("output_flag", False)
    nothing = highspy.highs.highs_linear_expression
    goes = {index: model.addBinary() for name in nodes for index in on[name]}
    clear = {name: model.addBinary() for name in nodes}
    for name in nodes:
        for index in on[name]:
            model.addConstr(clear[name] <= goes[index])
    model.addConstr(sum(clear.values(), start=nothing()) >= pods)
    terms = [(RADIX * tenants[index].minimum + len(tenants[index].pods)) * chosen for index, chosen in goes.items()]
    model.minimize(sum(terms, start=nothing()))
    return round(model.getObjectiveValue())


def tree(rng: random.Random) -> tuple[Fleet, list[Tenant], int]:
    fleet = Fleet(nodes=tree_nodes())
    tenants = [hold(fleet, f"t{index:04}", [(name, 8)], rng.randrange(2)) for index, name in enumerate(sorted(fleet.hosts))]
    return fleet, tenants, 2


def mixed(rng: random.Random) -> tuple[Fleet, list[Tenant], int]:
    fleet = Fleet(nodes=tree_nodes())
    return fleet, filled(fleet, rng), 2


def large(rng: random.Random) -> tuple[Fleet, list[Tenant], int]:
    fleet = Fleet(nodes=racks(50, 100, GPUS))
    return fleet, filled(fleet, rng), 20


def filled(fleet: Fleet, rng: random.Random) -> list[Tenant]:
    """Gangs of pods of one size, on neighbouring nodes, until nothing is free."""
    names = fleet.room().layout.names
    left = dict.fromkeys(names, GPUS)
    tenants: list[Tenant] = []
    at = 0
    while at < len(names):
        size, pods = rng.choice((1, 2, 4, 8)), list[tuple[str, int]]()
        for _ in range(rng.choice((1, 1, 2, 4))):
            while at < len(names) and not left[names[at]]:
                at += 1
            if at == len(names):
                break
            taken = min(size, left[names[at]])
            left[names[at]] -= taken
            pods.append((names[at], taken))
        if pods:
            tenants.append(hold(fleet, f"t{len(tenants):05}", pods, rng.randrange(5), minimum=rng.random() < 2 / 3))
    return tenants


def hold(fleet: Fleet, name: str, pods: Sequence[tuple[str, int]], priority: int, *, minimum: bool = True) -> Tenant:
    held = tuple(
        Held(f"{name}-{index}", ("default", "", f"{name}-{index}"), on, shape(gpus).requests)
        for index, (on, gpus) in enumerate(pods)
    )
    for pod in held:
        fleet.grant(pod.pod, pod.seat, pod.node, pod.requests)
    return Tenant(name, held, priority, minimum)


def tree_nodes() -> list[dict[str, object]]:
    return [
        node(f"n{zone}{block}{rack}{host}", GPUS, f"z{zone}", f"b{block}", f"r{rack}")
        for zone in range(4) for block in range(8) for rack in range(8) for host in range(2)
    ]  # fmt: skip


if __name__ == "__main__":
    main()
