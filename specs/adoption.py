"""Adoption: which pod of a PodCliqueSet that Grove ran takes which seat, so that none has to be made anew. Pure.

Grove removes pods without regard to their index and leaves holes; a seat's index has none. So pods are seated in the order of
their indexes: a pod with index 2 may take seat 1, and keeps its name and host name.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specs.counts import Counts, instances
from specs.grove import CliqueSystem
from specs.grove_pods import CLIQUE, CLIQUE_INDEX
from specs.members import Group
from specs.names import instance_name
from specs.paths import COPIES
from specs.sections import label

GROVES_FINALIZER = "grove.io/podcliqueset.grove.io"


@dataclass(frozen=True)
class Adoption:
    """What is taken over of one set."""

    counts: Counts
    """As its cliques and groups say now."""
    paths: Mapping[str, str]
    """Name of a PodClique or PodCliqueScalingGroup -> path of its instance."""
    seats: Mapping[str, str]
    """Name of a pod -> its slot."""
    without: tuple[str, ...]
    """Pods that have no node yet, or that nobody wants: they are made anew, or not at all."""


def adoption(system: CliqueSystem, replicas: Mapping[str, int], pods: Sequence[Mapping[str, Any]]) -> Adoption:
    """`replicas`: of every PodClique and PodCliqueScalingGroup, by name. Cost: linear in pods."""
    name = system.metadata.name
    counts = _counts(system, replicas)
    found = {instance_name(name, path): (path, member, count) for path, member, count in instances(system.spec, counts)}
    by_clique: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for pod in pods:
        by_clique[label(pod, CLIQUE)].append(pod)
    seats: dict[str, str] = {}
    for clique, (path, member, count) in found.items():
        if not isinstance(member, Group):
            seated = sorted(filter(_runs, by_clique[clique]), key=_index)[:count]
            seats |= {pod["metadata"]["name"]: f"{path}/{index}" for index, pod in enumerate(seated)}
    without = tuple(sorted(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"] not in seats))
    return Adoption(counts, {clique: path for clique, (path, _, _) in found.items()}, seats, without)


def _counts(system: CliqueSystem, replicas: Mapping[str, int]) -> Counts:
    """Groups first: how many replicas there are says which cliques there are."""
    counts: dict[str, int] = {COPIES: system.spec.replicas}
    for groups in (True, False):
        counts |= dict(_stated(system, counts, replicas, groups=groups))
    return counts


def _stated(system: CliqueSystem, counts: Counts, replicas: Mapping[str, int], *, groups: bool) -> Iterator[tuple[str, int]]:
    for path, member, count in instances(system.spec, counts):
        if isinstance(member, Group) is groups:
            yield path, replicas.get(instance_name(system.metadata.name, path), count)


def _runs(pod: Mapping[str, Any]) -> bool:
    done = pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
    return bool(pod["spec"].get("nodeName")) and not done and "deletionTimestamp" not in pod["metadata"]


def _index(pod: Mapping[str, Any]) -> tuple[int, str]:
    """Pods of an older Grove have their index in the host name only."""
    index = label(pod, CLIQUE_INDEX) or str(pod["spec"].get("hostname", "")).rpartition("-")[2]
    return int(index) if index.isdecimal() else 0, pod["metadata"]["name"]
