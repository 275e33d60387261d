"""EraseSystem: nothing of a system is left, in an order that gives no room away before it is empty."""

import asyncio
from collections.abc import Iterable, Sequence

from activities.cluster.crew import Tally
from activities.cluster.kube import (
    ACCOUNTS,
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CLIQUES,
    DECLARING,
    DOMAINS,
    GANGS,
    GROUPS,
    MEMBERS,
    PLACEMENTS,
    PODS,
    REVISIONS,
    SERVICES,
    Busy,
    Kind,
    Kube,
    Manifest,
    NotThere,
    Overtaken,
)
from activities.messages import Order, Ref
from activities.state.cases import Cases
from activities.telemetry import step
from specs.names import COPY, FINALIZER, ROLE, SYSTEM, SYSTEM_UID
from specs.sections import is_leaving, label

AT_ONCE = (BUDGETS, AUTOSCALERS, PODS)
"""Budgets first: each is counted anew at every pod that goes. Autoscalers before what they scale."""
AFTER = (SERVICES, ACCOUNTS, CLAIMS, DOMAINS, MEMBERS, GROUPS, CLIQUES, GANGS, PLACEMENTS, REVISIONS)
"""When no pod is left: hundreds of objects are in the way of the pods, which hold what others wait for."""
OWNED = (*AT_ONCE, *AFTER)
MANY = 100
SIDE_BY_SIDE = 4
"""Requests: an API server on two cores gains nothing by more."""
MOST_NAMED = 500
"""Copies in one request: its address is to stay below what proxies take."""


