"""Which nodes took pods with them, as an operator would say it: a node, a rack, a number of nodes. Pure."""

from collections.abc import Callable, Sequence

from activities.cluster.kube import Manifest
from activities.state.standing import Standing
from specs.sections import section
from topology.supply.fabric import Fabric, discovered

NAMED = 3
"""Nodes that are told by name; of more, how many."""


def lost(standings: Sequence[Standing], node: Callable[[str], Manifest | None], fabric: Fabric | None) -> str:
    """`node a with 2 pods`, `rack r7 (18 nodes) with 36 pods`; empty where nothing was lost."""
    names = sorted({standing.pod.node for standing in standings if standing.pod})
    if not names:
        return ""
    pods = "1 pod" if len(standings) == 1 else f"{len(standings)} pods"
    return f"{_where(names, [node(name) for name in names], fabric)} with {pods}"


def _where(names: Sequence[str], nodes: Sequence[Manifest | None], fabric: Fabric | None) -> str:
    if len(names) == 1:
        return f"node {names[0]}"
    labels = [section(each, "metadata", "labels") for each in nodes if each]
    found = fabric or discovered(labels)
    domain = ""
    for place, level in enumerate(found.levels):
        there = {found.path(each)[place] for each in labels}
        if len(labels) == len(names) and len(there) == 1 and "" not in there:
            domain = f"{level.name} {min(there)} ({len(names)} nodes)"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return domain or f"nodes {', '.join(names[:NAMED])}{more}"
