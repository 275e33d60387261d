"""Usual: what a host is still worth to the pods that usually come."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from topology.supply.devices import WHOLE, Ask, Free

REHEARSALS = 8
LENGTH = 32
"""Pods that come in one rehearsal."""
_GOLDEN = 0.6180339887498949
"""Multiples of it, less their whole part, fall evenly into any share of 0 to 1."""
_MOST_KNOWN = 500_000


@dataclass(frozen=True, slots=True, order=True)
class Usual:
    """A kind of pod that usually comes: cpu in thousandths, memory in bytes, devices, and their models where not any will do."""

    cpu: int
    memory: int
    ask: Ask
    models: tuple[str, ...] = ()


Floats = npt.NDArray[np.float64]
State = tuple[int, int, Free, str]
"""What is free on a host: cpu in thousandths, memory in bytes, devices; and their model."""


class Mix:
    """The pods that usually come, each kind with its weight, and so what a host is worth.

    A host is worth the thousandths of devices that it would hand out, if it were filled by pods drawn from the mix, on average
    over `REHEARSALS` draws of `LENGTH` pods; one that no longer fits is passed over. What is free but can't be used up, because
    cpu, memory or the rest of a device run out, is worth nothing. The draws never change: equal hosts are worth the same.
    Cost: about 0.1 ms for a host not seen before.
    Source: goes on from Weng et al., "Beware of Fragmentation" (USENIX ATC 2023), which looks one pod ahead.
    """

    def __init__(self, weights: Iterable[tuple[Usual, float]]) -> None:
        kinds = sorted((kind, weight) for kind, weight in weights if kind.ask.total and weight > 0)
        if not kinds:
            raise ValueError("a mix of usual pods has no pod that wants a GPU; name one at least, with its weight")
        edges = list(accumulate(weight for _, weight in kinds))
        self._kinds = [(kind.cpu, kind.memory, kind.ask.count, kind.ask.milli) for kind, _ in kinds]
        self._models = [kind.models for kind, _ in kinds]
        draws = ((number + 1) * _GOLDEN % 1 for number in range(REHEARSALS * LENGTH))
        drawn = [min(bisect_right(edges, share * edges[-1]), len(kinds) - 1) for share in draws]
        self._rehearsals = [drawn[start : start + LENGTH] for start in range(0, len(drawn), LENGTH)]
        self._known: dict[State, float] = {}

    def worth(self, cpu: int, memory: int, free: Free, model: str = "") -> float:
        """Thousandths of devices that such a host would hand out."""
        state = (cpu, memory, tuple(sorted(free)), model)
        found = self._known.get(state)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[state] = self._rehearsed(*state)
        return found

    def _rehearsed(self, cpu: int, memory: int, free: Free, model: str) -> float:
        largest, whole = max(free, default=0), sum(left == WHOLE for left in free)
        able = [
            asked_cpu <= cpu and asked_memory <= memory and count <= whole and milli <= largest and model in (models or (model,))
            for (asked_cpu, asked_memory, count, milli), models in zip(self._kinds, self._models, strict=True)
        ]
        if not any(able):
            return 0.0
        total = sum(self._filled(cpu, memory, free, [kind for kind in drawn if able[kind]]) for drawn in self._rehearsals)
        return total / len(self._rehearsals)

    def _filled(self, cpu: int, memory: int, free: Free, drawn: list[int]) -> int:
        """Thousandths handed out when these come one after the other; each takes the tightest devices."""
        left, whole = sorted(each for each in free if 0 < each < WHOLE), sum(each == WHOLE for each in free)
        handed = 0
        for kind in drawn:
            asked_cpu, asked_memory, count, milli = self._kinds[kind]
            if asked_cpu > cpu or asked_memory > memory:
                continue
            if milli:
                place = bisect_left(left, milli)
                if place < len(left):
                    rest = left.pop(place) - milli
                elif whole:
                    whole -= 1
                    rest = WHOLE - milli
                else:
                    continue
                if rest:
                    insort(left, rest)
                handed += milli
            elif whole >= count:
                whole -= count
                handed += count * WHOLE
            else:
                continue
            cpu -= asked_cpu
            memory -= asked_memory
        return handed


@dataclass(slots=True)
class Losses:
    """What hosts would be worth less with one more pod of some shape, by host, after so many changes of the fleet."""

    mix: Mix
    at: Floats
    seen: int
