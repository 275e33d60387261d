"""FGD: fragmentation gradient descent, a rival policy, after its paper."""

from collections import Counter
from collections.abc import Sequence
from math import exp, floor

import numpy as np

from benchmarks.openb import Server
from topology.supply.devices import WHOLE, Chosen, ways, without
from topology.supply.usual import Usual

POPULAR = 0.95
"""Share of pods that the most frequent kinds make up which it looks at."""


class FGD:
    """The server, and the device, where what the next usual pod could not use grows least.

    Scores are whole numbers from 0 to 100, as in kube-scheduler, so many are equal. Memory does not count in them.
    Source: Weng et al., "Beware of Fragmentation" (USENIX ATC 2023).
    """

    def __init__(self, pods: Sequence[Usual]) -> None:
        kinds = Counter((pod.cpu, pod.ask, pod.models) for pod in pods).most_common()
        reached = np.cumsum([count for _, count in kinds]) / len(pods)
        kept = kinds[: int(np.searchsorted(reached, POPULAR)) + 1]
        self._cpu = np.array([cpu for (cpu, _, _), _ in kept])
        self._milli = np.array([ask.milli or WHOLE * bool(ask.count) for (_, ask, _), _ in kept])
        self._count = np.array([ask.count or bool(ask.milli) for (_, ask, _), _ in kept], np.int64)
        self._models = [models for (_, _, models), _ in kept]
        counts = np.array([count for _, count in kept])
        self._share = counts / counts.sum()
        self._known: dict[Server, float] = {}

    def best(self, server: Server, pod: Usual) -> tuple[float, Chosen]:
        """What it costs there at least, and with which devices."""
        before = self._unusable(server)
        cpu, memory, free, model = server
        return min((self._cost(before, (cpu - pod.cpu, memory - pod.memory, without(free, pod.ask, chosen), model)), chosen)
                   for chosen in ways(free, pod.ask))  # fmt: skip

    def _cost(self, before: float, after: Server) -> float:
        gain = before - self._unusable(after)
        return -floor(100 / (1 + exp(-gain / WHOLE)))

    def _unusable(self, server: Server) -> float:
        """Thousandths of devices that the next pod could not use, on average."""
        key = (server[0], 0, tuple(sorted(server[2])), server[3])
        if key not in self._known:
            self._known[key] = self._counted(key)
        return self._known[key]

    def _counted(self, server: Server) -> float:
        cpu, _, devices, model = server
        free = np.array(devices)
        enough = free[:, None] >= self._milli
        allowed = np.array([not models or model in models for models in self._models])
        fits = (self._cpu <= cpu) & (enough.sum(axis=0) >= self._count) & (self._count > 0) & allowed
        lost = np.full(len(fits), float(sum(devices)))
        lost[fits] = np.sum(np.where(enough, 0, free[:, None]), axis=0)[fits]
        return float(lost @ self._share)
