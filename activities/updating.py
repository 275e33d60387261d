"""UpdateUnits: the next units of a rollout are to be of the new revision from now on; their old pods then are too many.

What a slot is to be is kept in its Placement, beside its place: so it returns to that place, and whoever is killed in between,
what was not updated comes back as it was, and nothing is replaced twice.
"""

from collections import defaultdict
from collections.abc import Collection

from activities.cases import Cases
from activities.crew import Tally, each
from activities.kube import PLACEMENTS, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import Order
from activities.placements import Placement, read_placement
from activities.telemetry import step


class UpdateStep:
    """Writes which revision a slot is to be of."""

    def __init__(self, kube: Kube, cases: Cases) -> None:
        self._kube = kube
        self._cases = cases

    async def update(self, order: Order) -> Tally:
        """As many units as the budget has room for. Safe to repeat."""
        case, tally = await self._cases.to_write(order), Tally()
        home = case.digest.grants.home
        chosen: defaultdict[str, set[str]] = defaultdict(set)
        for slot in (slot for unit in case.rolling.chosen for slot in unit if slot in home):
            chosen[home[slot].name].add(slot)
        holders = {placement.name: placement for placement in home.values()}
        others = {name: case.rolling.stale - slots for name, slots in chosen.items()}
        with step("units_updated", units=len(case.rolling.chosen), **case.facts):
            await each(sorted(chosen), lambda name: self._mark(holders[name], others[name], order.revision, tally), tally)
        return tally

    async def _mark(self, placement: Placement, others: Collection[str], revision: str, tally: Tally) -> None:
        cached = self._cases.cache.get(PLACEMENTS, *placement.key)
        if cached is None or read_placement(cached).revisions != placement.revisions:
            return
        version = cached["metadata"]["resourceVersion"]
        patch = {"metadata": {"uid": placement.uid, "resourceVersion": version}, "spec": marked(placement, others, revision)}
        try:
            stored = await self._kube.patch(PLACEMENTS, placement.name, patch, placement.namespace)
        except (NotThere, Overtaken):
            return  # written or gone since: the next observation tells
        except Refused as error:
            tally.refuse(f"the new revision in Placement {placement.name}", error)
            return
        tally.wrote(PLACEMENTS, stored)
        self._cases.cache.note_written(PLACEMENTS, stored)


def marked(placement: Placement, others: Collection[str], revision: str) -> Manifest:
    """The merge patch of a Placement's spec that gives all but `others` a revision; the one that all have is said once."""
    held = [slot for entry in placement.entries for slot in entry.slots]
    wanted = {slot: placement.revision_of(slot) if slot in others else revision for slot in held}
    common = revision if all(each == revision for each in wanted.values()) else placement.revision
    other: Manifest = {slot: each for slot, each in wanted.items() if each != common}
    return {"revision": common, "revisions": {**{slot: None for slot in placement.revisions if slot not in other}, **other}}
