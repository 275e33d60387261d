"""UpdateUnits: Placements follow the newest revision, the next units are to be of it, and their old pods are too many then.

What a slot is to be is kept in its Placement, beside its place: so it returns to that place, and whoever is killed in between,
what was not updated comes back as it was, and nothing is replaced twice.
"""

from collections.abc import Collection
from functools import partial

from activities.cache.placements import Placement, read_placement
from activities.cluster.crew import Tally, each
from activities.cluster.kube import PLACEMENTS, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import Order
from activities.state.cases import Case, Cases
from activities.state.regrouping import regrouped
from activities.state.rolling import Rolling
from activities.steps.rehousing import Rehousing, Unit
from activities.telemetry import step
from specs.system import SystemSpec


class UpdateStep:
    """Writes by which revision a Placement is read, and which revision a slot is to be of."""

    def __init__(self, kube: Kube, cases: Cases, rehousing: Rehousing) -> None:
        self._kube = kube
        self._cases = cases
        self._rehousing = rehousing

    async def update(self, order: Order) -> Tally:
        """All Placements that are behind, and as many units as the budget has room for. Safe to repeat."""
        case, tally = await self._cases.to_take(order), Tally()
        with step("units_updated", units=len(case.rolling.chosen), **case.facts):
            case = await self._rehoused(case, tally)
            stay = [unit for unit in case.rolling.chosen if not self._rehousing.is_due(case, unit)]
            await self._follow(case, [slot for unit in stay for slot in unit], tally)
        return tally

    async def _rehoused(self, case: Case, tally: Tally) -> Case:
        """New places for units that need them; where one has none, the next in turn is tried. Returns how it stands then."""
        tried: set[Unit] = set()
        while due := [unit for unit in case.rolling.chosen if unit not in tried and self._rehousing.is_due(case, unit)]:
            for unit in due:
                tried.add(unit)
                await self._rehousing.rehouse(case, unit, partial(self._mark_rehoused, case, unit, tally))
            case = self._again(case)
        return case

    async def _mark_rehoused(self, case: Case, unit: Unit, tally: Tally) -> None:
        await self._follow(self._again(case), unit, tally)

    def _again(self, case: Case) -> Case:
        return self._cases.to_read(case.order) or case

    async def _follow(self, case: Case, chosen: Collection[str], tally: Tally) -> None:
        home, rolling = case.digest.grants.home, case.rolling.without(chosen)
        holders = {placement.name: placement for placement in case.rolling.behind}
        holders |= {home[slot].name: home[slot] for slot in chosen if slot in home}
        revision, spec = case.accepted.revision, case.accepted.spec
        await each(sorted(holders), lambda name: self._mark(holders[name], rolling, revision, spec, tally), tally)

    async def _mark(self, placement: Placement, rolling: Rolling, revision: str, spec: SystemSpec, tally: Tally) -> None:
        cached = self._cases.cache.get(PLACEMENTS, *placement.key)
        if cached is None or not _same_demand(read_placement(cached), placement):
            return
        version = cached["metadata"]["resourceVersion"]
        patch = {
            "metadata": {"uid": placement.uid, "resourceVersion": version},
            "spec": marked(placement, rolling, revision, spec),
        }
        try:
            stored = await self._kube.patch(PLACEMENTS, placement.name, patch, placement.namespace)
        except (NotThere, Overtaken):
            return  # written or gone since: the next observation tells
        except Refused as error:
            tally.refuse(f"the new revision in Placement {placement.name}", error)
            return
        tally.wrote(PLACEMENTS, stored)
        self._cases.cache.note_written(PLACEMENTS, stored)


def marked(placement: Placement, rolling: Rolling, revision: str, spec: SystemSpec) -> Manifest:
    """The merge patch of a Placement's spec that has it read by a revision, of which all its slots are but the older ones."""
    held = [slot for entry in placement.entries for slot in entry.slots]
    kept = {slot: was for slot in held if slot in rolling.older and (was := placement.revision_of(slot)) != revision}
    kept |= {slot: own for slot in held if (own := rolling.joining.get(slot))}
    patch: Manifest = {"revision": revision, "revisions": {**dict.fromkeys(placement.revisions), **kept}}
    if placement.joined:
        patch["joined"] = sorted(placement.joined & rolling.joined)
    if placement.revision == revision:
        return patch
    gangs = [{"name": entry.gang, "minimum": entry.minimum, "slots": list(entry.slots)} for entry in regrouped(placement, spec)]
    return {**patch, "gangs": gangs}


def _same_demand(one: Placement, other: Placement) -> bool:
    return _demand(one) == _demand(other)


def _demand(placement: Placement) -> tuple[object, ...]:
    return placement.revision, placement.revisions, placement.joined, placement.entries
