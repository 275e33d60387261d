"""Load over time: small cases worked out by hand, then laws."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.topology.fleets import demand, gang, racks, seats
from topology.planning.simulation import Job, simulate


def job(name: str, pods: int, arrival: float = 0.0, duration: float = 10.0, gpus: int = 8) -> Job:
    return Job(demand(gang(seats("w", pods), name=name), {"w": gpus}, system=f"ns/{name}"), arrival, duration)


#                        jobs: name, pods of a whole node, arrival, duration     when each starts, on four nodes
TABLE = {
    "all at once":       ([("a", 2, 0, 10), ("b", 2, 0, 10)],                     {"a": 0, "b": 0}),
    "one after another": ([("a", 3, 0, 10), ("b", 3, 0, 10)],                     {"a": 0, "b": 10}),
    "room comes":        ([("a", 4, 0, 10), ("b", 1, 3, 10)],                     {"a": 0, "b": 10}),
    "arrives later":     ([("a", 1, 5, 1)],                                       {"a": 5}),
    "small one passes":  ([("a", 3, 0, 10), ("b", 2, 1, 10), ("c", 1, 2, 1)],     {"a": 0, "b": 10, "c": 10}),
    "never":             ([("a", 5, 0, 10), ("b", 1, 0, 10)],                     {"b": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("jobs", "starts"), TABLE.values(), ids=TABLE)
def test_starts(jobs: list[tuple[str, int, float, float]], starts: dict[str, float]) -> None:
    found = simulate(racks([8, 8], [8, 8]), [job(*each) for each in jobs])
    assert {name.rpartition("/")[2]: stay.start_s for name, stay in found.stays.items()} == starts


def test_namespaces_take_turns() -> None:
    """Room for two comes at a time. One team has asked for five more before the other asks for its one."""
    jobs = [job(f"a{n}", 2, arrival=n // 2, duration=100 - n // 2) for n in range(7)]
    other = job("b", 2, arrival=20, duration=100)
    found = simulate(racks([8, 8], [8, 8]), [*jobs, replace(other, demand=replace(other.demand, system="other/b"))])
    assert [name for name, stay in found.stays.items() if stay.start_s == 100] == ["ns/a2/a2", "other/b/b"]


def test_who_has_waited_for_ten_minutes_is_passed_by_nobody() -> None:
    """Half of each rack is held; the large one needs a whole rack, and who takes the other half of one does not set it back."""
    hold = [Job(demand(gang(seats("w", 2, spread="rack", required=True), name="a"), {"w": 8}, system="ns/a"), 0, 1_000)]
    large = Job(demand(gang(seats("w", 2, within="rack"), name="large"), {"w": 8}, system="ns/large"), 1, 10)
    small = [job(f"s{at}", 1, arrival=at, duration=5) for at in (10, 300, 590, 602, 700)]
    found = simulate(racks([8, 8], [8, 8]), [*hold, large, *small])
    starts = {name.rpartition("/")[2]: stay.start_s for name, stay in found.stays.items()}
    assert starts == {"a": 0, "s10": 10, "s300": 300, "s590": 590, "large": 1_000, "s602": 1_000, "s700": 1_000}


def test_who_never_fits_is_told_why() -> None:
    found = simulate(racks([8]), [job("a", 2)])
    assert not found.stays
    assert "room for 1 of 2" in found.never["ns/a/a"]


def test_two_jobs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two jobs have one name"):
        simulate(racks([8]), [job("a", 1), job("a", 1)])


loads = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30), st.integers(1, 20)), max_size=12)


@settings(max_examples=50, deadline=None)
@given(loads=loads)
def test_no_device_is_held_twice_and_nobody_waits_for_ever(loads: list[tuple[int, int, int]]) -> None:
    fleet = racks([8, 8], [8, 8])
    found = simulate(fleet, [job(f"j{index}", *each) for index, each in enumerate(loads)])
    assert len(found.stays) == len(loads)
    for moment in sorted({stay.start_s for stay in found.stays.values()}):
        there = [node for s in found.stays.values() if s.start_s <= moment < s.end_s for node in s.granted.nodes.values()]
        assert len(there) == len(set(there))
    assert not any(fleet.holders(name) for name in fleet.hosts)


@settings(max_examples=20, deadline=None)
@given(loads=loads, order=st.randoms(use_true_random=False))
def test_the_order_of_the_list_leaves_no_trace(loads: list[tuple[int, int, int]], order: Random) -> None:
    jobs = [job(f"j{index}", *each) for index, each in enumerate(loads)]
    mixed = list(jobs)
    order.shuffle(mixed)
    assert simulate(racks([8] * 4), jobs).stays == simulate(racks([8] * 4), mixed).stays
