"""The deadline's clock, second by second: it runs while a rollout could get on, and stands still while it can't."""

import pytest

from activities.messages import Observation, Order, Ref
from workflows.clock import Clock

ORDER = Order(ref=Ref(namespace="default", name="llama"), revision="new")
NEWER = ORDER.model_copy(update={"revision": "newer"})


def seen(available: int = 0, *, stands: bool = False, deadline_s: float | None = 10) -> Observation:
    return Observation(available=available, clock_stands=stands, deadline_s=deadline_s)


STANDS, OVER = seen(stands=True), seen(deadline_s=None)
Looks = list[tuple[float, Order, Observation]]

#                                          looks: when, for what, what is seen                                  left at 20
EXAMPLES: dict[str, tuple[Looks, float | None]] = {
    "from the first look":                 ([(12, ORDER, seen())],                                              2),
    "many looks are one":                  ([(12, ORDER, seen()), (14, ORDER, seen()), (18, ORDER, seen())],    2),
    "past the deadline":                   ([(5, ORDER, seen())],                                               -5),
    "one more unit, and it starts anew":   ([(5, ORDER, seen()), (18, ORDER, seen(1))],                         8),
    "one that goes and comes back is none": ([(5, ORDER, seen(1)), (9, ORDER, seen()), (18, ORDER, seen(1))],   -5),
    "it stands still (O2)":                ([(5, ORDER, seen()), (8, ORDER, STANDS), (18, ORDER, seen())],      5),
    "and has no end while it does":        ([(5, ORDER, seen()), (8, ORDER, STANDS)],                           None),
    "a newer revision starts anew":        ([(5, ORDER, seen()), (18, NEWER, seen())],                          8),
    "nothing is rolled out":               ([(5, ORDER, OVER)],                                                 None),
}  # fmt: skip


@pytest.mark.parametrize(("looks", "left"), EXAMPLES.values(), ids=EXAMPLES)
def test_clock(looks: Looks, left: float | None) -> None:
    clock, last = Clock(), Observation()
    for now, order, found in looks:
        clock, last = clock.looked(now, order, found), found
    assert clock.left_s(20, last) == left
