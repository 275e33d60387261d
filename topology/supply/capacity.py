"""What a pod takes of a node: its effective requests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from specs.sections import section
from topology.supply.quantity import MOST, quantity

PODS = "pods"
"""Every pod takes one pod slot of its node."""
Requests = tuple[tuple[str, int], ...]
"""Resource and amount, by name; see `topology.supply.quantity` for the units. What is not asked for is left out."""
_POD_LEVEL = ("cpu", "memory", "hugepages-")


def pod_requests(spec: Mapping[str, Any]) -> Requests:
    """Effective requests of a pod spec: what the scheduler reserves for it, one pod slot included.

    The containers run together with the sidecars (restartable init containers); an init container runs with the sidecars that
    started before it; the larger of the two counts. Pod-level resources take the place of the sum. Overhead comes on top.
    A limit without a request is a request.
    Raises ValueError, naming the container, for a bad quantity. Cost: linear in containers, about 10 us each.
    Source: KEP-753 (sidecars), KEP-2837 (pod-level resources), KEP-688 (overhead).
    """
    running = _sum(_asked(c, "container") for c in _listed(spec, "containers"))
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in _listed(spec, "initContainers"):
        asked = _asked(container, "init container")
        if container.get("restartPolicy") == "Always":
            sidecars = _sum((sidecars, asked))
            asked = {}
        peak = _most(peak, _sum((sidecars, asked)))
    total = _most(peak, _sum((running, sidecars)))
    total |= _pod_level(spec, total)
    total = _sum((total, _amounts(spec.get("overhead") or {}, "overhead"), {PODS: 1}))
    if too_much := [name for name, amount in total.items() if amount > MOST]:
        raise ValueError(f"its containers together ask for more than {MOST} of {too_much[0]}; ask for what one node can have")
    return tuple(sorted((name, amount) for name, amount in total.items() if amount))


def amounts(listed: Mapping[str, Any], whose: str) -> Requests:
    """A resource list, such as a node's allocatable. Raises ValueError, saying whose, for a bad quantity."""
    return tuple(sorted(_amounts(listed, whose).items()))


def _pod_level(spec: Mapping[str, Any], asked: Mapping[str, int]) -> dict[str, int]:
    """Resources that the pod asks for as a whole. A pod-level limit is a request where no container asks for the resource."""
    resources = section(spec, "resources")
    requests = _amounts(resources.get("requests") or {}, "the pod's resources")
    limits = _amounts(resources.get("limits") or {}, "the pod's resources")
    alone = {name: amount for name, amount in limits.items() if not asked.get(name)}
    return {name: amount for name, amount in (alone | requests).items() if name.startswith(_POD_LEVEL)}


def _asked(container: Mapping[str, Any], what: str) -> dict[str, int]:
    resources = section(container, "resources")
    whose = f"{what} {container.get('name', '')!r}"
    return _amounts(resources.get("limits") or {}, whose) | _amounts(resources.get("requests") or {}, whose)


def _amounts(listed: Mapping[str, Any], whose: str) -> dict[str, int]:
    try:
        return {name: quantity(name, written) for name, written in listed.items()}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{whose}: {error}") from None


def _listed(spec: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    return spec.get(field) or ()


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return total


def _most(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in (*one, *other)}
