"""Plans that change what runs: repair, preemption and defragmentation of a snapshot. Needs no cluster and no server."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from specs.fabric import Fabric as FabricObject
from specs.names import hostname
from specs.strict import did_you_mean
from specs.system import InferenceSystem
from topology.demand import Answer, Demand, Granted, requests_of
from topology.line.apartness import kept_apart
from topology.line.batch import solve
from topology.line.turns import in_turn
from topology.moves.defragment import Defragmentation, Move, defragment, seat_of
from topology.moves.preempt import Preemption, informed, preemptions, waits_for_room
from topology.moves.repairs import repairs
from topology.planning.plan import Json, hold, separate, told
from topology.planning.running import demands_of
from topology.planning.tenancy import priority_of, read_tenancy, seats_of
from topology.planning.whatif import WhatIfError
from topology.supply.claims import Seat
from topology.supply.fleet import Fleet
from topology.supply.snapshot import items_of, read_fleet
from topology.supply.tenants import Held, Tenancy, Tenant

Declared = InferenceSystem | FabricObject


@dataclass(frozen=True, slots=True)
class _Running:
    """A system with its gangs, as far as they are in the snapshot."""

    system: InferenceSystem
    demands: Sequence[Demand]

    @property
    def name(self) -> str:
        return self.system.metadata.name

    def told(self, answers: Sequence[Answer]) -> Json:
        return told(self.system, [each.gang for each in self.demands], answers)

    def hold(self, fleet: Fleet, demand: Demand, answer: Answer) -> None:
        hold(fleet, self.system.metadata.namespace, self.name, answer, demand.shapes)


@dataclass(slots=True)
class _Scene:
    """What files say."""

    fleet: Fleet
    seats: Mapping[Seat, Held]
    tenancy: Tenancy
    systems: Sequence[_Running]


def plan_repairs(declared: Sequence[Declared], snapshot: Mapping[str, Any], lost: Collection[str] = ()) -> Json:
    """How systems that have lost pods are made whole: {"systems": [...], "moves": [...], "moved": 0, "atLeast": 0}.

    Lost is every declared pod that is not in the snapshot, or is on a node that is not there, not ready, or named in `lost`.
    `moves` lists lost pods (`from` is null, or the lost node) and those that change their place for them. Raises `SnapshotError`,
    ValueError or LookupError for what can't be read, `WhatIfError` for a node in `lost` that is not there.
    """
    scene = _scene(declared, snapshot, lost)
    demands = [each for running in scene.systems for each in running.demands]
    found = repairs(scene.fleet, demands)
    answers = iter(found.answers)
    systems = [running.told([next(answers) for _ in running.demands]) for running in scene.systems]
    was = {seat: held.node for seat, held in scene.seats.items()}
    moves = [
        _moved(each, slot, was.get(seat_of(each, slot)), node)
        for each, answer in zip(demands, found.answers, strict=True)
        if isinstance(answer, Granted)
        for slot, node in answer.nodes.items()
        if each.keep.get(slot) != node
    ]
    return {"systems": systems, "moves": moves, "moved": found.moved, "atLeast": found.least}


def plan_preemption(declared: Sequence[Declared], snapshot: Mapping[str, Any]) -> Json:
    """Who would leave for systems of higher priority that have no room: {"systems": [...], "preemptions": [...]}.

    Each system after the ones before it, each gang in turn. Raises as `plan_repairs` does, and for a PriorityClass that the
    snapshot does not have.
    """
    scene = _scene(declared, snapshot)
    systems: list[Json] = []
    told_of: list[Json] = []
    for running in scene.systems:
        answers = _placed(scene, running)
        found = preemptions(scene.fleet, running.demands, answers, scene.tenancy, partial(running.hold, scene.fleet))
        for index, one in found.items():
            answers[index] = one.granted
            _leave(scene, one.victims)
            if one.victims:
                told_of.append(_preempted(running.demands[index], one))
        systems.append(running.told(answers))
    return {"systems": systems, "preemptions": told_of}


def plan_defragmentation(declared: Sequence[Declared], snapshot: Mapping[str, Any]) -> Json:
    """Which pods would move so that systems find room: {"systems": [...], "defragmentations": [...]}.

    Systems of which pods are in the snapshot may be moved about; the others are to be let in, each after the ones before it, by
    at most `topology.moves.defragment.MOST_MOVES` moves a gang.
    Raises as `plan_repairs` does.
    """
    scene = _scene(declared, snapshot)
    residents = [each for running in scene.systems for each in running.demands if each.keep]
    systems: list[Json] = []
    found: list[Json] = []
    for running in scene.systems:
        answers = _placed(scene, running)
        for index in in_turn(running.demands):
            if waits_for_room(running.demands, answers, index):
                demand = informed(running.demands, answers, index)
                plan = defragment(scene.fleet, demand, residents)
                if isinstance(plan, Defragmentation) and plan.moves:
                    found.append(_defragmented(demand, plan, residents))
                    residents = _after(scene.fleet, residents, plan.moves)
                answers[index] = plan.granted if isinstance(plan, Defragmentation) else plan
                running.hold(scene.fleet, demand, answers[index])
        systems.append(running.told(answers))
    return {"systems": systems, "defragmentations": found}


def _scene(declared: Sequence[Declared], snapshot: Mapping[str, Any], lost: Collection[str] = ()) -> _Scene:
    fabric = next((each for each in declared if isinstance(each, FabricObject)), None)
    fleet = read_fleet(snapshot, fabric)
    for node in sorted(lost):
        if node not in fleet.hosts:
            near = did_you_mean(node, tuple(fleet.hosts)) or "; name one that it has"
            raise WhatIfError(f"the snapshot has no node {node!r}{near}")
        fleet.drop_node(node)
    items = items_of(snapshot)
    seats = seats_of(items)
    systems: list[_Running] = []
    separate(fleet, [each for each in declared if isinstance(each, InferenceSystem)])
    for each in declared:
        if isinstance(each, InferenceSystem):
            priority, may = priority_of(each.metadata.name, each.spec, items)
            demands = kept_apart(fleet, demands_of(fleet, each, seats, priority))
            systems.append(_Running(each, [replace(demand, preempts=may) for demand in demands]))
    return _Scene(fleet, seats, read_tenancy(items), systems)


def _placed(scene: _Scene, running: _Running) -> list[Answer]:
    """Where its gangs go without anybody having to move. What is granted is held."""
    answers = solve(scene.fleet, running.demands)
    for demand, answer in zip(running.demands, answers, strict=True):
        running.hold(scene.fleet, demand, answer)
    return list(answers)


def _leave(scene: _Scene, victims: Sequence[Tenant]) -> None:
    gone = {each.name for each in victims}
    for each in victims:
        for pod in each.pods:
            scene.fleet.vacate(pod.seat, pod.node)
    scene.tenancy = replace(scene.tenancy, tenants=tuple(each for each in scene.tenancy.tenants if each.name not in gone))


def _after(fleet: Fleet, residents: Sequence[Demand], moves: Sequence[Move]) -> list[Demand]:
    """Residents where the moves have brought them; the fleet follows."""
    found = list(residents)
    for move in moves:
        each = found[move.resident]
        fleet.vacate(seat_of(each, move.slot), move.source)
        devices = {move.slot: move.devices}
        fleet.grant(f"{each.system}/{move.slot}", seat_of(each, move.slot), move.target, requests_of(each, move.slot, devices))
        found[move.resident] = replace(each, keep={**each.keep, move.slot: move.target}, devices={**each.devices, **devices})
    return found


def _moved(demand: Demand, slot: str, source: str | None, target: str) -> Json:
    namespace, system, _ = seat_of(demand, slot)
    why = "moved" if slot in demand.keep else "lost"
    return {
        "namespace": namespace, "system": system, "pod": hostname(system, slot), "why": why, "from": source, "to": target,
    }  # fmt: skip


def _preempted(demand: Demand, found: Preemption) -> Json:
    victims = [
        {
            "name": each.name,
            "priority": each.priority,
            "minimum": each.minimum,
            "pods": [{"name": pod.pod, "node": pod.node} for pod in each.pods],
        }
        for each in found.victims
    ]
    return {
        "system": demand.system, "gang": demand.gang.name, "priority": demand.priority, "pods": found.pods,
        "proven": found.proven, "victims": victims,
    }  # fmt: skip


def _defragmented(demand: Demand, plan: Defragmentation, residents: Sequence[Demand]) -> Json:
    moves = [_moved(residents[move.resident], move.slot, move.source, move.target) for move in plan.moves]
    return {
        "system": demand.system, "gang": demand.gang.name, "pods": len(demand.gang.slots()), "moved": len(moves),
        "atLeast": plan.least, "moves": moves,
    }  # fmt: skip
