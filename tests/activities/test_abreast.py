"""How far two groups are apart, step by step: updated prefills and decodes, as many at once as they may."""

from fractions import Fraction

import pytest

from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, counts

Steps = list[tuple[int, int]]
ONE_BY_ONE: Steps = [(4, 4 + more) for more in range(1, 5)]

#                             prefill, decode  maxSkew  updated after each step
TABLE: dict[str, tuple[tuple[int, int], int | str, Steps]] = {
    "4:8 by one":             ((4, 8),         1,       [(1, 1), (2, 2), (3, 3), (4, 4), *ONE_BY_ONE]),
    "4:8 by a quarter":       ((4, 8),         "25%",   [(1, 2), (2, 4), (3, 6), (4, 8)]),
    "4:8 by a half":          ((4, 8),         "50%",   [(2, 4), (4, 8)]),
    "4:8 by less than one":   ((4, 8),         "10%",   [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6), (4, 7), (4, 8)]),
    "7:3 by one":             ((7, 3),         1,       [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 3), (7, 3)]),
    "7:3 by a quarter":       ((7, 3),         "25%",   [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)]),
    "7:3 by a half":          ((7, 3),         "50%",   [(3, 1), (5, 2), (7, 3)]),
    "7:3 by as much as ever": ((7, 3),         "100%",  [(7, 3)]),
}  # fmt: skip


@pytest.mark.parametrize(("sizes", "skew", "steps"), TABLE.values(), ids=TABLE)
def test_step_by_step(sizes: tuple[int, int], skew: int | str, steps: Steps) -> None:
    plot = plotted(*sizes, skew)
    found: Steps = []
    while not found or found[-1] != sizes:
        assert len(found) < 20, found
        plot.update()
        plot.tend()
        found.append((counts(plot)["prefill"], counts(plot)["decode"]))
    assert found == steps
    band = Fraction(int(str(skew).removesuffix("%")), 100)
    unit = max(Fraction(1, size) for size in sizes)
    apart = [abs(Fraction(prefill, sizes[0]) - Fraction(decode, sizes[1])) for prefill, decode in found]
    assert isinstance(skew, int) or max(apart) <= max(band, unit)


def test_a_share_is_of_what_is_above_the_partition() -> None:
    plot = plotted(4, 8, "25%", partition=2)
    plot.update()
    plot.tend()
    assert counts(plot) == {"prefill": 1, "decode": 1}, "of 2 and 6: one unit, and a quarter rounded down"


def test_who_is_ahead_by_a_share_says_so() -> None:
    plot = plotted(4, 8, "10%", maxUnavailable=1)
    plot.update()
    plot.tend(ready=False)
    plot.get_ready(slot for slot in plot.pods if "prefill" in slot)
    gate = plot.look()[1].gate
    assert gate is not None
    assert (gate.reason, gate.first) == ("Ratio", "0/decode/0/leader/0")
    assert "1 of 4 units of prefill are updated, which is as far ahead as maxSkew (10%) lets it be of 1 of 8 units of decode" in (
        gate.message
    )


def plotted(prefill: int, decode: int, skew: int | str, **rules: int) -> Plot:
    plot = Plot(declared("1"), counts={"prefill": prefill, "decode": decode})
    plot.edit(declared(NEW, rules={"maxSkew": skew, "maxUnavailable": 8, **rules}))
    return plot
