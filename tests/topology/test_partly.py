"""A search that ends early says the best that it found, and the bound."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.gangs import Bundle, Seats
from tests.topology.fleets import bundle, demand, fleet, gang, racks, seats
from topology.demand import Answer, Budget, Demand, NoRoom
from topology.placement import place
from topology.supply.fleet import Fleet


def now(supply: Fleet, wanted: Demand) -> Answer:
    """What is answered when there is no time to search."""
    return place(supply, wanted, Budget(steps=1, expired=lambda: True))


def groups(*sizes: int) -> list[Bundle]:
    """Groups of so many pods, each in one rack."""
    return [bundle(f"0/g{index}", seats("w", size, f"0/g{index}"), within="rack") for index, size in enumerate(sizes)]


def wanted(*parts: Bundle | Seats, **place: Any) -> Demand:
    """A gang whose pods ask for one GPU each."""
    roles = {seat.role: 1 for part in parts for seat in ([part] if isinstance(part, Seats) else part.parts)
             if isinstance(seat, Seats)}  # fmt: skip
    return demand(gang(*parts, **place), roles)


TWO_BLOCKS = fleet({"z": {"a": {"r0": [1] * 10, "r1": [1] * 9}, "b": {"r0": [1] * 11, "r1": [1] * 6}}})
APART = seats("s", 3, spread="rack", required=True)

#                                  fleet                      gang                                             at once, of all
EXAMPLES: dict[str, tuple[Fleet, Demand, tuple[int, int]]] = {
    "the last group in part":     (racks([1] * 10, [1] * 10), wanted(*groups(5, 4, 3, 3, 3, 2)),               (19, 20)),
    "none is in two racks":       (racks(*[[1] * 4] * 3),     wanted(*groups(3, 3, 3, 3)),                     (10, 12)),
    "all in one block":           (TWO_BLOCKS,                wanted(*groups(6, 6, 7), within="block"),        (17, 19)),
    "what is spread stays apart": (racks([1] * 9, [1] * 9),   wanted(APART),                                   (2, 3)),
}  # fmt: skip


@pytest.mark.parametrize(("supply", "asked", "best"), EXAMPLES.values(), ids=EXAMPLES)
def test_the_best_is_told(supply: Fleet, asked: Demand, best: tuple[int, int]) -> None:
    before = supply.room().free.tolist()
    answer = now(supply, asked)
    assert isinstance(answer, NoRoom)
    assert (answer.code, answer.best, answer.missing) == ("SearchLimit", best, best[1] - best[0])
    words = f"the best found has places for {best[0]} of its {best[1]} pods at once, and the bound is {best[1]}; give the search"
    assert words in answer.message
    assert supply.room().free.tolist() == before


def test_a_proof_needs_no_best() -> None:
    answer = place(racks([1] * 4, [1] * 4), wanted(*groups(3, 3, 2)))
    assert isinstance(answer, NoRoom)
    assert (answer.code, answer.best) == ("NoDomainFits", None)


@given(free=st.lists(st.integers(1, 7), min_size=1, max_size=3), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_it_can_be_had_and_is_near_the_most(free: list[int], sizes: list[int]) -> None:
    """Of pods of one GPU: every group is in one rack, and a rack has what it has."""
    answer = now(racks(*([1] * each for each in free)), wanted(*groups(*sizes)))
    if isinstance(answer, NoRoom) and answer.best is not None:
        homes = product(range(len(free)), repeat=len(sizes))
        loads = (
            [sum(size for size, at in zip(sizes, home, strict=True) if at == rack) for rack in range(len(free))] for home in homes
        )
        most = max(sum(map(min, free, load)) for load in loads)
        assert most - 2 <= answer.best[0] <= most
