"""The smallest plan of moves: tables, then what must hold for every plan, and no plan being smaller."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.topology.fleets import demand, gang, racks, seats
from topology.demand import Budget, Demand, Granted, NoRoom
from topology.moves.defragment import Defragmentation, defragment
from topology.supply.fleet import Fleet

A, B, C = "z-b-r0-0", "z-b-r0-1", "z-b-r0-2"
X, Y, Z = "z-b-r1-0", "z-b-r1-1", "z-b-r1-2"
P, Q = "z-b-r2-0", "z-b-r2-1"


def resident(name: str, gpus: int, *nodes: str, within: str | None = None) -> Demand:
    keep = {f"0/w/{index}": node for index, node in enumerate(nodes)}
    return demand(gang(seats("w", len(nodes)), name=name, within=within), {"w": gpus}, system=f"default/{name}", keep=keep)


def holding(supply: Fleet, residents: Sequence[Demand]) -> Fleet:
    for each in residents:
        namespace, _, system = each.system.partition("/")
        for slot, node in each.keep.items():
            supply.grant(f"{each.system}/{slot}", (namespace, system, slot), node, each.shapes["w"].requests)
    return supply


def arriving(pods: int, gpus: int, within: str | None = "rack") -> Demand:
    return demand(gang(seats("w", pods), name="new", within=within), {"w": gpus})


TIED = resident("a", 2, A, B, within="rack")
#                                       who is there                                    pods GPUs  who moves, how many at least
EXAMPLES: dict[str, tuple[list[Demand], int, int, list[tuple[int, str]], int]] = {
    "nobody when there is room":       ([resident("a", 4, A)],                               2, 4, [], 0),
    "one pod out of the way":          ([resident("a", 1, A), resident("b", 2, X, Y)],       2, 4, [(0, A)], 1),
    "the rack with fewer pods":        ([resident("a", 1, A, B), resident("b", 1, X)],       2, 4, [(1, X)], 1),
    "inside a rack, if that will do":  ([TIED, resident("b", 2, X), resident("c", 2, Y)],    1, 4, [(0, A)], 1),
}  # fmt: skip


@pytest.mark.parametrize(("residents", "pods", "gpus", "moves", "least"), EXAMPLES.values(), ids=EXAMPLES)
def test_moves(residents: list[Demand], pods: int, gpus: int, moves: list[tuple[int, str]], least: int) -> None:
    supply = holding(racks([4, 4], [4, 4]), residents)
    found = defragment(supply, arriving(pods, gpus), residents)
    assert isinstance(found, Defragmentation)
    assert [(move.resident, move.source) for move in found.moves] == moves
    assert found.least == least


def test_a_gang_of_one_rack_moves_as_a_whole() -> None:
    """Both racks are half taken by gangs that stay in one rack; r2 has room for one of them."""
    residents = [resident("a", 2, A, B, within="rack"), resident("b", 2, X, Y, X, within="rack")]
    supply = holding(racks([4, 4], [4, 4], [2, 2]), residents)
    found = defragment(supply, arriving(2, 4), residents)
    assert isinstance(found, Defragmentation)
    assert [(move.source, move.target) for move in found.moves] == [(A, P), (B, Q)]
    assert found.least == 2


def test_who_is_no_resident_stays() -> None:
    residents = [resident("a", 1, A)]
    supply = holding(racks([4], [4]), [*residents, resident("other", 1, X)])
    found = defragment(supply, arriving(1, 4), residents)
    assert isinstance(found, Defragmentation)
    assert [(move.source, move.target) for move in found.moves] == [(A, X)]


def test_no_moves_help_where_too_little_is_free() -> None:
    residents = [resident("a", 3, A), resident("b", 3, X)]
    found = defragment(holding(racks([4], [4]), residents), arriving(1, 4), residents)
    assert isinstance(found, NoRoom)
    assert found.code == "InsufficientCapacity"


def test_more_moves_than_are_allowed_are_refused() -> None:
    residents = [resident("a", 1, A, B), resident("b", 1, X, Y)]
    found = defragment(holding(racks([4, 4], [4, 4]), residents), arriving(2, 4), residents, most=1)
    assert isinstance(found, NoRoom)
    assert "it would take 2 moves, and 1 are allowed" in found.message


MOST, LONG = 3, 5_000
"""Moves, and steps of the search: enough for it to come to its end."""
HOSTS = {host: f"r{rack}" for rack, hosts in enumerate(((A, B), (X, Y))) for host in hosts}


@st.composite
def scattered(draw: st.DrawFn) -> list[Demand]:
    """Each pod is where most is left, so what is free is in small pieces."""
    left, found = dict.fromkeys(HOSTS, 4), list[Demand]()
    for number in range(draw(st.integers(3, 5))):
        gpus, within = draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([None, "rack"]))
        rack = draw(st.sampled_from(["r0", "r1"]))
        nodes: list[str] = []
        for _ in range(draw(st.integers(1, 2))):
            able = [host for host in HOSTS if left[host] >= gpus and (within is None or HOSTS[host] == rack)]
            if able:
                nodes.append(max(able, key=lambda host: (left[host], host)))
                left[nodes[-1]] -= gpus
        if nodes:
            found.append(resident(f"g{number}", gpus, *nodes, within=within))
    return found


@settings(max_examples=100, deadline=None)
@given(residents=scattered(), pods=st.integers(1, 2), gpus=st.integers(3, 4), within=st.sampled_from(["rack", None]))
def test_plans_hold_at_every_moment_and_none_is_smaller(
    residents: list[Demand], pods: int, gpus: int, within: str | None
) -> None:
    supply, asked = holding(racks([4, 4], [4, 4]), residents), arriving(pods, gpus, within)
    best = by_hand(residents, asked, MOST)
    found = defragment(supply, asked, residents, MOST, Budget(LONG))
    if isinstance(found, NoRoom):
        assert best is None
        return
    assert found.least <= len(found.moves) == best
    where = {(index, slot): node for index, each in enumerate(residents) for slot, node in each.keep.items()}
    after = where | {(move.resident, move.slot): move.target for move in found.moves}
    both = [*where.items(), *(((m.resident, m.slot), m.target) for m in found.moves)]
    assert not overfull(residents, both, {})
    assert not overfull(residents, list(after.items()), taken_by(found.granted, gpus))
    assert together(residents, after)


def taken_by(granted: Granted, gpus: int) -> dict[str, int]:
    return {node: gpus * list(granted.nodes.values()).count(node) for node in granted.nodes.values()}


def overfull(residents: Sequence[Demand], pods: Sequence[tuple[tuple[int, str], str]], more: Mapping[str, int]) -> bool:
    used = {host: more.get(host, 0) for host in HOSTS}
    for (index, _), node in pods:
        used[node] += size(residents[index])
    return max(used.values()) > 4


def size(each: Demand) -> int:
    return dict(each.shapes["w"].requests)["nvidia.com/gpu"]


def together(residents: Sequence[Demand], where: Mapping[tuple[int, str], str]) -> bool:
    return all(
        len({HOSTS[where[index, slot]] for slot in each.keep}) == 1 for index, each in enumerate(residents) if each.gang.domains()
    )


def by_hand(residents: Sequence[Demand], asked: Demand, most: int) -> int | None:
    """Fewest moves over every set of up to `most` pods and every free place for each of them."""
    where = {(index, slot): node for index, each in enumerate(residents) for slot, node in each.keep.items()}
    for count in range(most + 1):
        for some in combinations(sorted(where), count):
            for targets in product(HOSTS, repeat=count):
                if lets_in(residents, where, dict(zip(some, targets, strict=True)), asked):
                    return count
    return None


def lets_in(
    residents: Sequence[Demand], where: Mapping[tuple[int, str], str], moved: Mapping[tuple[int, str], str], asked: Demand
) -> bool:
    """The gang has what the moves leave free; of a node that somebody comes to, only what is free already."""
    if any(where[pod] == node for pod, node in moved.items()) or not together(residents, {**where, **moved}):
        return False
    now, gone = dict.fromkeys(HOSTS, 4), dict.fromkeys(HOSTS, 0)
    for (index, slot), node in [*where.items(), *moved.items()]:
        now[node] -= size(residents[index])
        gone[node] += size(residents[index]) if moved.get((index, slot), node) != node else 0
    holes = {host: (left + (0 if host in moved.values() else gone[host])) // size(asked) for host, left in now.items()}
    by_rack = [sum(holes[host] for host in hosts) for hosts in ((A, B), (X, Y))]
    enough = max(by_rack) if asked.gang.domains() else sum(by_rack)
    return min(now.values()) >= 0 and enough >= len(asked.gang.slots())
