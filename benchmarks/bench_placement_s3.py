"""S3: one gang on 6,000 nodes in 9,600 domains.

usage: python -m benchmarks.bench_placement_s3 [--gangs 200]

Domains nest: 12 zones, 588 blocks, 3,000 racks and the 6,000 hosts; a gang of 8 pods within a block, in 4 groups within racks.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.inventories import node, subgroups
from specs.members import Place
from topology.demand import Demand, Granted
from topology.placement import place
from topology.supply.fleet import Fleet

ZONES, BLOCKS, RACKS = 12, 588, 3_000
LIMIT_MS = 5.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gangs", type=int, default=200)
    chosen = options.parse_args()
    fleet = Fleet(nodes=nodes())
    demand = within_block(subgroups([(2, 8)] * 4))
    domains = sum(len(stretch.names) for stretch in fleet.room().layout.stretches) + len(fleet.hosts)
    before = time.perf_counter()
    place(fleet, demand)
    first = (time.perf_counter() - before) * 1000
    times, placed = list[float](), 0
    for _ in range(chosen.gangs):
        before = time.perf_counter()
        placed += isinstance(place(fleet, demand), Granted)
        times.append((time.perf_counter() - before) * 1000)
    p50, p99 = (round(float(np.percentile(times, q)), 3) for q in (50, 99))
    print(json.dumps({
        "row": "S3", "nodes": len(fleet.hosts), "domains": domains, "gangs": chosen.gangs, "placed": placed,
        "first_ms": round(first, 2), "p50_ms": p50, "p99_ms": p99, "limit_ms": LIMIT_MS,
    }))  # fmt: skip


def nodes() -> Iterator[dict[str, Any]]:
    """Two hosts a rack; racks over blocks, and blocks over zones, as evenly as can be."""
    for rack in range(RACKS):
        block = rack * BLOCKS // RACKS
        path = (f"z{block * ZONES // BLOCKS:02}", f"b{block:03}", f"r{rack:04}")
        yield from (node(f"n{rack:04}-{host}", 8, *path) for host in range(2))


def within_block(demand: Demand) -> Demand:
    """The same gang, all of it inside one block."""
    root = replace(demand.gang.root, place=Place(within="block"))
    return replace(demand, gang=replace(demand.gang, root=root))


if __name__ == "__main__":
    main()
