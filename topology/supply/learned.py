"""Learned: which pods usually come to a fleet, from what runs there."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from specs.fabric import UsualPod
from topology.supply.capacity import Requests
from topology.supply.devices import WHOLE, Ask
from topology.supply.fractions import GPU, MILLI
from topology.supply.quantity import quantity
from topology.supply.usual import Mix, Usual
from topology.weights import USUAL_PODS

LEAST = 50
"""Pods with GPUs that must run before anything is learned from them."""
MOST_KINDS = 100
"""The most frequent ones: rarer kinds change little, and each costs time."""
_PART = 2
"""Learned anew when one in so many has changed."""
_GIB = 1 << 30
DOCUMENTED = Mix(
    (Usual(cpu, memory * _GIB, Ask(count, milli)), float(weight)) for weight, count, milli, cpu, memory in USUAL_PODS
)


def declared_mix(pods: Sequence[UsualPod]) -> Mix | None:
    """The mix that a Fabric declares; None when it declares none."""
    kinds = [
        (Usual(quantity("cpu", pod.cpu), quantity("memory", pod.memory), Ask(pod.gpus, pod.gpu_milli), pod.models), pod.weight)
        for pod in pods
    ]
    return Mix(kinds) if kinds else None


class Learned:
    """The mix of what runs: the same for the same pods when it is asked for the first time, then followed at a distance."""

    def __init__(self) -> None:
        self._mix = DOCUMENTED
        self._known = self._changed = 0

    def noted(self) -> None:
        """A pod came, or left."""
        self._changed += 1

    def mix(self, held: Callable[[], Iterable[Requests]]) -> Mix:
        """As of now, from what each pod holds. Cost: 1 us a pod, whenever a quarter of them has changed."""
        if self._changed * _PART >= max(self._known, LEAST):
            kinds = Counter(kind for requests in held() if (kind := kind_of(requests)).ask.total)
            self._known, self._changed = kinds.total(), 0
            frequent = sorted(kinds.items(), key=lambda each: (-each[1], each[0]))[:MOST_KINDS]
            self._mix = Mix(frequent) if self._known >= LEAST else DOCUMENTED
        return self._mix

    def copy(self) -> "Learned":
        made = Learned()
        made._mix, made._known, made._changed = self._mix, self._known, self._changed
        return made


def kind_of(requests: Requests) -> Usual:
    """The kind of a pod that holds this, its devices named or not."""
    own = dict(requests)
    count, milli = own.get(GPU, 0), own.get(MILLI, 0)
    ask = Ask(count=count) if count else Ask(milli=milli if milli < WHOLE else 0)
    return Usual(own.get("cpu", 0), own.get("memory", 0), ask)
