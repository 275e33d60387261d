"""PlanMoves, FollowMoves: the moves by which a gang that waits finds room, and what becomes of them."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from activities.cache.accepted import Acceptances
from activities.cache.census import Census, SystemKey
from activities.cache.devices import NotUnderstood
from activities.cluster.crew import heartbeating, translating
from activities.plans import FOLLOW_MOVES, PLAN_MOVES, FollowRequest, MovePlan, MovesSeen, PlannedMove, PlanRequest
from activities.room.demands import Asked, Demands, Want, asked
from activities.room.queueing import queue, without_orphans
from activities.room.room import Supply
from activities.room.solver import Solver
from activities.state.unplaced import Unplaced
from activities.telemetry import failed, step
from specs.names import hostname
from topology.demand import Budget, Demand
from topology.moves.defragment import STEPS, Defragmentation, defragment
from topology.supply.fleet import Fleet

MOST_TRIED = 16
"""Waiting gangs that are looked at for one plan."""
LONGEST_S = 4.0
"""Of the search for one plan; gangs get their room when it has ended."""
POLL_S, FOLLOW_S = 0.1, 5.0
NOTHING_WAITS, NO_MOVES_HELP, CHANGED = "NothingWaits", "NoMovesHelp", "WorldChanged"


@dataclass(frozen=True)
class Known:
    """What a defragmentation looks at."""

    census: Census
    acceptances: Acceptances
    demands: Demands
    supply: Supply
    solver: Solver
    unplaced: Unplaced


class Defragmenting:
    """Plans what is carried out by the systems' workflows. Writes nothing."""

    def __init__(self, known: Known) -> None:
        self._known = known

    @property
    def activities(self) -> Sequence[Callable[..., Coroutine[Any, Any, Any]]]:
        """What the Temporal worker is to serve."""
        return [self.plan, self.follow]

    @activity.defn(name=PLAN_MOVES)
    async def plan(self, request: PlanRequest) -> MovePlan:
        """For the first gang in the queue that moves help; where there is none, why. Cost: see `LONGEST_S`."""
        with translating():
            async with heartbeating():
                with step("moves_planned", most=request.most):
                    return await self._known.solver.study(lambda: self._question(request))

    @activity.defn(name=FOLLOW_MOVES)
    async def follow(self, request: FollowRequest) -> MovesSeen:
        """Returns when more pods are at their new places than were, when all is over, or after `FOLLOW_S`."""
        async with heartbeating():
            until = time.monotonic() + FOLLOW_S
            while True:
                seen = self._seen(request.plan)
                over = seen.reason or (seen.placed and seen.done == len(request.plan.moves))
                if over or seen.done > request.done or time.monotonic() > until:
                    return seen
                await asyncio.sleep(POLL_S)

    def _question(self, request: PlanRequest) -> Callable[[], MovePlan]:
        waiting = [want for want in self.waiting() if _name(want) not in request.passed_over][:MOST_TRIED]
        residents: Sequence[Want] = self.residents() if waiting else ()
        wanted = [*waiting, *residents]
        return self._known.supply.study(wanted, lambda fleet, demands: _planned(fleet, demands, wanted, len(waiting), request))

    def waiting(self) -> Sequence[Want]:
        """Gangs without room, in their order."""
        ordered = queue(self._known.census, self._known.demands)
        return [want for want in without_orphans(ordered) if not want.needs]

    def residents(self) -> Sequence[Want]:
        """Gangs that may be moved about."""
        keys = sorted({(each.namespace, each.system) for each in self._known.census.granting()})
        return [want for key in keys for want in self._residents(key)]

    def _residents(self, key: SystemKey) -> Iterator[Want]:
        """Gangs whose pods all run where they are granted, of a system with which nothing else is done."""
        census = self._known.census
        if not self._at_rest(key):
            return
        for each in asked(census, key).values():
            accepted = self._known.acceptances.of(*key, each.newest.revision)
            if accepted is not None and each.whole and not each.leaves and all(map(accepted.knows, each.home)):
                gang = accepted.gang(each.name, each.minimum, tuple(each.home))
                yield Want(each, accepted, gang, each.nodes, {})

    def _at_rest(self, key: SystemKey) -> bool:
        census = self._known.census
        placements = census.placements(key)
        if any(each.leaving or each.displaced or any(each.revisions.values()) for each in placements):
            return False
        nodes = {slot: node for each in placements for slot, node in each.nodes.items()}
        pods = census.pods(key).values()
        return all(pod.gated or (pod.ready and not pod.leaving and pod.node == nodes.get(pod.slot)) for pod in pods)

    def _seen(self, plan: MovePlan) -> MovesSeen:
        gang = self._asked(plan)
        done = 0
        for move in plan.moves:
            problem = self._problem(move)
            if problem:
                return MovesSeen(done=done, reason=CHANGED, message=problem)
            done += self._is_done(move)
        if gang is None:
            return MovesSeen(done=done, reason=CHANGED, message=f"{plan.name} asks for no room any more")
        return MovesSeen(done=done, placed=gang.whole)

    def _asked(self, plan: MovePlan) -> Asked | None:
        return asked(self._known.census, (plan.namespace, plan.system)).get(plan.gang)

    def _problem(self, move: PlannedMove) -> str:
        key = (move.namespace, move.system)
        placements = self._known.census.placements(key)
        node = next((each.nodes[move.slot] for each in placements if move.slot in each.nodes), "")
        if node not in (move.source, move.target):
            return f"{move.namespace}/{move.pod} is on {node or 'no node'}, neither where it was nor where it was to go"
        for revision in dict.fromkeys(each.revision for each in placements):
            if node == move.source and (told := self._known.unplaced.of(key, revision).get(move.slot)):
                return f"{move.namespace}/{move.pod} can't move: {told.message}"
        return ""

    def _is_done(self, move: PlannedMove) -> bool:
        pods = self._known.census.pods((move.namespace, move.system)).values()
        return any(pod.slot == move.slot and pod.ready and not pod.leaving and pod.node == move.target for pod in pods)


