"""`Recent`: what was made last, up to a weight. A fleet's systems all fit; what is old gives way."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """By key. `most`: of all weights together; the newest is kept whatever it weighs. Cost: the same whatever is kept."""

    def __init__(self, most: int, weight: Callable[[V], int]) -> None:
        self._most, self._weight = most, weight
        self._made: OrderedDict[K, V] = OrderedDict()
        self._weighs = 0

    def of(self, key: K, make: Callable[[], V]) -> V:
        """What is known under this key, or is made now."""
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
            self._weighs += self._weight(found)
            while self._weighs > self._most and len(self._made) > 1:
                _, oldest = self._made.popitem(last=False)
                self._weighs -= self._weight(oldest)
        self._made.move_to_end(key)
        return found
