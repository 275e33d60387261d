"""Plan: would these systems fit on that cluster, where, and if not, why. Needs no cluster and no server."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from specs.counts import Counts
from specs.fabric import Fabric as FabricObject
from specs.gangs import Gang, expand
from specs.names import hostname
from specs.paths import plain, roles
from specs.system import InferenceSystem
from topology.demand import Answer, Budget, Demand, Granted
from topology.line.batch import solve
from topology.planning.whatif import WhatIfError as WhatIfError
from topology.planning.whatif import check_paths, scaled, with_copies, without
from topology.supply.devices import Chosen
from topology.supply.fleet import Fleet
from topology.supply.fractions import held
from topology.supply.separation import separations
from topology.supply.shapes import Shape, shape_of
from topology.supply.snapshot import SnapshotError as SnapshotError
from topology.supply.snapshot import read_fleet

Json = dict[str, Any]
NO_COUNTS: Counts = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is to be taken as given, though it is not so."""

    without: Sequence[str] = ()
    """Nodes and domains that are not there."""
    added: Sequence[str] = ()
    """Copies of domains, such as `2xrack-7`."""
    scale: Sequence[str] = ()
    """Changes of counts, such as `decode=+4`."""


AS_IT_IS = Supposed()


def plan(
    declared: Sequence[InferenceSystem | FabricObject],
    snapshot: Mapping[str, Any],
    budget: Budget | None = None,
    supposed: Supposed = AS_IT_IS,
) -> Json:
    """Where every gang of the systems would go, each system after the ones before it: {"systems": [...]}.

    `snapshot` is a v1 List of nodes and pods; what is bound or nominated counts as used. A declared Fabric comes before the
    snapshot's own. A gang without room has `placed: false`, a `reason` code, a `message`, and pods with node null.
    Raises `SnapshotError` for a snapshot, `WhatIfError` for what is supposed, ValueError for a pod template, that can't be read.
    """
    fabric = next((each for each in declared if isinstance(each, FabricObject)), None)
    fleet = read_fleet(snapshot, fabric)
    systems = [each for each in declared if isinstance(each, InferenceSystem)]
    check_paths(systems, supposed.scale)
    with_copies(fleet, supposed.added)
    without(fleet, supposed.without)
    separate(fleet, systems)
    allowed = budget or Budget()
    return {"systems": [plan_system(fleet, system, allowed, scaled(system, supposed.scale)) for system in systems]}


def separate(fleet: Fleet, systems: Iterable[InferenceSystem]) -> None:
    """Let the fleet know which systems keep apart from which."""
    for system in systems:
        fleet.separations.put(f"{system.metadata.namespace}/{system.metadata.name}", separations(system))


def plan_system(fleet: Fleet, system: InferenceSystem, budget: Budget, counts: Counts = NO_COUNTS) -> Json:
    """The plan of one system, with counts other than declared if there are any. Its places are granted in the fleet."""
    name, namespace = system.metadata.name, system.metadata.namespace
    shapes = shapes_of_system(system)
    gangs = expand(name, system.spec, counts)
    demands = [Demand(gang, shapes, f"{namespace}/{name}", priority=system.spec.priority) for gang in gangs]
    answers = solve(fleet, demands, budget)
    for answer in answers:
        hold(fleet, namespace, name, answer, shapes)
    return told(system, gangs, answers)


def told(system: InferenceSystem, gangs: Sequence[Gang], answers: Sequence[Answer]) -> Json:
    """What the plan says of one system."""
    name, namespace = system.metadata.name, system.metadata.namespace
    feasible = all(isinstance(answer, Granted) for gang, answer in zip(gangs, answers, strict=True) if gang.minimum)
    listed = [_gang(name, gang, answer) for gang, answer in zip(gangs, answers, strict=True)]
    return {"name": name, "namespace": namespace, "feasible": feasible, "gangs": listed}


def shapes_of_system(system: InferenceSystem) -> dict[str, Shape]:
    """The shape of every role, by its path. Raises ValueError, naming the role, for a template that can't be read."""
    found: dict[str, Shape] = {}
    for path, role in roles(system.spec):
        try:
            found[path] = shape_of(role.template)
        except ValueError as error:
            raise ValueError(f"{system.metadata.name}: role {path!r}: {error}") from None
    return found


def hold(fleet: Fleet, namespace: str, system: str, answer: Answer, shapes: Mapping[str, Shape]) -> None:
    """Grant in the fleet what an answer grants: from then on the places are taken."""
    if not isinstance(answer, Granted):
        return
    for slot, node in answer.nodes.items():
        holds = held(shapes[plain(slot)].requests, answer.devices.get(slot, ()))
        fleet.grant(f"{namespace}/{system}/{slot}", (namespace, system, slot), node, holds)


def _gang(system: str, gang: Gang, answer: Answer) -> Json:
    placed = isinstance(answer, Granted)
    nodes: Mapping[str, str] = answer.nodes if isinstance(answer, Granted) else {}
    return {
        "name": gang.name,
        "minimum": gang.minimum,
        "placed": placed,
        "score": answer.score if isinstance(answer, Granted) else None,
        "reason": None if isinstance(answer, Granted) else answer.code,
        "message": None if isinstance(answer, Granted) else answer.message,
        **_best(answer),
        **_talks(answer),
        "pods": list(_pods(system, gang.slots(), nodes, answer.devices if isinstance(answer, Granted) else {})),
    }


def _best(answer: Answer) -> Json:
    """What a search that ended early had found, and the bound."""
    if isinstance(answer, Granted) or answer.best is None:
        return {}
    return {"best": {"pods": answer.best[0], "bound": answer.best[1]}}


def _talks(answer: Answer) -> Json:
    """Who says how much of it near."""
    if isinstance(answer, Granted) and answer.near:
        return {"talks": [{"between": list(talk.ends), "weight": talk.weight, "near": share} for talk, share in answer.near]}
    return {}


def _pods(system: str, slots: Iterable[str], nodes: Mapping[str, str], devices: Mapping[str, Chosen]) -> Iterable[Json]:
    for slot in slots:
        gpus = {"gpus": list(devices[slot])} if slot in devices else {}
        yield {"name": hostname(system, slot), "role": plain(slot), "node": nodes.get(slot), **gpus}
