"""RestartUnits: units that did not become whole again begin anew: their pods are too many from now on.

What is written is only a mark in a Placement: how often, and below which incarnation a pod of the unit is one of those before.
The rules that there are do the rest, so whoever is killed in between, nothing is restarted twice.
"""

from activities.cache.placements import Attempt, Placement
from activities.cluster.crew import Tally, each
from activities.cluster.kube import PLACEMENTS, Kube, NotThere, Overtaken
from activities.messages import Order
from activities.state.attempts import as_status, next_attempt, with_attempts
from activities.state.cases import Case, Cases
from activities.state.recovering import NOT_WHOLE, Breach, members_of
from activities.telemetry import step


class Attempting:
    """Writes attempts into Placements."""

    def __init__(self, kube: Kube, cases: Cases) -> None:
        self._kube, self._cases = kube, cases

    async def note(self, case: Case, attempts: dict[str, Attempt], tally: Tally) -> None:
        """Each into the Placement that holds its slot, or the first slot of its unit."""
        by_home: dict[str, dict[str, Attempt]] = {}
        home = case.digest.grants.home
        for path, attempt in attempts.items():
            slot = path if path in home else next((slot for slot in members_of(case.blueprint, path) if slot in home), "")
            if slot:
                by_home.setdefault(home[slot].name, {})[path] = attempt
        holders = {placement.name: placement for placement in home.values()}
        await each(sorted(by_home), lambda name: self._write(holders[name], by_home[name], tally), tally)

    async def _write(self, placement: Placement, new: dict[str, Attempt], tally: Tally) -> None:
        kept = as_status(with_attempts(placement.attempts, new))
        patch = {"metadata": {"uid": placement.uid}, "status": {"attempts": kept}}
        try:
            stored = await self._kube.patch(PLACEMENTS, placement.name, patch, placement.namespace, subresource="status")
        except (NotThere, Overtaken):
            return  # gone since: the next observation tells
        tally.wrote(PLACEMENTS, stored)
        self._cases.cache.note_written(PLACEMENTS, stored)


class RestartStep:
    """Restarts of one system's units."""

    def __init__(self, cases: Cases, attempting: Attempting) -> None:
        self._cases, self._attempting = cases, attempting

    async def restart(self, order: Order) -> Tally:
        """All whose time has come, and that the budget allows. Safe to repeat."""
        case, tally = await self._cases.to_take(order), Tally()
        due = case.recovering.due
        with step("units_restarted", units=len(due), **case.facts):
            await self._attempting.note(case, {breach.unit: self._attempt(case, breach) for breach in due}, tally)
        return tally

    def _attempt(self, case: Case, breach: Breach) -> Attempt:
        pod, now = breach.first.pod, case.attempts.now
        failure = pod.failure if pod else None
        reason, message = (
            (failure.reason, failure.message) if failure else (NOT_WHOLE, f"pod of {breach.first.slot} is not Ready")
        )
        census = self._cases.census
        least = max(census.next_incarnation(case.key, slot) for slot in members_of(case.blueprint, breach.unit))
        fresh = Attempt(
            breach.unit, 1, breach.since, now, reason, message, case.blueprint.revision, case.attempts.pardon, least
        )  # fmt: skip
        return next_attempt(case.attempts.of(breach.unit, case.blueprint.revision, breach.since), fresh)
