"""openb: a production fleet with shared GPUs and the pods that ran there, from Alibaba's cluster-trace-gpu-v2023."""

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from topology.supply.devices import WHOLE, Ask, Chosen, Free, without
from topology.supply.usual import Usual

Server = tuple[int, int, Free, str]
"""Free cpu (1/1000), memory (bytes), devices (1/1000 each), and their model."""
_NOWHERE = float("inf")


def times(free: Free, ask: Ask) -> int:
    """How many such pods find devices; they must want some."""
    if ask.milli:
        return sum(max(0, left) // ask.milli for left in free)
    return sum(left >= WHOLE for left in free) // ask.count


def fits(pod: Usual, server: Server) -> bool:
    cpu, memory, free, model = server
    if pod.cpu > cpu or pod.memory > memory or (pod.models and model not in pod.models):
        return False
    return not pod.ask.total or times(free, pod.ask) > 0


class Policy(Protocol):
    """Says what a pod costs on a server that it fits on, and which devices it gets; the cheapest server is taken."""

    def best(self, server: Server, pod: Usual) -> tuple[float, Chosen]: ...


def servers_of(data: Path) -> list[Server]:
    """Every node with GPUs, empty."""
    with (data / "openb_node_list_gpu_node.csv").open() as lines:
        return [
            (int(each["cpu_milli"]), int(each["memory_mib"]) << 20, (WHOLE,) * int(each["gpu"]), each["model"])
            for each in csv.DictReader(lines)
        ]


def pods_of(path: Path) -> list[Usual]:
    """Every pod of a list."""
    with path.open() as lines:
        return [
            Usual(
                int(each["cpu_milli"]),
                int(each["memory_mib"]) << 20,
                _ask(each),
                tuple(filter(None, each["gpu_spec"].split("|"))),
            )
            for each in csv.DictReader(lines)
        ]


def _ask(line: dict[str, str]) -> Ask:
    count, milli = int(line["num_gpu"]), int(float(line["gpu_milli"] or 0))
    return Ask(milli=milli) if count == 1 and milli < WHOLE else Ask(count=count)


def arrivals(pods: Sequence[Usual], servers: Sequence[Server], seed: int, load: float) -> list[Usual]:
    """Pods in random order, then random ones again, until they ask for `load` times the GPUs of all servers."""
    rng = random.Random(seed)
    goal = load * sum(sum(free) for _, _, free, _ in servers)
    found: list[Usual] = []
    shuffled = rng.sample(list(pods), len(pods))
    asked = 0
    while asked < goal:
        pod = shuffled.pop() if shuffled else rng.choice(pods)
        found.append(pod)
        asked += pod.ask.total
    return found


def allocated(servers: Sequence[Server], pods: Sequence[Usual], policy: Policy) -> float:
    """Share of all GPUs that is allocated once all pods have come. Of equally good servers the first by name is taken."""
    run = _Run(list(servers), policy)
    return sum(pod.ask.total for pod in pods if run.placed(pod)) / sum(sum(free) for _, _, free, _ in servers)


class _Run:
    def __init__(self, servers: list[Server], policy: Policy) -> None:
        self._servers, self._policy = servers, policy
        self._costs: dict[Usual, list[tuple[float, Chosen]]] = {}
        self._seen: dict[Usual, int] = {}
        self._changes: list[int] = []
        self._known: dict[tuple[Server, Usual], tuple[float, Chosen]] = {}

    def placed(self, pod: Usual) -> bool:
        """Take the cheapest server, if there is one."""
        costs = self._fresh(pod)
        index = min(range(len(costs)), key=lambda each: costs[each][0])
        if costs[index][0] == _NOWHERE:
            return False
        cpu, memory, free, model = self._servers[index]
        free = tuple(sorted(without(free, pod.ask, costs[index][1])))
        self._servers[index] = (cpu - pod.cpu, memory - pod.memory, free, model)
        self._changes.append(index)
        return True

    def _fresh(self, pod: Usual) -> list[tuple[float, Chosen]]:
        costs = self._costs.setdefault(pod, [(_NOWHERE, ())] * len(self._servers))
        seen = self._seen.get(pod)
        for index in range(len(self._servers)) if seen is None else set(self._changes[seen:]):
            costs[index] = self._cost(self._servers[index], pod)
        self._seen[pod] = len(self._changes)
        return costs

    def _cost(self, server: Server, pod: Usual) -> tuple[float, Chosen]:
        found = self._known.get((server, pod))
        if found is None:
            found = self._known[server, pod] = self._policy.best(server, pod) if fits(pod, server) else (_NOWHERE, ())
        return found
