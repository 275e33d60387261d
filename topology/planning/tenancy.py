"""Tenancy of a snapshot: whose pods are on the nodes, what they may be taken for, and what a manifest's pods may take."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specs import names
from specs.paths import roles
from specs.sections import annotation, entries, label, section
from specs.strict import did_you_mean
from specs.system import SystemSpec
from topology.supply.claims import Seat, read_claim
from topology.supply.snapshot import REMEDY, SnapshotError
from topology.supply.tenants import Held, Tenancy, Tenant

Object = Mapping[str, Any]
MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a pod that its node runs by itself."""
NEVER = "Never"
BUILT_IN = {"system-cluster-critical": (2_000_000_000, True), "system-node-critical": (2_000_001_000, True)}


@dataclass(slots=True)
class _Found:
    """Pods of one gang so far."""

    pods: list[Held]
    priority: int
    path: str
    """Of the gang, for pods of ours; "" for others."""
    stays: bool


def read_tenancy(items: Sequence[Object]) -> Tenancy:
    """Who holds room, from the pods of a snapshot that is known to be readable.

    Pods of one gang are one tenant: the labels that Espalier gives them say which, and whether it is a base gang. Any other pod
    is a tenant by itself; one of a DaemonSet, or that its node runs by itself, stays. Raises `SnapshotError` for a bad priority.
    """
    gangs: dict[str, _Found] = {}
    leaving: list[Held] = []
    for index, pod in enumerate(items):
        held = _held(pod) if pod.get("kind") == "Pod" else None
        if held is not None and section(pod, "metadata").get("deletionTimestamp"):
            leaving.append(held)
        elif held is not None:
            _add(gangs, pod, held, index)
    return Tenancy(tuple(_tenants(gangs)), tuple(leaving))


def seats_of(items: Sequence[Object]) -> dict[Seat, Held]:
    """Where every pod of ours is that is not leaving."""
    found: dict[Seat, Held] = {}
    for pod in items:
        held = _held(pod) if pod.get("kind") == "Pod" else None
        if held is not None and held.seat[1] and not section(pod, "metadata").get("deletionTimestamp"):
            found[held.seat] = held
    return found


def priority_of(system: str, spec: SystemSpec, items: Sequence[Object]) -> tuple[int, bool]:
    """Priority of a system's pods, and whether they may preempt others, by the PriorityClasses of a snapshot.

    Raises ValueError where there is no such class, or not one for all.
    """
    classes = dict(BUILT_IN)
    default = (0, True)
    for item in items:
        if item.get("kind") == "PriorityClass":
            found = _class(item)
            classes[str(section(item, "metadata").get("name"))] = found
            default = found if item.get("globalDefault") else default
    found_by = {path: _of_role(system, path, role.template, classes, default) for path, role in roles(spec)}
    (first, one), *others = found_by.items()
    for path, other in others:
        if other[0] != one[0]:
            what = f"roles {first} and {path} have pods of different priority ({one[0]} and {other[0]})"
            raise ValueError(f"{system}: {what}, but a system gets its room as one; give them one priorityClassName")
    return one[0], all(may for _, may in found_by.values())


def _of_role(
    system: str, path: str, template: Object, classes: Mapping[str, tuple[int, bool]], default: tuple[int, bool]
) -> tuple[int, bool]:
    spec = section(template, "spec")
    name = spec.get("priorityClassName") or ""
    if name and name not in classes:
        near = did_you_mean(name, tuple(classes))
        remedy = "take the snapshot with: kubectl get nodes,pods,priorityclasses -A -o json"
        raise ValueError(
            f"{system}: role {path!r} names the PriorityClass {name!r}, which is not in the snapshot{near}; {remedy}"
        )
    value, may = classes[name] if name else default
    return value, may and spec.get("preemptionPolicy") != NEVER


def _class(item: Object) -> tuple[int, bool]:
    value: object = item.get("value", 0)
    if not isinstance(value, int):
        raise SnapshotError(
            f"PriorityClass {section(item, 'metadata').get('name')!r}: value is {value!r}, not a number; {REMEDY}"
        )
    return value, item.get("preemptionPolicy") != NEVER


def _held(pod: Object) -> Held | None:
    claim = read_claim(pod)
    return None if claim is None else Held(str(section(pod, "metadata").get("name")), claim.seat, claim.node, claim.requests)


def _add(gangs: dict[str, _Found], pod: Object, held: Held, index: int) -> None:
    namespace, system, slot = held.seat
    priority: object = section(pod, "spec").get("priority") or 0
    if not isinstance(priority, int):
        raise SnapshotError(f"items[{index}] (Pod {held.pod!r}): its priority is {priority!r}, not a number; {REMEDY}")
    gang = label(pod, names.GANG) if system else ""
    name = f"{namespace}/{gang or held.pod}"
    path = _gang_path(system, gang, slot) if gang else ""
    found = gangs.setdefault(name, _Found([], priority, path, stays=False))
    found.pods.append(held)
    found.priority = max(found.priority, priority)
    found.stays = found.stays or _is_daemon(pod)


def _gang_path(system: str, gang: str, slot: str) -> str:
    """The path that a gang is named after: the copy, an instance around the slot, or the slot; a together-set's is not told."""
    steps = slot.split("/")
    around = (steps[0], *("/".join(steps[:end]) for end in range(3, len(steps) + 1, 2)))
    return next((path for path in around if names.gang_name(system, path) == gang), f"{steps[0]}/together")


def _is_daemon(pod: Object) -> bool:
    owners = entries(pod, "metadata", "ownerReferences")
    return bool(annotation(pod, MIRROR)) or any(owner.get("kind") == "DaemonSet" for owner in owners)


def _tenants(gangs: Mapping[str, _Found]) -> Iterator[Tenant]:
    paths = {(each.pods[0].seat[:2], each.path): name for name, each in gangs.items() if each.path}
    for name, each in sorted(gangs.items()):
        above = _above(each.path)
        needs = next((found for path in above if (found := paths.get((each.pods[0].seat[:2], path)))), "")
        base = not each.path or "/" not in each.path
        yield Tenant(name, tuple(sorted(each.pods, key=lambda pod: pod.seat)), each.priority, base, needs, each.stays)


def _above(path: str) -> Iterable[str]:
    """Paths of gangs that one may add to, the nearest first: `0/prefill/2` and `0` of `0/prefill/2/worker/3`."""
    steps = path.split("/")
    if steps[-1] == "together":
        return [steps[0]]
    return ["/".join(steps[:end]) for end in range(len(steps) - 2, 0, -2)]
