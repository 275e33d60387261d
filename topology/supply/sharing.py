"""Sharing: the GPUs of hosts that share them, one column of what is free for each device."""

from collections.abc import Mapping, Sequence

import numpy as np

from topology.supply.devices import WHOLE, Ask, Chosen, ways
from topology.supply.fractions import MILLI, device
from topology.supply.layout import Ints


class Sharing:
    """The columns of a room that are about devices. `shares` says for each host whether pods share its GPUs."""

    def __init__(self, columns: Mapping[str, int], capacity: Ints) -> None:
        count = next(index for index in range(len(columns) + 1) if device(index) not in columns)
        self.columns = np.array([columns[device(index)] for index in range(count)], np.int64)
        self._milli = columns[MILLI]
        self.shares = capacity[:, self.columns[0]] > 0

    def fits(self, ask: Ask, free: Ints, hosts: Ints | slice) -> Ints | None:
        """How many such pods find devices on each host, whose rows of the table are `free`; None where that says nothing."""
        left: Ints = np.maximum(free[:, self.columns], 0)
        if ask.milli:
            shares: Ints = np.sum(left // ask.milli, axis=1)
            return shares
        if not ask.count:
            return None
        whole: Ints = np.sum(left >= WHOLE, axis=1) // ask.count
        return np.where(self.shares[hosts], whole, np.iinfo(np.int64).max)

    def devices(self, row: Ints) -> tuple[int, ...]:
        """Thousandths free on each device of a host."""
        return tuple(row[self.columns].tolist())

    def choose(self, row: Ints, ask: Ask) -> Chosen:
        """The tightest devices that will do; if none will, because others still hold what is promised, those with most free."""
        free = self.devices(row)
        roomy = sorted(range(len(free)), key=lambda index: (-free[index], index))
        return next(ways(free, ask), tuple(roomy[: ask.count or 1]))

    def taken(self, vector: Ints, ask: Ask, chosen: Sequence[int]) -> Ints:
        """What a pod takes with these devices, when it takes `vector` without."""
        found = vector.copy()
        found[self.columns[list(chosen)]] += ask.milli or WHOLE
        found[self._milli] = ask.total
        return found

    def with_devices(self, row: Ints, vector: Ints, ask: Ask) -> Ints:
        """What a pod takes of a host, its devices chosen if it wants any."""
        return self.taken(vector, ask, self.choose(row, ask)) if ask.total else vector
