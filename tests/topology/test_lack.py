"""How much a waiting gang lacks, and who may pass it: compared with every way there is, on small fleets."""

from collections.abc import Iterator
from itertools import product

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from specs.gangs import Seats
from tests.topology.fleets import bundle, demand, fleet, gang, seats
from topology.demand import Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.line.lack import Lack
from topology.search.problem import Problem

Racks = tuple[tuple[int, ...], ...]
"""Blocks of racks, by what is free in each: pods of one GPU, on one host."""
Rack = tuple[int, int]
blocks = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple)
parts = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def waiting(inner: list[int], loose: int, within: str | None) -> Demand:
    """Parts of so many pods, each in one rack, and pods that may be anywhere in the block, or in the fleet."""
    inside = [bundle(f"0/p/{index}", seats("w", pods, f"0/p/{index}"), within="rack") for index, pods in enumerate(inner)]
    rest: list[Seats] = [seats("r", loose)] if loose else []
    wanted = gang(*inside, *rest, name="big", within=within) if within else gang(*inside, *rest, name="big")
    return demand(wanted, {"p/w": 1, "r": 1}, system="default/big")


def small(pods: int, within: str | None) -> Demand:
    wanted = gang(seats("w", pods), name="small", within=within) if within else gang(seats("w", pods), name="small")
    return demand(wanted, {"w": 1}, system="default/small", age_rank=1)


def lacking(free: Racks, inner: list[int], loose: int, within: str | None) -> int:
    """Pods without room in the best of all ways: every choice of a rack for every part is tried."""
    areas = [tuple((b, r) for r in range(len(racks))) for b, racks in enumerate(free)]
    areas = areas if within else [tuple(rack for area in areas for rack in area)]
    total = sum(inner) + loose
    return total - max(
        sum(seated := [min(free[b][r], sum(p for p, at in zip(inner, homes, strict=True) if at == (b, r))) for b, r in area])
        + min(loose, sum(free[b][r] for b, r in area) - sum(seated))
        for area in areas
        for homes in product(area, repeat=len(inner))
    )


def less(free: Racks, taken: dict[Rack, int]) -> Racks:
    return tuple(tuple(have - taken.get((b, r), 0) for r, have in enumerate(racks)) for b, racks in enumerate(free))


def ways(free: Racks, pods: int, within: str | None) -> Iterator[dict[Rack, int]]:
    """Every way to place some pods."""
    at = [(b, r) for b, racks in enumerate(free) for r in range(len(racks))]
    for counts in product(*(range(min(pods, free[b][r]) + 1) for b, r in at)):
        used = {rack: count for rack, count in zip(at, counts, strict=True) if count}
        together = {"rack": len(used), "block": len({b for b, _ in used})}.get(within or "", 1)
        if sum(counts) == pods and together == 1:
            yield used


def tree(free: Racks) -> dict[str, dict[str, dict[str, list[int]]]]:
    return {"z": {f"b{b}": {f"r{r}": [have] for r, have in enumerate(racks)} for b, racks in enumerate(free)}}


@given(free=blocks, inner=parts, loose=st.integers(0, 3), within=st.sampled_from(("block", None)))
def test_what_a_gang_lacks_is_what_the_best_of_all_ways_lacks(
    free: Racks, inner: list[int], loose: int, within: str | None
) -> None:
    lack = Lack(Problem(fleet(tree(free)).room(), waiting(inner, loose, within)))
    fit, _ = lack.nearest(5_000)
    assert fit.missing == lacking(free, inner, loose, within) == lack.missing(fit)


def answered(free: Racks, big: Demand, other: Demand) -> Granted | NoRoom:
    """What the other one is told when the big one waits; with one block more that is full, so that no gang is too big for all."""
    supply = fleet(tree((*free, (40,))))
    supply.grant("full", ("other", "other", "0"), f"z-b{len(free)}-r0-0", (("nvidia.com/gpu", 40),))
    first, second = solve(supply, [big, other])
    assert isinstance(first, NoRoom)
    return second


def used(answer: Granted) -> dict[Rack, int]:
    found: dict[Rack, int] = {}
    for node in answer.nodes.values():
        _, block, rack, _ = node.split("-")
        at = int(block[1:]), int(rack[1:])
        found[at] = found.get(at, 0) + 1
    return found


@given(
    free=blocks, inner=parts, loose=st.integers(0, 3), within=st.sampled_from(("block", None)),
    pods=st.integers(1, 3), near=st.sampled_from(("block", "rack", None)),
)  # fmt: skip
def test_who_passes_delays_nobody_and_who_waits_had_no_way_that_does_not(
    free: Racks, inner: list[int], loose: int, within: str | None, pods: int, near: str | None
) -> None:
    before, all_ways = lacking(free, inner, loose, within), list(ways(free, pods, near))
    assume(before and all_ways)
    answer = answered(free, waiting(inner, loose, within), small(pods, near))
    if isinstance(answer, Granted):
        assert lacking(less(free, used(answer)), inner, loose, within) == before
        return
    assert answer.code == "WaitsInTurn"
    harmless = [way for way in all_ways if lacking(less(free, way), inner, loose, within) == before]
    assert len(inner) > 1 or not harmless  # where several parts come nearest in several ways, one of these is set aside


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(free=blocks, inner=parts, pods=st.integers(1, 3), near=st.sampled_from(("block", "rack", None)))
def test_what_fits_beside_the_nearest_fit_passes(free: Racks, inner: list[int], pods: int, near: str | None) -> None:
    big = waiting(inner, 0, "block")
    lack = Lack(Problem(fleet(tree(free)).room(), big))
    fit, _ = lack.nearest(5_000)
    assume(fit.missing)
    held: dict[Rack, int] = {}
    for part, area in lack.homes(fit):
        for pods_of in part.task.pods:
            block, rack = lack.problem.layout.domain_name(part.level, area.index).split("/")[1:]
            at = int(block[1:]), int(rack[1:])
            held[at] = min(free[at[0]][at[1]], held.get(at, 0) + len(pods_of.slots))
    assume(any(ways(less(free, held), pods, near)))
    assert isinstance(answered(free, big, small(pods, near)), Granted)