class EraseStep:
    """Deletes a system. To be repeated until `Observation.left` is zero."""

    def __init__(self, kube: Kube, cases: Cases) -> None:
        self._kube = kube
        self._cases = cases

    async def erase(self, order: Order) -> Tally:
        """The object is marked; budgets and pods go at once, the rest when no pod is left, and with that the object."""
        tally = Tally()
        await self._cases.until(order.versions)
        self._cases.fence.check(order)
        with step("system_erased", namespace=order.ref.namespace, system=order.ref.name):
            await self._erase(order, tally)
        return tally

    async def unkept(self, found: Manifest) -> None:
        """Take away a leaving system that no workflow keeps or will keep. `Busy` until nothing of it is left."""
        metadata = found["metadata"]
        ref = Ref(namespace=metadata["namespace"], name=metadata["name"])
        order = Order(ref=ref, kind=found["kind"], uid=metadata["uid"], deleting=True)
        await self._erase(order, Tally())  # whatever intent was last, it is nobody's any more
        if left := self.left(order):
            raise Busy(f"{left} objects of {ref.namespace}/{ref.name}, which is being deleted, are still there")

    def left(self, order: Order) -> int:
        """Objects of the system that the cache still shows, its own object included."""
        ref = order.ref
        owned = sum(self._cases.cache.count(kind, ref.namespace, ref.name) for kind in OWNED)
        return owned + (self._own(order) is not None)

    async def _erase(self, order: Order, tally: Tally) -> None:
        ref, own = order.ref, self._own(order)
        uid = order.uid or (own["metadata"]["uid"] if own is not None else "")
        await self._mark(own, DECLARING[order.kind])
        for kind in AT_ONCE:
            await self._delete_all(kind, ref, uid, tally)
        await self._delete_homeless(ref, tally)
        if self._cases.cache.count(PODS, ref.namespace, ref.name):
            return
        for kind in AFTER:
            await self._delete_all(kind, ref, uid, tally)
        await self._delete_own(order, tally)
        self._cases.census.forget((ref.namespace, ref.name))

    async def _mark(self, own: Manifest | None, kind: Kind) -> None:
        """Have the cluster itself say that all of it is to go, before the first of it goes.

        Who begins anew after a kill knows no order: pods that are gone without this would be lost ones, to be made again.
        """
        if own is None or is_leaving(own) or not own["metadata"].get("finalizers"):
            return  # without a finalizer the object would be gone first of all
        await self._kube.delete(kind, own["metadata"]["name"], own["metadata"]["namespace"], uid=own["metadata"]["uid"])

    async def _delete_all(self, kind: Kind, ref: Ref, uid: str, tally: Tally) -> None:
        """By requests that say which system of the name they mean: one that arrives late takes nothing of the next."""
        there = self._cases.cache.of_system(kind, ref.namespace, ref.name)
        staying = [each for each in there if not is_leaving(each)]
        mine = [each for each in staying if not uid or label(each, SYSTEM_UID) in ("", uid)]
        marked = [each for each in mine if label(each, SYSTEM_UID)]
        bare = [each["metadata"] for each in mine if not label(each, SYSTEM_UID)]  # made before there was such a label
        try:
            await asyncio.gather(*(self._kube.delete_all(kind, ref.namespace, share) for share in shares(ref, uid, marked)))
            await asyncio.gather(*(self._kube.delete(kind, each["name"], ref.namespace, uid=each["uid"]) for each in bare))
        except NotThere:
            return  # the namespace or the whole API is gone, and all of it with it
        tally.deleted(len(mine))

    async def _delete_homeless(self, ref: Ref, tally: Tally) -> None:
        """Pods whose node is gone or out of service: nobody there can stop them, and Kubernetes itself takes 40 s to notice."""
        census = self._cases.census
        for pod in list(census.pods((ref.namespace, ref.name)).values()):
            if pod.node and census.unmanned(pod.node):
                await self._kube.delete(PODS, pod.name, pod.namespace, uid=pod.uid, at_once=True)
                tally.deleted()

    async def _delete_own(self, order: Order, tally: Tally) -> None:
        found, kind = self._own(order), DECLARING[order.kind]
        if found is None:
            return
        metadata = found["metadata"]
        try:
            if FINALIZER in (metadata.get("finalizers") or ()):
                await self._unfinalize(kind, metadata)
            if not is_leaving(found):
                await self._kube.delete(kind, order.ref.name, order.ref.namespace, uid=metadata["uid"])
        except (NotThere, Overtaken):
            return  # gone, or written by somebody else just now: the next time
        tally.deleted()

    async def _unfinalize(self, kind: Kind, metadata: Manifest) -> None:
        kept = [each for each in metadata["finalizers"] if each != FINALIZER]
        patch = {"metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "finalizers": kept}}
        await self._kube.patch(kind, metadata["name"], patch, metadata["namespace"])

    def _own(self, order: Order) -> Manifest | None:
        found = self._cases.cache.get(DECLARING[order.kind], order.ref.namespace, order.ref.name)
        return found if found is not None and (not order.uid or found["metadata"]["uid"] == order.uid) else None


def shares(ref: Ref, uid: str, staying: Sequence[Manifest]) -> list[str]:
    """Selectors that together take all of them: several where there are many, because one request deletes one after the other.

    By role, and where the roles are few also by copy, as long as a request can name its copies.
    """
    if not staying:
        return []
    mine = f"{SYSTEM}={ref.name},{SYSTEM_UID}={uid}" if uid else f"{SYSTEM}={ref.name}"
    roles, copies = _values(staying, ROLE), _values(staying, COPY)
    if len(staying) < MANY or not all(roles):
        return [mine]
    each = -(-len(copies) // max(1, SIDE_BY_SIDE // len(roles)))
    if not all(copies) or each == len(copies) or each > MOST_NAMED:
        return [f"{mine},{ROLE}={role}" for role in roles]
    parts = [",".join(copies[at : at + each]) for at in range(0, len(copies), each)]
    return [f"{mine},{ROLE}={role},{COPY} in ({part})" for role in roles for part in parts]


def _values(items: Iterable[Manifest], key: str) -> list[str]:
    return sorted({label(each, key) for each in items})
