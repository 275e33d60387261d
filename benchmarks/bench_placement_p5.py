"""P5: every pair that a fleet has room for is made: prefill and decode of several nodes each, together in one rack.

usage: python -m benchmarks.bench_placement_p5 [--fleets 1000] [--seed 1]

Golden case 5f (ten pairs of 9 + 9 nodes on ten racks of 18), then random fleets of it: 4 to 16 racks with 0 to 18 free nodes
each, sets of one prefill and 1 to 3 decode workers of 1 to 9 nodes, a whole node a pod. The bound is the sets that each rack has
room for by itself, summed; one set more than that is asked for. One JSON line.
"""

import argparse
import json
import random
import time

import numpy as np

from benchmarks.inventories import LEVELS, node
from specs.gangs import expand
from specs.system import InferenceSystem
from topology.demand import Demand, Granted
from topology.line.batch import solve
from topology.planning.plan import shapes_of_system
from topology.supply.fabric import declared
from topology.supply.fleet import Fleet

NODE_GPUS = 4
FABRIC = declared([(level, f"topology.espalier.dev/{level}") for level in LEVELS])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--fleets", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    rng = random.Random(chosen.seed)
    golden = made([18] * 10, 9, 9, 1)
    found = [made(*drawn(rng)) for _ in range(chosen.fleets)]
    times = [each[2] for each in found]
    print(json.dumps({
        "row": "P5", "golden_pairs": golden[0], "golden_bound": golden[1], "fleets": chosen.fleets,
        "pairs": sum(pairs for pairs, _, _ in found), "bound": sum(most for _, most, _ in found),
        "fleets_below_bound": sum(pairs < most for pairs, most, _ in found),
        "p50_ms": round(float(np.median(times)), 2), "p99_ms": round(float(np.percentile(times, 99)), 2),
    }))  # fmt: skip


def drawn(rng: random.Random) -> tuple[list[int], int, int, int]:
    """Free nodes of each rack, nodes of a prefill worker and of a decode worker, decode workers for one of prefill."""
    return [rng.randint(0, 18) for _ in range(rng.randint(4, 16))], rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 3)


def made(free: list[int], prefill: int, decode: int, ratio: int) -> tuple[int, int, float]:
    """Pairs that were placed whole in one rack, how many there is room for, and milliseconds."""
    hosts = [(rack, host) for rack, count in enumerate(free) for host in range(count)]
    fleet = Fleet(FABRIC, [node(f"n{rack}-{host}", NODE_GPUS, "z", "b", f"r{rack:02}") for rack, host in hosts])
    most = sum(count // (prefill + ratio * decode) for count in free)
    asked = max(1, most) if prefill == decode == 9 else most + 1
    system = InferenceSystem.model_validate(manifest(asked, prefill, decode, ratio))
    shapes = shapes_of_system(system)
    gangs = expand("p", system.spec, {})
    started = time.perf_counter()
    answers = solve(fleet, [Demand(gang, shapes, "default/p") for gang in gangs])
    took = (time.perf_counter() - started) * 1000
    return sum(whole_sets(fleet, answer, ratio) for answer in answers if isinstance(answer, Granted)), most, took


def whole_sets(fleet: Fleet, answer: Granted, ratio: int) -> int:
    """Sets of a gang, each checked to be in one rack."""
    sets: dict[int, set[str | None]] = {}
    for slot, on in answer.nodes.items():
        _, member, index, *_ = slot.split("/")
        sets.setdefault(int(index) // (ratio if member == "decode" else 1), set()).add(fleet.domain(on, "rack"))
    assert all(len(there) == 1 for there in sets.values()), sets
    return len(sets)


def manifest(sets: int, prefill: int, decode: int, ratio: int) -> dict[str, object]:
    """A system of so many sets, of which one must run."""

    def group(name: str, replicas: int, least: int, nodes: int) -> dict[str, object]:
        asked = {"requests": {"nvidia.com/gpu": str(NODE_GPUS)}, "limits": {"nvidia.com/gpu": str(NODE_GPUS)}}
        template = {"spec": {"containers": [{"name": "server", "image": "server", "resources": asked}]}}
        members = [{"role": "node", "replicas": nodes, "template": template}]
        return {"group": name, "replicas": replicas, "minAvailable": least, "members": members}

    together = {"members": ["prefill", "decode"], "within": "rack", "ratio": {"prefill": 1, "decode": ratio}}
    return {
        "apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "p"},
        "spec": {"together": [together], "members": [
            group("prefill", sets, 1, prefill), group("decode", sets * ratio, ratio, decode),
        ]},
    }  # fmt: skip


if __name__ == "__main__":
    main()
