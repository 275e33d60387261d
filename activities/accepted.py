"""What was accepted: the declared system of one revision, read back from the cluster and parsed once."""

from collections import OrderedDict
from dataclasses import dataclass

from activities.cache import Cache
from activities.kube import REVISIONS, Manifest
from activities.messages import Order
from specs.gangs import Gang, gang_from_slots
from specs.names import revision_name
from specs.owners import Owner
from specs.pods import PodMaker
from specs.system import InferenceSystem, SystemSpec

KEPT = 256


@dataclass(frozen=True)
class Accepted:
    """One revision of one system."""

    owner: Owner
    revision: str
    system: InferenceSystem
    maker: PodMaker

    @property
    def spec(self) -> SystemSpec:
        """What is wanted."""
        return self.system.spec

    def gang(self, name: str, minimum: bool, slots: tuple[str, ...]) -> Gang:
        """A gang from what a Placement keeps of it; LookupError when a slot is no part of this revision."""
        return gang_from_slots(self.owner.name, self.spec, name, minimum, slots)


class Acceptances:
    """Revisions by name, from the cache's ControllerRevisions. Their data never changes, so each is parsed once."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._parsed: OrderedDict[tuple[str, str], Accepted] = OrderedDict()

    def of_order(self, order: Order) -> Accepted | None:
        """The revision that an order names; None when the cluster does not have it."""
        return self.of(order.ref.namespace, order.ref.name, order.revision)

    def of(self, namespace: str, system: str, revision: str) -> Accepted | None:
        """One revision of a system; None when the cluster does not have it."""
        found = self._cache.get(REVISIONS, namespace, revision_name(system, revision)) if revision else None
        if found is None:
            return None
        key = (found["metadata"]["uid"], revision)
        known = self._parsed.get(key)
        if known is None:
            known = self._parsed[key] = _accepted(namespace, system, revision, found)
        self._parsed.move_to_end(key)
        if len(self._parsed) > KEPT:
            self._parsed.popitem(last=False)
        return known


def _accepted(namespace: str, name: str, revision: str, stored: Manifest) -> Accepted:
    uid = next((each["uid"] for each in stored["metadata"].get("ownerReferences") or ()), "")
    data = {"metadata": {"name": name, "namespace": namespace}, "spec": stored["data"]["spec"]}
    system = InferenceSystem.model_validate(data)
    owner = Owner(name, namespace, uid)
    return Accepted(owner, revision, system, PodMaker(owner, system.spec))
