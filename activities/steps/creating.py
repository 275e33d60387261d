"""CreatePods, HoldPods, ReleasePods: pods come, are kept waiting at their place, and are let go."""

from collections.abc import Awaitable, Callable, Sequence

from activities.cache.pods import Pod, read_pod
from activities.cluster.crew import ALTERED, AT_ONCE, Tally, each
from activities.cluster.kube import PODS, AlreadyThere, Kube, Manifest, NotThere, Overtaken, Refused
from activities.messages import Order
from activities.room.explaining import Explainer, Note
from activities.state.altered import taken_from
from activities.state.cases import Case, Cases
from activities.state.standing import Standing
from activities.telemetry import step
from specs.pods import pinned_patch

INVALID = 422
RELEASED_AT_ONCE = 64
"""A pod that was let go is bound and started at once, which competes with letting go the others; a gang starts with its last."""

Work = Callable[[Case, Standing, Tally], Awaitable[None]]


class PodSteps:
    """Writes of pods of one cluster. Each takes its pods from the cache, at most `limit`, and may be repeated."""

    def __init__(self, kube: Kube, cases: Cases, explainer: Explainer) -> None:
        self._kube = kube
        self._cases = cases
        self._explainer = explainer

    async def create(self, order: Order) -> Tally:
        """Pods for slots without one: pinned when due, held where they have a place, gated and explained where not."""
        return await self._each(order, "pods_created", lambda case: [*_absent(case), *_explained(case)], self._create)

    async def hold(self, order: Order) -> Tally:
        """Nominate gated pods on their nodes."""
        return await self._each(order, "pods_held", lambda case: case.digest.members["unheld"], self._hold)

    async def release(self, order: Order) -> Tally:
        """Let the pods go whose turn has come."""
        return await self._each(order, "pods_released", lambda case: case.digest.members["due"], self._release, RELEASED_AT_ONCE)

    async def keep(self, case: Case, standings: Sequence[Standing], tally: Tally) -> None:
        """Pods for slots whose last ones are about to go, held at their places, so that nobody takes those in between.

        Refused (a quota has room for one of the two), they are made when the others are gone.
        """
        beside = Tally()
        await each(standings, lambda standing: self._create(case, standing, beside), beside)
        tally.also(beside)

    async def _each(
        self, order: Order, event: str, chosen: Callable[[Case], Sequence[Standing]], work: Work, at_once: int = AT_ONCE
    ) -> Tally:
        case, tally = await self._cases.to_write(order), Tally()
        wanted = chosen(case)[: order.limit]
        with step(event, pods=len(wanted), **case.facts):
            await each(wanted, lambda standing: work(case, standing, tally), tally, at_once)
        return tally

    async def _create(self, case: Case, standing: Standing, tally: Tally) -> None:
        incarnation = max(self._cases.census.next_incarnation(case.key, standing.slot), case.attempts.least(standing.slot))
        maker = self._cases.made_by(case, standing.slot).maker
        gpus = case.digest.grants.devices.get(standing.slot, "") if standing.due else ""
        made = maker.pod(standing.slot, incarnation, standing.node if standing.due else None, gpus)
        try:
            stored = await self._kube.create(PODS, made)
        except AlreadyThere:  # an earlier attempt made it: look again once the cache shows it
            await self._see(await self._kube.get(PODS, made["metadata"]["name"], made["metadata"]["namespace"]), tally)
            return
        except Refused as error:
            tally.refuse(f"pod {made['metadata']['name']}", error)
            return
        if taken := taken_from(made, stored):
            await self._undo(stored, taken, tally)
            return
        self._note(stored, tally)
        pod = read_pod(stored)
        if pod is not None and not standing.due:
            await (self._nominate(pod, standing.node, tally) if standing.node else self._explain(case, pod, standing))

    async def _undo(self, stored: Manifest, taken: str, tally: Tally) -> None:
        """It would be nobody's, or start before its turn; kept, it would be made again and again."""
        metadata = stored["metadata"]
        await self._kube.delete(PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"], at_once=True)
        tally.refuse(f"pod {metadata['name']}", Refused(f"{ALTERED} took away its {taken}"))

    async def _see(self, there: Manifest, tally: Tally) -> None:
        if read_pod(there) is None:
            error = AlreadyThere("a pod of that name is there that has not the labels of one of Espalier's")
            tally.refuse(f"pod {there['metadata']['name']}", error)
            return
        tally.saw(PODS, there)

    async def _hold(self, case: Case, standing: Standing, tally: Tally) -> None:
        del case
        if standing.pod is not None:
            await self._nominate(standing.pod, standing.node, tally)

    async def _nominate(self, pod: Pod, node: str, tally: Tally) -> None:
        patch = {"status": {"nominatedNodeName": node}}
        try:
            stored = await self._kube.patch(PODS, pod.name, patch, pod.namespace, subresource="status")
        except (NotThere, Overtaken):
            return  # gone or changed since: the next observation tells
        except Refused as error:
            tally.refuse(f"nomination of pod {pod.name}", error)
            return
        self._note(stored, tally)

    async def _release(self, case: Case, standing: Standing, tally: Tally) -> None:
        pod = standing.pod
        cached = self._cases.cache.get(PODS, pod.namespace, pod.name) if pod else None
        now = read_pod(cached) if cached else None
        if cached is None or now is None or not now.gated:
            return
        try:
            stored = await self._kube.patch(
                PODS,
                now.name,
                pinned_patch(cached, standing.node, case.digest.grants.devices.get(standing.slot, "")),
                now.namespace,
            )
        except (NotThere, Overtaken):
            return
        except Refused as error:
            if error.status != INVALID:  # else released or changed since: the next observation tells
                tally.refuse(f"release of pod {now.name}", error)
            return
        self._note(stored, tally)

    async def _explain(self, case: Case, pod: Pod, standing: Standing) -> None:
        waiting = case.digest.grants.waiting.get(case.blueprint.gangs[standing.gang].name)
        if waiting is not None:
            self._explainer.explain([Note(pod, waiting.reason, waiting.message)])

    def _note(self, stored: Manifest, tally: Tally) -> None:
        tally.wrote(PODS, stored)
        self._cases.cache.note_written(PODS, stored)


def _explained(case: Case) -> list[Standing]:
    """Slots without a pod whose gang was told that there is no room."""
    gangs, waiting = case.blueprint.gangs, case.digest.grants.waiting
    bare = (standing for standing in case.digest.members["bare"] if standing.slot not in case.rolling.returning)
    return [standing for standing in bare if gangs[standing.gang].name in waiting]


def _absent(case: Case) -> list[Standing]:
    """Slots without a pod, but for those of which another revision is to be written down first."""
    return [standing for standing in case.digest.members["missing"] if standing.slot not in case.rolling.returning]
