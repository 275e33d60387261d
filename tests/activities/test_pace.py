"""Turns: a burst at once, then so many a second, in order."""

import pytest

from activities.cluster.pace import Pace


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def turns(pace: Pace, clock: Clock, count: int) -> list[float]:
    """When each of the next turns came, in seconds since the clock's beginning."""
    times: list[float] = []
    for _ in range(count):
        await pace.turn()
        times.append(round(clock.now - 100, 3))
    return times


async def test_a_burst_then_a_rate() -> None:
    clock = Clock()
    pace = Pace(10, 3, clock, clock.sleep)
    assert await turns(pace, clock, 6) == [0, 0, 0, 0.1, 0.2, 0.3]


async def test_rest_earns_a_new_burst_and_no_more() -> None:
    clock = Clock()
    pace = Pace(10, 3, clock, clock.sleep)
    await turns(pace, clock, 3)
    clock.now += 0.2
    assert await turns(pace, clock, 3) == [0.2, 0.2, 0.3]
    clock.now = 1_100.0
    assert await turns(pace, clock, 5) == [1000, 1000, 1000, 1000.1, 1000.2]


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_pace_without_turns_is_refused(per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="numbers above 0"):
        Pace(per_second, burst)
