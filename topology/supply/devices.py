"""Devices: GPUs that pods share, each with what is free of it in thousandths."""

from collections.abc import Iterator
from dataclasses import dataclass

WHOLE = 1000
"""Thousandths of one device."""
Free = tuple[int, ...]
"""Thousandths free on each device of a host, by index."""
Chosen = tuple[int, ...]
"""Indexes of the devices that one pod gets."""


@dataclass(frozen=True, slots=True, order=True)
class Ask:
    """What one pod wants of the devices of a host: `count` whole ones, or `milli` thousandths of a single one."""

    count: int = 0
    milli: int = 0

    @property
    def total(self) -> int:
        """Thousandths in all."""
        return self.count * WHOLE + self.milli


NO_DEVICES = Ask()


def ways(free: Free, ask: Ask) -> Iterator[Chosen]:
    """Devices that the pod may get, the tightest first; of devices that are alike only the first. No way: nothing."""
    if not ask.total:
        yield ()
    elif ask.milli:
        seen: set[int] = set()
        for left, index in sorted((left, index) for index, left in enumerate(free) if left >= ask.milli):
            if left not in seen:
                seen.add(left)
                yield (index,)
    else:
        whole = [index for index, left in enumerate(free) if left >= WHOLE]
        if len(whole) >= ask.count:
            yield tuple(whole[: ask.count])


def without(free: Free, ask: Ask, chosen: Chosen) -> Free:
    """What is free once a pod has these devices."""
    each = ask.milli or WHOLE
    return tuple(left - each if index in chosen else left for index, left in enumerate(free))
