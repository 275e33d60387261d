"""Running: the gangs of a system of which pods are in a snapshot, as demands that keep their places."""

from collections.abc import Mapping

from specs.counts import COPIES, Counts, count_of
from specs.gangs import Gang, expand
from specs.homes import set_of
from specs.system import InferenceSystem, SystemSpec
from topology.demand import Demand
from topology.planning.plan import shapes_of_system
from topology.supply.claims import Seat
from topology.supply.fleet import Fleet
from topology.supply.fractions import chosen
from topology.supply.tenants import Held


def demands_of(fleet: Fleet, system: InferenceSystem, seats: Mapping[Seat, Held], priority: int) -> list[Demand]:
    """Every gang that the manifest declares, or of which a pod is there; what is on nodes that serve keeps its place.

    Raises ValueError, naming the role, for a template that can't be read, LookupError for a pod that the manifest does not know.
    """
    name, namespace, spec = system.metadata.name, system.metadata.namespace, system.spec
    mine = {slot: held.node for (space, of, slot), held in seats.items() if (space, of) == (namespace, name)}
    if odd := sorted(slot for slot in mine if not _is_slot(slot)):
        raise LookupError(
            f"{name}: a pod in the snapshot says that its slot is {odd[0]!r}, which is none; take the snapshot anew"
        )
    devices = {slot: chosen(held.requests) for (space, of, slot), held in seats.items() if (space, of) == (namespace, name)}
    there = {slot: node for slot, node in mine.items() if _serves(fleet, node)}
    gangs = expand(name, spec, counts_of(spec, mine))
    known = {slot for gang in gangs for slot in gang.slots()}
    if unknown := sorted(slot for slot in mine if slot not in known):
        raise LookupError(f"{name}: its pod {unknown[0]!r} is in the snapshot, but not in the manifest; give the one that runs")
    shapes = shapes_of_system(system)
    return [
        Demand(
            gang, shapes, f"{namespace}/{name}",
            taken=settled(fleet, spec, gang, there),
            keep={slot: there[slot] for slot in gang.slots() if slot in there},
            devices={slot: devices[slot] for slot in gang.slots() if slot in there and devices[slot]},
            beside=there,
            priority=priority,
        )
        for gang in gangs
    ]  # fmt: skip


def counts_of(spec: SystemSpec, slots: Mapping[str, str]) -> Counts:
    """The declared counts, and more where pods say that it was scaled up since."""
    most: dict[str, int] = {}
    for slot in slots:
        steps = slot.split("/")
        most[COPIES] = max(most.get(COPIES, spec.replicas), int(steps[0]) + 1)
        for end in range(3, len(steps) + 1, 2):
            path = "/".join(steps[: end - 1])
            most[path] = max(most.get(path) or count_of(spec, {}, path), int(steps[end - 1]) + 1)
    return most


def settled(fleet: Fleet, spec: SystemSpec, gang: Gang, placed: Mapping[str, str]) -> dict[str, str]:
    """Domain of every scope of a gang in which others of its system have their place."""
    own = set(gang.slots())
    found: dict[str, str] = {}
    for scope, _ in gang.domains():
        node = next((node for slot, node in sorted(placed.items()) if slot not in own and _inside(spec, scope.name, slot)), None)
        if node is None or scope.level not in fleet.fabric.names:
            continue
        domain = fleet.domain(node, scope.level)
        if domain is not None:
            found[scope.name] = domain
    return found


def _inside(spec: SystemSpec, scope: str, slot: str) -> bool:
    if scope == "" or slot.startswith(f"{scope}/"):
        return True
    copy, member, index, *_ = slot.split("/")
    number = set_of(spec, member, int(index)) if spec.together else None
    return number is not None and scope == f"{copy}/together/{number[0]}/{number[1]}"


def _serves(fleet: Fleet, node: str) -> bool:
    host = fleet.hosts.get(node)
    return host is not None and host.ready


def _is_slot(slot: str) -> bool:
    """Whether it reads like `0/prefill/2/worker/3`."""
    steps = slot.split("/")
    return (
        len(steps) > 2 and all(step.isdecimal() == (place % 2 == 0) for place, step in enumerate(steps)) and len(steps) % 2 == 1
    )
