"""Exact packing of odd sizes: worked examples, and the same answer as trying every host for every pod."""

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.paths import plain
from tests.topology.fleets import GPU, bundle, demand, gang, racks, seats
from topology.demand import Budget, Demand, Granted
from topology.placement import granted, place
from topology.search.completion import Completion
from topology.search.problem import Problem
from topology.supply.fleet import Fleet

Parts = list[list[int]]
"""Sizes of the pods of each part; the parts must each be in one rack."""


def asked(parts: Parts, loose: list[int]) -> Demand:
    inside = [
        bundle(f"0/p/{at}", *(seats(f"w{at}x{n}", 1, f"0/p/{at}") for n in range(len(part))), within="rack")
        for at, part in enumerate(parts)
    ]
    sizes = {f"p/w{at}x{n}": size for at, part in enumerate(parts) for n, size in enumerate(part)}
    free = {f"l{n}": size for n, size in enumerate(loose)}
    return demand(gang(*inside, *(seats(role, 1) for role in free)), sizes | free)


def outcome(free: list[list[int]], parts: Parts, loose: list[int], steps: int = 20_000) -> str:
    supply, wanted = racks(*free), asked(parts, loose)
    problem = Problem(supply.room(), wanted, tight=True)
    way = Completion(problem, Budget(steps))
    found = way.run()
    if found == "found":
        held(free, supply, wanted, granted(problem, way.picks))
    return found


def held(free: list[list[int]], supply: Fleet, wanted: Demand, answer: Granted) -> None:
    """Every pod has its place, no host is overfull, and parts are in one rack."""
    left = {f"z-b-r{rack}-{host}": gpus for rack, inside in enumerate(free) for host, gpus in enumerate(inside)}
    for slot, node in answer.nodes.items():
        left[node] -= dict(wanted.shapes[plain(slot)].requests)[GPU]
    assert len(answer.nodes) == len(wanted.gang.slots())
    assert min(left.values()) >= 0
    assert supply.room().free[:, supply.room().columns[GPU]].tolist() == list(left.values()), "this room is taken"
    for scope, slots in wanted.gang.domains():
        assert len({supply.domain(answer.nodes[slot], "rack") for slot in slots}) == 1, scope


#                               free GPUs by rack and host  parts            loose pods      outcome
EXAMPLES: dict[str, tuple[list[list[int]], Parts, list[int], str]] = {
    "as in its own example":   ([[8, 6, 5]],                [],              [5, 5, 4, 3, 1], "found"),
    "enough, in wrong pieces": ([[5, 5, 5]],                [],              [3, 3, 3, 3, 2], "none"),
    "a rack for each part":    ([[6, 5], [8, 3]],           [[5, 6], [3, 5]], [3],            "found"),
    "the rack of the other":   ([[6, 5], [8, 3]],           [[8, 3], [5, 6]], [],             "found"),
    "no rack has both":        ([[6, 3], [5, 8]],           [[6, 5, 3]],     [],              "none"),
    "sizes that divide":       ([[4, 4], [4, 4]],           [[4, 2]],        [2],             "unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("free", "parts", "loose", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_packs(free: list[list[int]], parts: Parts, loose: list[int], want: str) -> None:
    assert outcome(free, parts, loose) == want


def test_no_time_is_no_proof() -> None:
    assert outcome([[5, 5, 5]], [], [3, 3, 3, 3, 2], steps=0) == "unknown"


def test_who_must_keep_apart_is_left_to_the_search() -> None:
    apart = gang(*(bundle(f"0/p/{n}", seats("w", 1, f"0/p/{n}"), spread="rack", required=True) for n in range(2)), seats("l", 1))
    wanted = demand(apart, {"p/w": 3, "l": 5})
    assert Completion(Problem(racks([8], [3]).room(), wanted, tight=True), Budget()).run() == "unknown"
    assert isinstance(place(racks([8], [3]), wanted), Granted)


@given(seed=st.integers(0, 10**9))
def test_found_if_and_only_if_possible(seed: int) -> None:
    chance = Random(seed)
    free = [[chance.choice((0, 3, 4, 5, 6, 7, 8)) for _ in range(2)] for _ in range(2)]
    parts = [[chance.choice((2, 3, 5)) for _ in range(chance.randint(1, 2))] for _ in range(chance.randint(0, 3))]
    loose = [chance.choice((1, 2, 3, 5)) for _ in range(chance.randint(1, 2))]
    told = outcome(free, parts, loose)
    assert told == "unknown" or (told == "found") == possible(free, parts, loose)
    sizes = sorted({*loose, *(size for part in parts for size in part)})
    assert told != "unknown" or sizes in ([1], [2], [3], [5], [1, 2], [1, 3], [1, 5])


def possible(free: list[list[int]], parts: Parts, loose: list[int]) -> bool:
    hosts = [(rack, host) for rack, inside in enumerate(free) for host in range(len(inside))]
    pods = [*(size for part in parts for size in part), *loose]
    for chosen in product(hosts, repeat=len(pods)):
        left = {(rack, host): free[rack][host] for rack, host in hosts}
        for size, at in zip(pods, chosen, strict=True):
            left[at] -= size
        queue = list(chosen)
        together = all(len({queue.pop(0)[0] for _ in part}) == 1 for part in parts)
        if together and min(left.values()) >= 0:
            return True
    return False
