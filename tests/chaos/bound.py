"""What is bound where, and in which slot: no node holds more than it has, of any resource, and no slot has two pods."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from specs.sections import section
from tests.cluster.api import Json

UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
THOUSANDTH = "m"
Amounts = Mapping[str, float]
SLOT, SYSTEM = "espalier.dev/slot", "espalier.dev/system"
Slot = tuple[str, str]
"""A system, and a slot of it."""


def amounts(quantities: Mapping[str, str]) -> Amounts:
    """Resource -> how much of it."""
    return {name: amount(str(quantity)) for name, quantity in quantities.items()}


def amount(quantity: str) -> float:
    """`100m` is 0.1, `1Ki` is 1024."""
    if quantity[-2:] in UNITS:
        return float(quantity[:-2]) * UNITS[quantity[-2:]]
    return float(quantity[:-1]) / 1000 if quantity.endswith(THOUSANDTH) else float(quantity)


def requests(pod: Json) -> Amounts:
    """Of its containers together, and one pod."""
    total = Counter[str]({"pods": 1})
    for container in pod["spec"]["containers"]:
        total.update(amounts(section(container, "resources", "requests")))
    return total


def slot_of(pod: Json) -> Slot:
    return pod["metadata"]["labels"][SYSTEM], pod["metadata"]["annotations"][SLOT]


def is_over(pod: Json) -> bool:
    """It has ended, and holds nothing any more."""
    return section(pod, "status").get("phase") in ("Succeeded", "Failed")


@dataclass
class Bound:
    """Told of every change of a pod; says what it breaks."""

    allocatable: Mapping[str, Amounts]
    """What each node has; a node that is not named has nothing."""
    only: str = ""
    """The one resource that is known of them; empty: all are."""
    _held: dict[str, tuple[str, Amounts]] = field(default_factory=dict[str, tuple[str, Amounts]])
    """UID -> node, and what it takes there."""
    _used: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _live: dict[Slot, set[str]] = field(default_factory=lambda: defaultdict(set))
    """UIDs of pods that stay."""

    def seen(self, event: Json) -> list[str]:
        pod = event["object"]
        gone = event["type"] == "DELETED"
        return [*self._bound(pod, gone=gone or is_over(pod)), *self._in_slot(pod, gone=gone)]

    def _bound(self, pod: Json, *, gone: bool) -> list[str]:
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        if gone and uid in self._held:
            was, took = self._held.pop(uid)
            self._used[was].subtract(took)
        if gone or not node or uid in self._held:
            return []
        asked = requests(pod)
        self._held[uid] = node, {self.only: asked.get(self.only, 0)} if self.only else asked
        self._used[node].update(self._held[uid][1])
        has = self.allocatable.get(node, {})
        over = {what: used for what, used in self._used[node].items() if used > has.get(what, 0) and (what in has or used)}
        return [f"more bound on {node} than there is: {over} of {dict(has)}"] if over else []

    def _in_slot(self, pod: Json, *, gone: bool) -> list[str]:
        slot, uid = slot_of(pod), pod["metadata"]["uid"]
        if gone or "deletionTimestamp" in pod["metadata"] or is_over(pod):
            self._live[slot].discard(uid)
            return []
        fresh = uid not in self._live[slot]
        self._live[slot].add(uid)
        return [f"{'/'.join(slot)} has {len(self._live[slot])} pods"] if fresh and len(self._live[slot]) > 1 else []