def _planned(fleet: Fleet, demands: Sequence[Demand], wanted: Sequence[Want], waiting: int, request: PlanRequest) -> MovePlan:
    """Of the first of the waiting gangs for which there is one."""
    if not waiting:
        return MovePlan(cluster=request.cluster, reason=NOTHING_WAITS, message="no gang waits for room")
    until, residents, why = time.monotonic() + LONGEST_S, demands[waiting:], ""
    for want, demand in zip(wanted[:waiting], demands, strict=False):
        try:
            budget = Budget(STEPS, lambda: time.monotonic() > until)
            found = defragment(fleet, demand, residents, request.most, budget)
        except (NotUnderstood, ValueError, LookupError) as error:  # one strange demand must not keep the others from room
            failed("moves_not_planned", error, gang=want.asked.name)
            continue
        if isinstance(found, Defragmentation) and found.moves:
            return _told(want, found, wanted[waiting:], request)
        why = why or (f"{_name(want)}: {found.message}" if not isinstance(found, Defragmentation) else "")
        if time.monotonic() > until:
            break
    said = f"; of {why}" if why else ""
    message = f"no moves to places that are free let any of the gangs in that wait ({waiting}){said}"
    return MovePlan(cluster=request.cluster, reason=NO_MOVES_HELP, message=message)


def _told(want: Want, found: Defragmentation, residents: Sequence[Want], request: PlanRequest) -> MovePlan:
    namespace, system = want.asked.key
    moves: list[PlannedMove] = []
    for move in found.moves:
        space, name = residents[move.resident].asked.key
        pod = hostname(name, move.slot)
        moves.append(PlannedMove(namespace=space, system=name, slot=move.slot, pod=pod, source=move.source, target=move.target))
    text = "\n".join(f"{each.namespace}/{each.system}/{each.slot} {each.target}" for each in moves)
    return MovePlan(
        id=hashlib.blake2b(f"{_name(want)}\n{text}".encode(), digest_size=5).hexdigest(),
        cluster=request.cluster,
        namespace=namespace,
        system=system,
        gang=want.asked.name,
        pods=len(want.asked.home) - len(want.asked.nodes),
        moves=tuple(moves),
        least=found.least,
    )


def _name(want: Want) -> str:
    return f"{want.asked.key[0]}/{want.asked.name}"
