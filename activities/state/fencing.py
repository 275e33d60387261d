"""Fencing: a write ordered for an older intent than the last is a zombie's, and refused."""

from activities.cache.cache import Cache
from activities.cluster.crew import Outdated
from activities.cluster.kube import DECLARING, Manifest
from activities.messages import Order
from specs.names import DOMAIN
from specs.sections import annotation, is_leaving

GENERATION = f"{DOMAIN}/generation"
"""Annotation of the custom resource: the generation of intent that was last recorded in it."""


class Fence:
    """The highest generation of every system, by UID: of what this agent was asked, and of what the custom resource records."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._highest: dict[str, int] = {}

    def check(self, order: Order) -> None:
        """Raise `Outdated` if a newer intent is known."""
        known = max(self._highest.get(order.uid, 0), self._recorded(order))
        if order.generation < known:
            ref = order.ref
            asked = f"generation {order.generation} of {ref.namespace}/{ref.name}"
            raise Outdated(f"{asked} is no longer wanted: generation {known} is. Nothing to do, the newer one is carried out")
        if order.uid:
            self._highest[order.uid] = order.generation

    def check_stays(self, order: Order) -> None:
        """Raise `Outdated` if all of the system is to go, and whoever gave this order did not know."""
        found = self._cache.get(DECLARING[order.kind], order.ref.namespace, order.ref.name)
        if found is not None and not order.deleting and is_leaving(found) and order.uid in ("", found["metadata"]["uid"]):
            raise Outdated(f"{order.ref.namespace}/{order.ref.name} is being deleted. Nothing to do but that")

    def forget(self, uid: str) -> None:
        """The system is gone."""
        self._highest.pop(uid, None)

    def _recorded(self, order: Order) -> int:
        found = self._cache.get(DECLARING[order.kind], order.ref.namespace, order.ref.name)
        if found is None or (order.uid and found["metadata"]["uid"] != order.uid):
            return 0
        return recorded_generation(found)


def recorded_generation(system: Manifest) -> int:
    """The generation of intent that a custom resource was written for."""
    return generation_in(system, GENERATION)


def generation_in(system: Manifest, key: str) -> int:
    """The generation of intent that an annotation keeps; 0 where it has none."""
    text = annotation(system, key)
    return int(text) if text.isdecimal() else 0
