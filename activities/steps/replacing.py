"""ReplacePods: what is broken, refused or lost goes, and its slot is placed anew where that is needed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from activities.cache.placements import Attempt, Placement
from activities.cache.pods import Pod
from activities.cluster.crew import Tally, each
from activities.cluster.kube import PLACEMENTS, Kube, NotThere, Overtaken
from activities.messages import NEVER_READY, Order
from activities.room.solver import Solver, Taken
from activities.state.attempts import Attempts, next_attempt
from activities.state.cases import Case, Cases
from activities.state.refusals import as_status, with_refusals
from activities.state.standing import Standing
from activities.steps.removing import RemoveStep
from activities.steps.restarting import Attempting
from activities.telemetry import step


class ReplaceStep:
    """Repair of one system."""

    def __init__(
        self, kube: Kube, cases: Cases, remove: RemoveStep, solver: Solver, attempting: Attempting, now: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._cases = cases
        self._remove = remove
        self._solver = solver
        self._attempting = attempting
        self._now = now

    async def replace(self, order: Order) -> Tally:
        """Refusals and failures are recorded before their pods go, and room is taken back after."""
        case, tally = await self._cases.to_write(order), Tally()
        found = case.digest.members
        dead = [*found["refused"], *found["lost"], *found["failed"]][: order.limit]
        with step("pods_replaced", pods=len(dead), displaced=len(case.digest.displaced), **case.facts):
            await self._record_refusals(case, found["refused"][: order.limit], tally)
            await self._attempting.note(case, _failures(case, [each for each in dead if each in found["failed"]]), tally)
            await each([standing.pod for standing in dead if standing.pod], partial(self._delete, tally), tally)
            await self._place_anew(case, [*case.digest.displaced, *found["lost"], *found["refused"]])
        return tally

    async def _delete(self, tally: Tally, pod: Pod) -> None:
        await self._remove.delete(pod, tally)

    async def _record_refusals(self, case: Case, refused: Iterable[Standing], tally: Tally) -> None:
        by_home: defaultdict[str, dict[tuple[str, str], str]] = defaultdict(dict)
        home = case.digest.grants.home
        for standing in refused:
            if standing.pod is not None and standing.slot in home:
                by_home[home[standing.slot].name][standing.role, standing.pod.place] = standing.pod.refusal
        holders = {placement.name: placement for placement in home.values()}
        await each(sorted(by_home), lambda name: self._record(holders[name], by_home[name], tally), tally)

    async def _record(self, placement: Placement, refused: Mapping[tuple[str, str], str], tally: Tally) -> None:
        refusals = with_refusals(placement.refusals, refused, self._now())
        patch = {"metadata": {"uid": placement.uid}, "status": {"refusals": as_status(refusals)}}
        try:
            stored = await self._kube.patch(PLACEMENTS, placement.name, patch, placement.namespace, subresource="status")
        except (NotThere, Overtaken):
            return
        tally.wrote(PLACEMENTS, stored)
        self._cases.cache.note_written(PLACEMENTS, stored)

    async def _place_anew(self, case: Case, standings: Iterable[Standing]) -> None:
        """Take back the room of these slots, and wait until the solver has looked for other room."""
        taken: defaultdict[str, dict[str, str]] = defaultdict(dict)
        holders: dict[str, Placement] = {}
        for standing in standings:
            placement = case.digest.grants.home.get(standing.slot)
            if placement is not None and standing.node:
                holders[placement.name] = placement
                taken[placement.name][standing.slot] = standing.node
        if taken:
            await self._solver.withdraw([Taken(holders[name], taken[name]) for name in sorted(taken)])


def _failures(case: Case, failed: Iterable[Standing]) -> dict[str, Attempt]:
    """One more restart of each of these slots."""
    return {standing.slot: _failure(case.attempts, standing.pod) for standing in failed if standing.pod}


def _failure(attempts: Attempts, pod: Pod) -> Attempt:
    now, failure = attempts.now, pod.failure
    reason, message = (failure.reason, failure.message) if failure else (NEVER_READY, "it was not Ready in time")
    fresh = Attempt(pod.slot, 1, now, now, reason, message, pod.revision, attempts.pardon)
    return next_attempt(attempts.last_of(pod), fresh)
