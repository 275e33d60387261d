"""When a status is written: what is at rest at once, what is on its way after a moment."""

import pytest

from activities.reports.reporting import INTERVAL_S, LONGEST_S, moment_s


@pytest.mark.parametrize(("systems", "seconds"), [(0, INTERVAL_S), (5, INTERVAL_S), (25, 5.0), (10_000, LONGEST_S)])
def test_the_more_are_on_their_way_the_longer_is_a_moment(systems: int, seconds: float) -> None:
    assert moment_s(systems) == seconds
