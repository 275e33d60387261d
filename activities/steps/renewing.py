"""RenewPods: pods whose unit's turn has come, and that need not be made anew, are changed where they run."""

from activities.cache.pods import Pod
from activities.cache.renewed import note_of
from activities.cluster.crew import Tally, each
from activities.cluster.kube import PODS, Kube, NotThere, Overtaken, Refused
from activities.messages import Order
from activities.state.cases import Case, Cases
from activities.telemetry import step
from specs.in_place import images_to_change, in_place_patch


class RenewStep:
    """One read and one write for each pod."""

    def __init__(self, kube: Kube, cases: Cases) -> None:
        self._kube = kube
        self._cases = cases

    async def renew(self, order: Order) -> Tally:
        """Images, labels and annotations as they are to be; a pod that was written meanwhile is left to the next time."""
        case, tally = await self._cases.to_take(order), Tally()
        chosen = [standing.pod for standing in case.renewed if standing.pod][: order.limit]
        with step("pods_renewed", pods=len(chosen), **case.facts):
            await each(chosen, lambda pod: self._renew(case, pod, tally), tally)
        return tally

    async def _renew(self, case: Case, pod: Pod, tally: Tally) -> None:
        before = self._cases.acceptances.of(*case.key, pod.revision)
        if before is None:
            return
        old, new = (
            accepted.maker.pod(pod.slot, pod.incarnation, pod.node) for accepted in (before, self._cases.made_by(case, pod.slot))
        )
        try:
            found = await self._kube.get(PODS, pod.name, pod.namespace)
            note = note_of(found, [name for _, name, _ in images_to_change(found, new)], case.attempts.now)
            if found["metadata"]["uid"] != pod.uid:
                return
            stored = await self._kube.patch(PODS, pod.name, in_place_patch(found, old, new, note), pod.namespace)
        except Refused as error:
            if not isinstance(error, NotThere | Overtaken):  # else gone or written since: the next observation tells
                tally.refuse(f"the change in place of pod {pod.name}", error)
            return
        tally.wrote(PODS, stored)
        self._cases.cache.note_written(PODS, stored)
