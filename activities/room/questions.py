"""The solver's questions, in the words of placement, and its answers."""

from collections.abc import Callable, Sequence
from typing import cast

from activities.cache.accepted import Accepted
from activities.cache.placements import Waiting
from activities.room.demands import Want
from activities.room.neighbours import Neighbours
from activities.room.room import Room
from activities.telemetry import failed
from topology.demand import Answer, Code, Demand, Granted, NoRoom
from topology.line.apartness import kept_apart
from topology.line.batch import solve
from topology.line.holding import holding
from topology.moves.repairs import repaired_in_turn
from topology.supply.devices import Chosen
from topology.supply.eligibility import SET_ASIDE
from topology.supply.fleet import Fleet
from topology.supply.fractions import read_indexes
from topology.supply.separation import separations
from topology.supply.tenants import Held

FAULT: Code = "Fault"


def demand_of(fleet: Fleet, want: Want, neighbours: Neighbours, preempts: bool = False) -> Demand:
    """What a gang asks of placement; `preempts`: others may have to leave for it."""
    want.accepted.check_claims(want.asked.home)
    shapes = {**want.accepted.shapes, **{role: older.shapes[role] for role, older in want.older.items()}}
    excluded = {role: frozenset(node for of, node in want.excluded if of == role) for role, _ in want.excluded}
    own = {**want.asked.home, **want.leaving} if want.keep or want.leaving else {}
    taken = {**neighbours.settled(want.gang, own, fleet.domain), **_told_domains(fleet, want)}
    asked = Demand(
        gang=want.gang,
        shapes=shapes,
        system="/".join(want.asked.key),
        taken=taken,
        keep=want.keep,
        devices={slot: chosen for slot in want.keep if (chosen := _devices_of(want, slot))},
        beside=neighbours.beside(own),
        excluded=excluded,
        priority=want.asked.newest.pod_priority,
        age_rank=want.turn,
        batch=want.batch,
        known=known_of(want),
        aged=want.aged,
        preempts=preempts,
    )
    (found,) = kept_apart(fleet, [asked])
    return found


def _devices_of(want: Want, slot: str) -> Chosen:
    home = want.asked.home.get(slot)
    return read_indexes(home.devices.get(slot, "")) if home else ()


def heard(accepted: Accepted) -> Callable[[Fleet], None]:
    """Lets the fleet know which systems one keeps apart from."""
    system = f"{accepted.owner.namespace}/{accepted.owner.name}"
    return lambda fleet: fleet.separations.put(system, separations(accepted.system))


def _told_domains(fleet: Fleet, want: Want) -> dict[str, str]:
    levels = {scope.name: scope.level for scope, _ in want.gang.domains() if scope.name in want.beside}
    found = {name: fleet.domain(want.beside[name], level) for name, level in levels.items()}
    return {name: domain for name, domain in found.items() if domain is not None}


def known_of(want: Want) -> NoRoom | None:
    """What it was told, in the words of placement."""
    known = want.known
    return None if known is None else NoRoom(want.gang.name, cast("Code", known.reason), known.message, promised=known.promised)


def solved(fleet: Fleet, demands: Sequence[Demand], wanted: Sequence[Want], leaving: Sequence[Held] = ()) -> list[Answer]:
    """As `solve`; where a gang that lost a part can't be made whole around the rest, all that lost some are settled as one."""
    answers = solve(fleet, demands, leaving=leaving)
    fixed = [isinstance(each, NoRoom) and each.promised is not None for each in answers]
    hurt = [index for index, each in enumerate(demands) if each.keep and not fixed[index] and not wanted[index].asked.has_grown]
    if all(isinstance(answers[index], Granted) for index in hurt):
        return answers
    with holding(fleet) as hold:
        for index, (demand, answer) in enumerate(zip(demands, answers, strict=True)):
            if index not in hurt:
                hold(demand, answer)
        for index, answer in zip(hurt, repaired_in_turn(fleet, [demands[index] for index in hurt]), strict=True):
            answers[index] = answer
    return answers


def solved_apart(fleet: Fleet, demands: Sequence[Demand], wanted: Sequence[Want]) -> list[Answer]:
    """Each alone, after solving all together has failed by a fault: only the gang that brings it about has to wait."""
    answers: list[Answer] = []
    with holding(fleet) as hold:
        for demand, want in zip(demands, wanted, strict=True):
            try:
                (answer,) = solved(fleet, [demand], [want])
            except Exception as error:  # noqa: BLE001 - whatever it is, others must not wait for it
                failed("gang_not_solved", error, gang=demand.gang.name)
                answer = NoRoom(
                    demand.gang.name, FAULT, f"placing it failed by a fault of Espalier's own: {error}; see the agent's log"
                )
            answers.append(answer)
            hold(demand, answer)
    return answers


def told(answer: Answer, want: Want) -> Room | Waiting:
    """The answer in the solver's words; where refusals stand in the way, with what the scheduler said."""
    if isinstance(answer, Granted):
        return Room(answer.nodes, answer.devices)
    if SET_ASIDE not in answer.message or not want.excluded:
        return Waiting(answer.code, answer.message)
    (_, node), said = min(want.excluded.items())
    return Waiting(answer.code, f"{answer.message}; on {node} the scheduler said: {said}")
