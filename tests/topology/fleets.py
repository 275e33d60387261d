"""Small fleets and gangs, written so that a reader can work out the answer by hand."""

from collections.abc import Iterator, Mapping
from typing import Any

from specs.gangs import Bundle, Gang, Scope, Seats, Talk
from specs.members import Place, Spread
from topology.demand import Demand
from topology.supply.fabric import Fabric, declared
from topology.supply.fleet import Fleet
from topology.supply.shapes import Shape, shape_of

GPU = "nvidia.com/gpu"
LEVELS = ("zone", "block", "rack")
LABELS = {level: f"topology.espalier.dev/{level}" for level in LEVELS}
FABRIC: Fabric = declared([(level, LABELS[level]) for level in LEVELS])

Tree = Mapping[str, "Tree | list[int]"]
"""Zones of blocks of racks of free GPUs a host: {"z": {"b": {"r": [8, 4]}}}."""


def node(name: str, gpus: int, path: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A node with GPUs, and a place in zone, block and rack as far as `path` goes."""
    labels = {LABELS[level]: value for level, value in zip(LEVELS, path, strict=False) if value}
    holds = {"cpu": "1000", "memory": "4Ti", "pods": "250", GPU: str(gpus)} | more.pop("holds", {})
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels, **more.pop("labels", {})}},
        "spec": more,
        "status": {"allocatable": holds},
    }


def fleet(tree: Tree, fabric: Fabric | None = FABRIC) -> Fleet:
    """A fleet of hosts named after their path: z-b-r-0."""
    return Fleet(fabric, nodes(tree))


def nodes(tree: Tree) -> list[dict[str, Any]]:
    return [node("-".join((*path, str(index))), gpus, path) for path, index, gpus in _hosts(tree, ())]


def racks(*free: list[int]) -> Fleet:
    """One block of racks r0, r1, ... with these free GPUs a host."""
    return fleet({"z": {"b": {f"r{index}": hosts for index, hosts in enumerate(free)}}})


def shape(gpus: int, **requests: str) -> Shape:
    asked = {GPU: str(gpus)} if gpus else {}
    return shape_of({"spec": {"containers": [{"name": "c", "resources": {"requests": asked | requests}}]}})


def seats(role: str, count: int, instance: str = "0", **place: Any) -> Seats:
    """`count` pods of a role, in an instance such as `0/prefill/1`."""
    path = "/".join(step for step in f"{instance}/{role}".split("/") if not step.isdecimal())
    return Seats(path, tuple(f"{instance}/{role}/{index}" for index in range(count)), where(**place))


def bundle(name: str, *parts: Bundle | Seats, **place: Any) -> Bundle:
    return Bundle(name, where(**place), parts)


def where(spread: str | None = None, required: bool = False, **levels: str) -> Place:
    """`levels`: within, prefer, balance."""
    apart = None if spread is None else Spread(over=spread, strength="required" if required else "preferred")
    return Place.model_validate({**levels, "spread": apart})


def gang(
    *parts: Bundle | Seats,
    name: str = "g",
    scopes: tuple[Scope, ...] = (),
    copy: int = 0,
    talks: tuple[Talk, ...] = (),
    **place: Any,
) -> Gang:
    return Gang(name, True, copy, scopes, Bundle(str(copy), where(**place), parts), talks=talks)


def demand(wanted: Gang, shapes: Mapping[str, Shape | int], **more: Any) -> Demand:
    """A demand; a shape may be given as its number of GPUs."""
    return Demand(wanted, {role: each if isinstance(each, Shape) else shape(each) for role, each in shapes.items()}, **more)


def _hosts(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int, int]]:
    for name, inner in tree.items():
        if isinstance(inner, list):
            yield from (((*path, name), index, gpus) for index, gpus in enumerate(inner))
        else:
            yield from _hosts(inner, (*path, name))
