"""Evenly shared: against every way there is, on a few small racks."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from topology.search.balance import EVEN, evenly


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 12))
def test_no_other_way_is_more_even_or_as_even_with_fewer(room_for: list[int], count: int) -> None:
    ways = [each for each in product(*(range(size + 1) for size in room_for)) if sum(each) == count]
    shares = evenly(room_for, count)
    if not ways:
        assert shares is None
        return
    assert shares is not None
    assert sum(number for _, number in shares) == count
    assert all(number <= room_for[place] for place, number in shares)
    assert _rank([number for _, number in shares]) == min(map(_rank, ways))


def _rank(shares: tuple[int, ...] | list[int]) -> tuple[int, int]:
    used = [number for number in shares if number]
    return max(EVEN, max(used) - min(used)), len(used)
