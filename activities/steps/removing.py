"""RemovePods: what nobody wants any more goes: pods, then their room, then services and budgets.

Where pods are to be made anew, the next ones are made as soon as all of a unit were told to go, and hold its places meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from activities.cache.placements import Placement, read_placement
from activities.cache.pods import Pod, written_time
from activities.cluster.crew import Tally, each
from activities.cluster.kube import PLACEMENTS, PODS, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import Order
from activities.reports.events import About, Events
from activities.state.cases import Case, Cases
from activities.state.draining import TIMED_OUT
from activities.state.keeping import places_kept
from activities.state.standing import Standing
from activities.steps.clearing import selectors, whole_copies
from activities.steps.erasing import SIDE_BY_SIDE
from activities.steps.returning import Return, Returns
from activities.steps.supporting import SupportStep
from activities.telemetry import step
from specs import names

Keep = Callable[[Case, Sequence[Standing], Tally], Awaitable[None]]
"""Makes the next pods of these slots, held at their places."""


class RemoveStep:
    """Scale-in of one system, and whatever else is too much of it."""

    def __init__(self, kube: Kube, cases: Cases, support: SupportStep, returns: Returns, events: Events, keep: Keep) -> None:
        self._kube, self._events, self._keep = kube, events, keep
        self._cases = cases
        self._support = support
        self._returns = returns

    async def remove(self, order: Order) -> Tally:
        """Highest indexes first. Room is given back only when no pod stands in it any more. Safe to repeat."""
        case, tally = await self._cases.to_take(order), Tally()
        version = self._cases.cache.version(PODS)
        draining, since = case.draining, written_time(case.attempts.now)
        chosen = sorted(draining.go, key=lambda pod: slot_order(pod.slot), reverse=True)[: order.limit]
        late = {pod.uid for pod in draining.late}
        with step("surplus_removed", pods=len(chosen), **case.facts):
            await each([pod for pod in chosen if pod.uid in late], self._say_late, tally)
            gone = await self._delete_all(case, await self._delete_copies(case, chosen, version, tally), tally)
            await self._keep(case, places_kept(case.digest, gone, case.rolling.stale, case.versions.unit), tally)
            await each(draining.tell[: order.limit], lambda pod: self._mark(pod, since, tally), tally)
            await each(draining.back[: order.limit], lambda pod: self._mark(pod, None, tally), tally)
            await each(self._returns.due(case), lambda found: self._give_back(found, tally), tally)
            await self._support.clear(case, self._support.due(case), tally)
        return tally

    async def _delete_copies(self, case: Case, pods: Sequence[Pod], version: int, tally: Tally) -> Sequence[Pod]:
        """Many pods of whole copies with few requests, which take none that is made meanwhile; returns the others."""
        unwanted = {pod.uid for pod in pods if pod.slot not in case.blueprint.seats}
        live = [each for each in self._cases.cache.of_system(PODS, *case.key) if "deletionTimestamp" not in each["metadata"]]
        going, staying = whole_copies(live, unwanted)
        chosen = selectors(case.order.ref, going, staying, SIDE_BY_SIDE)
        try:
            await asyncio.gather(*(self._kube.delete_all(PODS, case.key[0], each, as_of=version) for each in chosen))
        except Refused:
            return pods
        gone = {each["metadata"]["uid"] for each in going} if chosen else set[str]()
        tally.deleted(len(gone))
        return [pod for pod in pods if pod.uid not in gone or self._homeless(pod)]

    async def _delete_all(self, case: Case, pods: Sequence[Pod], tally: Tally) -> set[str]:
        """First those that are wanted and serve nobody, as they were seen: where one may be back, its copy is left alone.

        Returns the UIDs of those that were told to go.
        """
        wanted, gone = case.blueprint.seats, set[str]()
        out = {pod.uid: self._version(pod) for pod in pods if not pod.ready and pod.slot in wanted}
        back: set[str] = set()

        async def delete(pod: Pod) -> None:
            try:
                if await self.delete(pod, tally, out.get(pod.uid, "")):
                    gone.add(pod.uid)
            except Overtaken:
                back.add(copy_of(pod))
                with suppress(NotThere):
                    tally.wrote(PODS, await self._kube.get(PODS, pod.name, pod.namespace))  # it is looked at again at once

        await each([pod for pod in pods if pod.uid in out], delete, tally)
        rest = [pod for pod in pods if pod.uid not in out and (copy_of(pod) not in back or pod.slot not in wanted)]
        await each(rest, delete, tally)
        return gone

    def _version(self, pod: Pod) -> str:
        found = self._cases.cache.get(PODS, pod.namespace, pod.name)
        return str(found["metadata"]["resourceVersion"]) if found else ""

    async def _mark(self, pod: Pod, since: str | None, tally: Tally) -> None:
        """Tell a pod that it is to go, or that it is wanted again."""
        patch = {"metadata": {"uid": pod.uid, "annotations": {names.DRAINING: since}}}
        try:
            stored = await self._kube.patch(PODS, pod.name, patch, pod.namespace)
        except (NotThere, Overtaken):
            return
        except Refused as error:
            tally.refuse(f"the mark of pod {pod.name}", error)
            return
        tally.wrote(PODS, stored)

    async def _say_late(self, pod: Pod) -> None:
        message = "it did not say in time that it is drained, and goes now; see why, or raise spec.drain.within"
        with suppress(Refused):
            await self._events.say(About("v1", "Pod", pod.namespace, pod.name, pod.uid), TIMED_OUT, message)

    async def delete(self, pod: Pod, tally: Tally, version: str = "") -> bool:
        """Delete this very pod, not one that came after it; at once where nobody on its node can stop it. Whether it goes.

        With `version`, its resourceVersion, `Overtaken` if somebody wrote to it since.
        """
        at_once = self._homeless(pod)
        try:
            await self._kube.delete(PODS, pod.name, pod.namespace, uid=pod.uid, version=version, at_once=at_once)
        except Overtaken:
            raise
        except Refused as error:
            tally.refuse(f"deletion of pod {pod.name}", error)
            return False
        tally.deleted()
        return True

    def _homeless(self, pod: Pod) -> bool:
        return bool(pod.node) and self._cases.census.unmanned(pod.node)

    async def _give_back(self, found: Return, tally: Tally) -> None:
        placement, slots = found.placement, found.slots
        kept = [
            {"name": entry.gang, "minimum": entry.minimum, "slots": left}
            for entry in placement.entries
            if (left := [slot for slot in entry.slots if slot not in slots])
        ]
        try:
            await (self._shrink(placement, kept, tally) if kept else self._drop(placement, tally))
            self._returns.given(placement)
        except (NotThere, Overtaken):
            return  # written or gone since: the next observation tells

    async def _shrink(self, placement: Placement, gangs: list[Manifest], tally: Tally) -> None:
        cached = self._cases.cache.get(PLACEMENTS, *placement.key)
        if cached is None or read_placement(cached).entries != placement.entries:
            return
        patch = {
            "metadata": {"uid": placement.uid, "resourceVersion": cached["metadata"]["resourceVersion"]},
            "spec": {"gangs": gangs},
        }
        stored = await self._kube.patch(PLACEMENTS, placement.name, patch, placement.namespace)
        tally.wrote(PLACEMENTS, stored)
        self._cases.cache.note_written(PLACEMENTS, stored)

    async def _drop(self, placement: Placement, tally: Tally) -> None:
        await self._kube.delete(PLACEMENTS, placement.name, placement.namespace, uid=placement.uid)
        tally.deleted()


def copy_of(pod: Pod) -> str:
    """The copy that it is of."""
    return pod.slot.partition("/")[0]


def slot_order(slot: str) -> tuple[tuple[int, str], ...]:
    """Slots by their indexes, not by their letters: 2 before 10."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in slot.split("/"))
