"""Nodes that all are to leave: which ones a name means, the taint that says so, and what is still there."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from activities.cluster.kube import NODES, PODS, Kube, Manifest, NotThere, Overtaken
from specs.names import EVACUATE, SYSTEM
from specs.sections import entries, label, section
from specs.strict import did_you_mean
from topology.supply.fleet import Fleet
from workers.failure import Failure, bad_usage
from workers.installing import listed

TRIES = 5
LONGEST_VALUE = 63
Json = dict[str, Any]


def nodes_meant(fleet: Fleet, target: str) -> list[str]:
    """Nodes that `NODE` or `LEVEL=DOMAIN` names, a domain by its name or its path. Raises `Failure`."""
    level, is_level, domain = target.partition("=")
    if not is_level:
        if target in fleet.hosts:
            return [target]
        raise Failure(f"the cluster has no node {target!r}{did_you_mean(target, tuple(fleet.hosts))}", "See: kubectl get nodes")
    if level not in fleet.fabric.names:
        raise bad_usage(f"the fabric has no level {level!r}", f"It has {', '.join(fleet.fabric.names)}.")
    paths = {name: path for name in sorted(fleet.hosts) if (path := fleet.domain(name, level)) is not None}
    meant = sorted({path for path in paths.values() if domain in (path, path.rpartition("/")[2])})
    if len(meant) > 1:
        raise bad_usage(f"{domain!r} is the name of {len(meant)} domains", f"Write one as {level}={meant[0]}.")
    if not meant:
        near = did_you_mean(domain, tuple(dict.fromkeys(paths.values())))
        raise Failure(f"no node is in {level} {domain!r}{near}", "See the fabric with: espalier map")
    return [name for name, path in paths.items() if path == meant[0]]


async def mark(kube: Kube, names: Sequence[str], who: str) -> int:
    """Taint these nodes so that all leaves them; says how many were not yet."""
    value = "".join(each if each.isalnum() else "-" for each in who)[:LONGEST_VALUE].strip("-")
    taint = {"key": EVACUATE, "value": value, "effect": "NoSchedule"}
    return await _rewrite(kube, names, lambda old: old if _is_marked(old) else [*old, taint])


async def unmark(kube: Kube, names: Sequence[str]) -> int:
    """Take the taint away; says how many had it."""
    return await _rewrite(kube, names, lambda old: [each for each in old if each["key"] != EVACUATE])


async def marked(kube: Kube) -> list[str]:
    """Nodes that are being evacuated."""
    return sorted(each["metadata"]["name"] for each in await listed(kube, NODES) if _is_marked(entries(each, "spec", "taints")))


async def left(kube: Kube, names: Collection[str]) -> Mapping[str, int]:
    """System -> pods that are still on these nodes."""
    found: dict[str, int] = {}
    for pod in await listed(kube, PODS, labels=SYSTEM):
        if section(pod, "spec").get("nodeName") in names and section(pod, "status").get("phase") not in ("Succeeded", "Failed"):
            key = f"{pod['metadata']['namespace']}/{label(pod, SYSTEM)}"
            found[key] = found.get(key, 0) + 1
    return dict(sorted(found.items()))


def _is_marked(taints: Sequence[Manifest]) -> bool:
    return any(each["key"] == EVACUATE for each in taints)


async def _rewrite(kube: Kube, names: Sequence[str], change: Callable[[list[Manifest]], list[Manifest]]) -> int:
    return sum([await _rewrite_one(kube, name, change) for name in names])


async def _rewrite_one(kube: Kube, name: str, change: Callable[[list[Manifest]], list[Manifest]]) -> bool:
    for _ in range(TRIES):
        try:
            found = await kube.get(NODES, name)
            old = list(entries(found, "spec", "taints"))
            if (new := change(old)) == old:
                return False
            metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
            await kube.patch(NODES, name, {"metadata": metadata, "spec": {"taints": new}})
        except NotThere:
            return False
        except Overtaken:  # somebody wrote it between: look again
            continue
        return True
    raise Failure(f"node {name} is being written by too many at once", "Try again.")
