"""Who is admitted of gangs that have the same turn: those that use most of the room."""

import random
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from benchmarks.bench_placement_p1 import Parts, free_by_rack
from benchmarks.bench_placement_p2 import asked as queued
from benchmarks.bench_placement_p2 import gpus, instance
from benchmarks.filling import bound
from tests.topology.fleets import bundle, demand, gang, racks, seats
from topology.demand import Answer, Demand, Granted, NoRoom
from topology.line.admission import Counts
from topology.line.batch import solve

Gangs = list[list[int]]


def asked(name: str, parts: list[int], **more: Any) -> Demand:
    """A gang of parts, each so many pods of one GPU inside one rack, all in one block."""
    inside = [bundle(f"0/p/{index}", seats("w", pods, f"0/p/{index}"), within="rack") for index, pods in enumerate(parts)]
    return demand(gang(*inside, name=name, within="block"), {"p/w": 1}, system=f"default/{name}", **more)


def granted(free: list[int], gangs: Gangs) -> list[bool]:
    demands = [asked(f"g{index}", parts) for index, parts in enumerate(gangs)]
    return [isinstance(answer, Granted) for answer in solve(racks(*[[each] for each in free]), demands)]


#                                  free a rack   parts of each gang      who is admitted
CASES: dict[str, tuple[list[int], Gangs, list[bool]]] = {
    "all of them":                 ([4, 4],       [[3], [4]],             [True, True]),
    "one that fills the rack":     ([4],          [[3], [4]],             [False, True]),
    "two for one":                 ([4, 4],       [[3, 2], [4], [4]],     [False, True, True]),
    "none is better than another": ([4],          [[4], [4]],             [True, False]),
}  # fmt: skip


@pytest.mark.parametrize(("free", "gangs", "want"), CASES.values(), ids=CASES)
def test_who_is_admitted(free: list[int], gangs: Gangs, want: list[bool]) -> None:
    assert granted(free, gangs) == want


def test_age_and_priority_go_before_use() -> None:
    older = [asked("small", [3]), asked("large", [4], age_rank=1)]
    lower = [asked("small", [3], priority=1), asked("large", [4])]
    for demands in (older, lower):
        assert [isinstance(answer, Granted) for answer in solve(racks([4]), demands)] == [True, False]


@pytest.mark.parametrize("seed", range(30))
def test_as_much_as_trying_all_sets_admits(seed: int) -> None:
    chance = random.Random(seed)
    free = [chance.randint(2, 6) for _ in range(2)]
    gangs = [[chance.randint(1, 4) for _ in range(chance.randint(1, 2))] for _ in range(5)]
    admitted = sum(sum(parts) for parts, there in zip(gangs, granted(free, gangs), strict=True) if there)
    sets = (some for count in range(len(gangs) + 1) for some in combinations(gangs, count))
    most = max(sum(map(sum, some)) for some in sets if fits(free, [part for parts in some for part in parts]))
    assert admitted == most


def test_no_more_than_the_bound_of_fillings_and_nearly_as_much() -> None:
    for seed in (11, 12):
        fleet, gangs = instance(32, seed)
        most = bound(gangs, free_by_rack(fleet))
        answers = solve(fleet, [queued(parts, index) for index, parts in enumerate(gangs)])
        admitted = sum(gpus(parts) for parts, answer in zip(gangs, answers, strict=True) if isinstance(answer, Granted))
        assert 0.95 * most <= admitted <= most


@pytest.mark.parametrize("seed", range(20))
def test_who_is_not_hopeful_has_no_room(seed: int) -> None:
    fleet, gangs = instance(8, seed)
    counts = Counts(fleet.room(), [queued(parts, index) for index, parts in enumerate(gangs)])
    everybody = np.arange(len(gangs))
    for each in everybody.tolist():
        hopeful = counts.hopeful(everybody, 0).tolist()
        assert counts.put(each, 0) is None or each in hopeful


def fits(free: list[int], parts: list[int]) -> bool:
    """Whether parts go into racks; by trying."""
    if not parts:
        return True
    first, *rest = parts
    return any(fits([*free[:index], room - first, *free[index + 1 :]], rest) for index, room in enumerate(free) if room >= first)


def test_a_batch_is_solved_together_whatever_the_order_in_it() -> None:
    demands = [asked("small", [3], batch="now"), asked("large", [4], age_rank=1, batch="now")]
    small, large = solve(racks([4]), demands)
    assert isinstance(large, Granted)
    assert isinstance(small, NoRoom)
    assert small.code == "WaitsInTurn"
    assert "solved together with 1 more of its priority" in small.message


def test_who_waits_before_a_batch_is_not_set_back_by_it() -> None:
    batch = [asked(name, [size], age_rank=1, batch="now") for name, size in (("a", 2), ("b", 4))]
    assert [isinstance(answer, Granted) for answer in solve(racks([4], [5]), batch)] == [True, True]
    answers = solve(racks([4], [5]), [asked("first", [10]), *batch])
    assert [isinstance(answer, Granted) for answer in answers] == [False, True, True]  # larger than the fleet
    answers = solve(racks([4], [5]), [asked("first", [6]), *batch])
    assert [isinstance(answer, Granted) for answer in answers] == [False, True, False]  # beside the rack where it lacks one


@pytest.mark.parametrize("seed", range(6))
def test_no_namespace_gets_much_less_than_by_turns(seed: int) -> None:
    fleet, gangs = instance(16, seed)
    chance = random.Random(seed)
    demands = [
        replace(queued(parts, index), system=f"n{chance.randrange(3)}/s{index}", age_rank=index)
        for index, parts in enumerate(gangs)
    ]
    turns, batch = solve(fleet, demands), solve(fleet, [replace(each, batch="now") for each in demands])
    for name in ("n0", "n1", "n2"):
        own = [index for index, each in enumerate(demands) if each.system.startswith(name)]
        by_turns, together = (
            sum(gpus(gangs[index]) for index in own if isinstance(found[index], Granted)) for found in (turns, batch)
        )
        assert together >= by_turns - max(gpus(gangs[index]) for index in own)
    assert used(gangs, batch) >= used(gangs, turns)


def used(gangs: list[Parts], answers: list[Answer]) -> int:
    return sum(gpus(parts) for parts, answer in zip(gangs, answers, strict=True) if isinstance(answer, Granted))
