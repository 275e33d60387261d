"""Gauges: upper bounds on what a domain can hold, each one number a domain, so that most of a search needs no hosts."""

from collections.abc import Sequence
from dataclasses import dataclass

from topology.supply.capacity import PODS
from topology.supply.eligibility import Rule
from topology.supply.shapes import Shape, is_scarce

_VOLUMES = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Gauge:
    """Pods count `weights[kind]` each, and a domain holds no more than the pods of `shape` that fit there.

    Exact when it is about one kind. For kinds that share a resource, and each quantum q that one of them asks for, a pod of
    size p counts p // q and a host with f free counts f // q: what fits never exceeds that, and where sizes divide each other
    the gauges of all sizes together are exact.
    Source: dual feasible functions for bin packing (Fekete and Schepers, 2001).
    """

    shape: Shape
    weights: tuple[int, ...]


def gauges_of(kinds: Sequence[Shape], tight: bool = False) -> tuple[Gauge, ...]:
    """The gauges of some kinds of pods: one for each kind, then the shared ones. `tight` adds cpu and memory by volume."""
    own = [Gauge(kind, tuple(_includes(other, kind) for other in kinds)) for kind in kinds]
    if len(kinds) == 1:
        return tuple(own)
    rules = list(dict.fromkeys(kind.rule for kind in kinds))
    return (*own, *(gauge for rule in rules for gauge in _shared(kinds, rule, tight)))


def _includes(large: Shape, small: Shape) -> int:
    """1 when a host that takes the large pod could take the small one in its stead."""
    if large.rule != small.rule:
        return 0
    asked = dict(large.requests)
    return int(all(asked.get(name, 0) >= amount for name, amount in small.requests))


def _shared(kinds: Sequence[Shape], rule: Rule, tight: bool) -> list[Gauge]:
    asked = [dict(kind.requests) if kind.rule == rule else {} for kind in kinds]
    made: list[Gauge] = []
    for name in sorted({name for each in asked for name in each}):
        sizes = sorted({each[name] for each in asked if each.get(name)})
        if is_scarce(name) and len(sizes) > 1:
            made += [_by_size(asked, rule, name, size) for size in sizes]
        elif tight and len([each for each in asked if each.get(name)]) > 1 and name in (*_VOLUMES, PODS):
            made.append(_by_size(asked, rule, name, 1))
    return made


def _by_size(asked: Sequence[dict[str, int]], rule: Rule, name: str, size: int) -> Gauge:
    return Gauge(Shape(((name, size),), rule), tuple(each.get(name, 0) // size for each in asked))
