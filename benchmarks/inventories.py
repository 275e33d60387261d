"""Synthetic fleets for benchmarks of placement, the same for the same seed."""

import random
from collections.abc import Iterator
from typing import Any

from specs.gangs import Bundle, Gang, Seats
from specs.members import Place
from topology.demand import Demand
from topology.supply.capacity import PODS
from topology.supply.fleet import Fleet
from topology.supply.shapes import Shape, shape_of

GPU = "nvidia.com/gpu"
LEVELS = ("zone", "block", "rack")


def node(name: str, gpus: int, *path: str) -> dict[str, Any]:
    """A node manifest with its place in zone, block and rack."""
    labels = {f"topology.espalier.dev/{level}": value for level, value in zip(LEVELS, path, strict=True)}
    holds = {"cpu": "144", "memory": "960Gi", PODS: "110", GPU: str(gpus)}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {"allocatable": holds, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def racks(count: int, hosts: int, gpus: int, racks_a_block: int = 8, blocks_a_zone: int = 16) -> Iterator[dict[str, Any]]:
    """Nodes of `count` racks of so many hosts."""
    for rack in range(count):
        block = rack // racks_a_block
        path = (f"z{block // blocks_a_zone:03}", f"b{block:04}", f"r{rack:05}")
        for host in range(hosts):
            yield node(f"n{rack:05}-{host:03}", gpus, *path)


def shape(gpus: int) -> Shape:
    """A pod of so many GPUs, with 16 cpu and 100 GiB each; one without GPUs takes 1 cpu and 1 GiB."""
    asked = {GPU: str(gpus), "cpu": str(16 * gpus), "memory": f"{100 * gpus}Gi"} if gpus else {"cpu": "1", "memory": "1Gi"}
    return shape_of({"spec": {"containers": [{"name": "server", "resources": {"requests": asked}}]}})


def fill(fleet: Fleet, share: float, seed: int, sizes: tuple[int, ...] = (1, 2, 4, 4, 4)) -> None:
    """Grant pods of random sizes on random hosts until this share of all GPUs is used."""
    rng = random.Random(seed)
    room = fleet.room()
    column = room.columns[GPU]
    free = room.free[:, column].tolist()
    names, goal, used = list(room.layout.names), share * sum(free), 0
    shapes = {size: shape(size) for size in sizes}
    while used < goal:
        host, size = rng.randrange(len(names)), rng.choice(sizes)
        if free[host] >= size:
            free[host] -= size
            used += size
            fleet.grant(f"x{used}", ("other", "", f"x{used}"), names[host], shapes[size].requests)


def fill_racks(fleet: Fleet, share: float, seed: int) -> None:
    """Racks as gangs leave them: most are full, the others half full; together this share of all GPUs is used."""
    rng = random.Random(seed)
    room = fleet.room()
    stretch = room.layout.stretches[-1]
    half = round(len(stretch.names) * 2 * (1 - share))
    loose = set(rng.sample(range(len(stretch.names)), half))
    whole = shape(int(room.free[0, room.columns[GPU]])).requests
    for host, name in enumerate(room.layout.names):
        if stretch.of_host[host] not in loose or rng.random() < 0.5:
            fleet.grant(f"x{host}", ("other", "", f"x{host}"), name, whole)


def subgroups(parts: list[tuple[int, int]], name: str = "g", within: str = "rack") -> Demand:
    """A gang of subgroups (pods, GPUs each), each inside one domain of a level."""
    bundles = tuple(
        Bundle(f"0/s{size}/{index}", Place(within=within), (_seats(f"0/s{size}/{index}/w", pods),))
        for index, (pods, size) in enumerate(parts)
    )
    shapes = {f"s{size}/w": shape(size) for _, size in parts}
    return Demand(Gang(name, minimum=True, copy_index=0, scopes=(), root=Bundle("0", Place(), bundles)), shapes)


def single(pods: int, size: int, name: str, within: str | None = "rack") -> Demand:
    """A gang of one role inside one domain."""
    seats = Seats("w", tuple(f"0/w/{index}" for index in range(pods)), Place(within=within))
    return Demand(Gang(name, minimum=True, copy_index=0, scopes=(), root=Bundle("0", Place(), (seats,))), {"w": shape(size)})


def _seats(instance: str, pods: int) -> Seats:
    role = "/".join(step for step in instance.split("/") if not step.isdecimal())
    return Seats(role, tuple(f"{instance}/{index}" for index in range(pods)))
