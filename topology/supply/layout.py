"""Layout: hosts in the order of the fabric, so that every domain of every level is one stretch of them."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from topology.supply.fabric import Fabric
from topology.supply.hosts import Host

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The domains of one level: domain i holds the hosts from `start[i]` up to, not including, `stop[i]`."""

    names: tuple[str, ...]
    """Paths, broad to narrow, joined by slashes: `zone-a/block-1/rack-3`; an empty step where there is no label."""
    start: tuple[int, ...]
    stop: tuple[int, ...]
    of_host: tuple[int, ...]
    """The domain of each host; -1 for none."""


@dataclass(frozen=True, slots=True)
class Area:
    """Hosts from `low` up to, not including, `high`: a domain of `level`, or the whole fleet (level -1)."""

    level: int
    index: int
    low: int
    high: int


class Layout:
    """Where every host stands. Hosts are sorted by path and name: input order leaves no trace. Cost: O(n log n) to build."""

    def __init__(self, fabric: Fabric, hosts: Iterable[Host]) -> None:
        placed = sorted(((fabric.path(host.labels), host.name, host) for host in hosts), key=lambda each: each[:2])
        self.fabric = fabric
        self.hosts = [host for _, _, host in placed]
        self.names = tuple(host.name for host in self.hosts)
        self.position = {name: index for index, name in enumerate(self.names)}
        paths = [path for path, _, _ in placed]
        self.stretches = tuple(_stretch(paths, level) for level in range(fabric.host))
        self.whole = Area(-1, 0, 0, len(self.hosts))
        self._by_name = tuple({name: index for index, name in enumerate(s.names)} for s in self.stretches)
        self._edges = tuple((np.array(s.start, np.int64), np.array(s.stop, np.int64)) for s in self.stretches)

    def area(self, level: int, index: int) -> Area:
        """A domain, by its position in its level."""
        if level == self.fabric.host:
            return Area(level, index, index, index + 1)
        stretch = self.stretches[level]
        return Area(level, index, stretch.start[index], stretch.stop[index])

    def inside(self, area: Area, level: int, only: int | None = None) -> tuple[int, int]:
        """The domains of a level, no broader than the area's, in the area: from the first up to, not including, the second.

        With `only`: that one domain, if it is among them; else none.
        """
        first, last = self._inside(area, level)
        if only is None:
            return first, last
        return (only, only + 1) if first <= only < last else (0, 0)

    def _inside(self, area: Area, level: int) -> tuple[int, int]:
        if level == self.fabric.host:
            return area.low, area.high
        if level == area.level:
            return area.index, area.index + 1
        start = self.stretches[level].start
        return bisect_left(start, area.low), bisect_left(start, area.high)

    def domain_of(self, host: int, level: int) -> int:
        """The domain that a host is in; -1 for none."""
        return host if level == self.fabric.host else self.stretches[level].of_host[host]

    def domain_name(self, level: int, index: int) -> str:
        """What a domain is called."""
        return self.names[index] if level == self.fabric.host else self.stretches[level].names[index]

    def find(self, level: int, name: str) -> int | None:
        """The domain of that name; None when there is none (any more)."""
        if level == self.fabric.host:
            return self.position.get(name)
        return self._by_name[level].get(name)

    def sums(self, per_host: Ints, level: int) -> Ints:
        """What is in each domain of a level, from what is on each host."""
        start, stop = self._edges[level]
        heap = np.concatenate((np.zeros(1, np.int64), np.cumsum(per_host)))
        return heap[stop] - heap[start]


def _stretch(paths: list[tuple[str, ...]], level: int) -> Stretch:
    keys = [path[: level + 1] for path in paths]
    cuts = [0, *(i for i, (one, next_one) in enumerate(pairwise(keys), 1) if one != next_one), len(keys)] if keys else [0]
    runs = [(low, high) for low, high in pairwise(cuts) if keys[low][level]]
    of_host = [-1] * len(keys)
    for index, (low, high) in enumerate(runs):
        of_host[low:high] = [index] * (high - low)
    names = tuple("/".join(keys[low]) for low, _ in runs)
    return Stretch(names, tuple(low for low, _ in runs), tuple(high for _, high in runs), tuple(of_host))
