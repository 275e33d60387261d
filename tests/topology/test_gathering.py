"""Units of a few classes go into as few domains as can be, or are proven not to fit."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.inventories import racks, shape
from specs.gangs import Bundle, Gang, Seats
from specs.members import Place
from tests.topology.fleets import bundle, demand, gang, seats
from tests.topology.fleets import racks as small
from topology.demand import Demand, Granted
from topology.placement import place
from topology.search.fillings import MOST_PATTERNS
from topology.search.gathering import gathered
from topology.search.shortage import short
from topology.supply.fleet import Fleet
from topology.supply.layout import Ints

#         units of each class, what each takes, what the domains have, domains touched at best
TABLE = {
    "one is roomiest":          ([3], [[4]], [[8, 12, 16]], 1),
    "the roomiest two":         ([5], [[4]], [[8, 12, 8, 4]], 2),
    "small ones fill up":       ([2, 4], [[6], [1]], [[8, 8, 8]], 2),
    "pairs that fill exactly":  ([2, 2], [[5], [3]], [[8, 5, 8, 6]], 2),
    "two gauges":               ([2, 2], [[4, 1], [0, 2]], [[4, 4, 9], [3, 3, 0]], 2),
    "no room":                  ([3], [[4]], [[4, 7, 3]], 0),
}  # fmt: skip


@pytest.mark.parametrize(("counts", "needs", "left", "touched"), TABLE.values(), ids=TABLE)
def test_as_few_as_can_be(counts: list[int], needs: list[list[int]], left: list[list[int]], touched: int) -> None:
    found = gathered(*map(np.array, (counts, needs, left)))
    assert found is not None
    assert len(found) == touched


def test_too_many_patterns_are_left_to_others() -> None:
    counts = np.array([MOST_PATTERNS] * 3)
    assert gathered(counts, np.array([[1], [1], [1]]), np.array([[MOST_PATTERNS, 9]])) is None


@given(st.data())
@settings(deadline=None)
def test_all_are_in_no_domain_holds_too_much_and_no_proof_is_wrong(data: st.DataObject) -> None:
    classes, domains = data.draw(st.integers(1, 3)), data.draw(st.integers(2, 4))
    counts = np.array(data.draw(st.lists(st.integers(1, 3), min_size=classes, max_size=classes)))
    needs = np.array(data.draw(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=classes, max_size=classes)))
    left = np.array([data.draw(st.lists(st.integers(0, 20), min_size=domains, max_size=domains)) for _ in range(2)])
    found = gathered(counts, needs, left) or []
    for domain, taken in found:
        assert (taken @ needs <= left[:, domain]).all()
    assert len({domain for domain, _ in found}) == len(found)
    if found:
        assert np.sum([taken for _, taken in found], axis=0).tolist() == counts.tolist()
        assert len(found) <= fewest(counts, needs, left) + 1
    if short(counts, needs, left):
        assert not fit(counts, needs, left)


#          units of each class, what each takes, what the domains have
SHORT = {
    "by the sum":             ([5], [[4]], [[8, 8]]),
    "odd sizes":              ([3], [[3]], [[5, 5]]),
    "no sum fills a domain":  ([2, 1], [[7], [6]], [[10, 10]]),
    "two gauges":             ([2, 2], [[4, 1], [1, 4]], [[5, 4], [4, 9]]),
    "large amounts":          ([3], [[3 * 2**40]], [[5 * 2**40, 5 * 2**40]]),
}  # fmt: skip


@pytest.mark.parametrize(("counts", "needs", "left"), SHORT.values(), ids=SHORT)
def test_what_can_not_fit_is_proven_by_prices(counts: list[int], needs: list[list[int]], left: list[list[int]]) -> None:
    assert short(*map(np.array, (counts, needs, left)))


def test_what_fits_has_no_proof_against_it() -> None:
    """Amounts so large that careless sums would overflow."""
    assert not short(np.array([2, 2]), np.array([[3 * 2**40], [2**40]]), np.array([[4 * 2**40, 4 * 2**40]]))


def fewest(counts: Ints, needs: Ints, left: Ints) -> int:
    """By trying all."""
    return next(
        size
        for size in range(1, left.shape[1] + 1)
        for some in combinations(range(left.shape[1]), size)
        if fit(counts, needs, left[:, some])
    )


def fit(counts: Ints, needs: Ints, left: Ints) -> bool:
    reached = {tuple(counts.tolist())}
    for domain in range(left.shape[1]):
        reached = {
            tuple(np.subtract(rest, taken).tolist())
            for rest in reached
            for taken in product(*(range(number + 1) for number in rest))
            if (np.array(taken) @ needs <= left[:, domain]).all()
        }
    return any(not any(rest) for rest in reached)


def test_a_service_goes_into_fewer_racks_though_they_are_in_two_blocks() -> None:
    """Block 0 has room for it in four racks; two racks, one of each block, hold it, too."""
    fleet = Fleet(nodes=racks(8, 4, 4, racks_a_block=4))
    for rack, free in ((0, 4), (1, 1), (2, 2), (3, 1), (4, 4), (5, 1), (6, 1), (7, 1)):
        for host in range(free, 4):
            fleet.grant(f"x{rack}-{host}", ("other", "", f"{rack}-{host}"), f"n{rack:05}-{host:03}", shape(4).requests)
    servers = tuple(
        Bundle(f"0/s/{index}", Place(within="rack"), (Seats("s/w", (f"0/s/{index}/w/0",), Place()),)) for index in range(8)
    )
    gang = Gang("g", minimum=True, copy_index=0, scopes=(), root=Bundle("0", Place(prefer="rack"), servers))
    answer = place(fleet, Demand(gang, {"s/w": shape(4)}))
    assert isinstance(answer, Granted)
    assert {fleet.domain(node, "rack") for node in answer.nodes.values()} == {"z000/b0000/r00000", "z000/b0001/r00004"}


@given(
    free=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=7),
    within=st.sampled_from([None, "rack"]),
)
def test_all_or_nothing_whatever_is_preferred(free: list[int], sizes: list[int], within: str | None) -> None:
    """Groups of pods of one GPU that prefer few racks: all pods get a place, or none does, and the reason is told."""
    groups = [
        bundle(f"0/g{n}", seats("w", size, f"0/g{n}"), **({"within": within} if within else {})) for n, size in enumerate(sizes)
    ]
    wanted = demand(gang(*groups, prefer="rack"), {f"g{n}/w": 1 for n in range(len(sizes))})
    answer = place(small(*([1] * each for each in free)), wanted)
    if isinstance(answer, Granted):
        assert set(answer.nodes) == set(wanted.gang.slots())
        assert len(set(answer.nodes.values())) == sum(sizes)
    else:
        assert within or sum(sizes) > sum(free)
