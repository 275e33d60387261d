"""Shared devices, and what a host is worth to the pods that usually come."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.supply.devices import WHOLE, Ask, Free, ways, without
from topology.supply.fractions import MILLI, device
from topology.supply.sharing import Sharing
from topology.supply.usual import Mix, Usual

#                                   free on each device   asked            how many fit
EXAMPLES = {
    "two of 600 do not fit one":    ((1000,),             Ask(milli=600),  1),
    "three of 600 do not fit two":  ((1000, 1000),        Ask(milli=600),  2),
    "halves of two devices":        ((500, 500),          Ask(milli=500),  2),
    "no half from two quarters":    ((250, 250),          Ask(milli=500),  0),
    "a begun device is not whole":  ((999, 1000),         Ask(count=1),    1),
    "pairs of whole ones":          ((1000,) * 5,         Ask(count=2),    2),
}  # fmt: skip

frees = st.lists(st.integers(0, 10), min_size=1, max_size=4).map(lambda tenths: tuple(each * 100 for each in tenths))
asks = st.one_of(st.integers(1, 9).map(lambda tenths: Ask(milli=tenths * 100)), st.integers(1, 3).map(lambda n: Ask(count=n)))
pods = st.builds(Usual, st.integers(0, 4), st.just(0), asks)


def seated(free: Free, ask: Ask) -> int:
    """How many such pods get devices, one after the other."""
    left, count = free, 0
    while chosen := next(ways(left, ask), None):
        left = without(left, ask, chosen)
        count += 1
    assert min(left) >= 0
    assert sum(free) - sum(left) == count * ask.total
    return count


@pytest.mark.parametrize(("free", "ask", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_seats_one_by_one(free: Free, ask: Ask, want: int) -> None:
    assert seated(free, ask) == want


@given(free=frees, ask=asks)
def test_as_many_get_devices_as_the_fleet_counts(free: Free, ask: Ask) -> None:
    columns = {name: at for at, name in enumerate((MILLI, *(device(at) for at in range(len(free)))))}
    row = np.array([[sum(free), *free]], np.int64)
    counted = Sharing(columns, np.ones_like(row)).fits(ask, row, slice(None))
    assert counted is not None
    assert counted.tolist() == [seated(free, ask)]


@given(free=frees, ask=asks)
def test_a_way_is_as_good_for_any_order_of_devices(free: Free, ask: Ask) -> None:
    after = {tuple(sorted(without(free, ask, chosen))) for chosen in ways(free, ask)}
    for other in permutations(free):
        assert {tuple(sorted(without(other, ask, chosen))) for chosen in ways(other, ask)} == after


@given(free=frees, cpu=st.integers(0, 20), mix=st.lists(pods, min_size=1, max_size=4))
def test_no_host_is_worth_more_than_is_free_nor_less_than_its_one_usual_pod(free: Free, cpu: int, mix: list[Usual]) -> None:
    assert 0 <= Mix((pod, 1.0) for pod in mix).worth(cpu, 0, free) <= sum(free)
    pod = mix[0]
    most = min(seated(free, pod.ask), cpu // pod.cpu if pod.cpu else seated(free, pod.ask))
    assert Mix([(pod, 1.0)]).worth(cpu, 0, free) == most * pod.ask.total


def test_what_no_cpu_is_left_for_is_worth_nothing() -> None:
    mix = Mix([(Usual(4000, 0, Ask(count=1)), 1.0)])
    assert mix.worth(8000, 0, (WHOLE,) * 8) == 2 * WHOLE
    assert mix.worth(3999, 0, (WHOLE,) * 8) == 0


def test_devices_of_another_model_are_worth_nothing_to_a_pod_that_is_bound_to_one() -> None:
    mix = Mix([(Usual(1, 0, Ask(count=1), ("A", "B")), 1.0)])
    assert mix.worth(8, 0, (WHOLE,), "B") == WHOLE
    assert mix.worth(8, 0, (WHOLE,), "C") == 0


def test_a_mix_without_devices_is_refused() -> None:
    with pytest.raises(ValueError, match="no pod that wants a GPU; name one"):
        Mix([(Usual(1, 0, Ask()), 1.0)])
