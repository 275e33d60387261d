"""Loads: what domains in domains would have to hold, and how much too small they are for it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from topology.search.units import WHOLE
from topology.supply.layout import Ints

Domain = tuple[int, int]
"""Level and index."""
FLEET: Domain = (WHOLE, 0)


@dataclass(slots=True)
class _Node:
    free: Ints
    load: Ints
    inside: Ints
    """What domains inside are too small by."""
    over: Ints


class Loads:
    """What is bound to each domain or to one inside it, by every gauge.

    A domain is too small by what those inside it are, together, or by its own load less what is free: whichever is more. So
    room that is missing twice, in a rack and in the block around it, counts once.
    """

    def __init__(self, free: Callable[[Domain], Ints], around: Callable[[Domain], Domain]) -> None:
        """`free` says what a domain has, `around` which one it lies in."""
        self._free, self._around = free, around
        self._nodes: dict[Domain, _Node] = {}

    def add(self, domain: Domain, needs: Ints, outer: int) -> None:
        """Bind this to a domain and to those around it of levels narrower than `outer`. To undo, add the negative."""
        while True:
            node = self._node(domain)
            if domain[0] > outer:
                node.load += needs
            before = node.over
            node.over = np.maximum(np.maximum(node.inside, node.load - node.free), 0)
            if domain == FLEET:
                return
            domain = self._around(domain)
            self._node(domain).inside += node.over - before

    @property
    def missing(self) -> int:
        """By how much domains are too small, in all."""
        return int(self._node(FLEET).over.sum())

    def take_from(self, left: Ints, level: int, first: int) -> None:
        """Subtract loads from what domains of a level have, one column a domain, from the first on."""
        for (of_level, index), node in self._nodes.items():
            if of_level == level and first <= index < first + left.shape[1]:
                left[:, index - first] -= node.load

    def state(self) -> tuple[tuple[Domain, tuple[int, ...]], ...]:
        """Equal where the same is bound to every domain."""
        return tuple(sorted((domain, tuple(node.load.tolist())) for domain, node in self._nodes.items() if node.load.any()))

    def _node(self, domain: Domain) -> _Node:
        found = self._nodes.get(domain)
        if found is None:
            free = self._free(domain)
            found = self._nodes[domain] = _Node(free, np.zeros_like(free), np.zeros_like(free), np.zeros_like(free))
        return found
