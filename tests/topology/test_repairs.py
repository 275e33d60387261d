"""Many gangs repaired at once: tables first, then every way to do it on small fleets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.topology.fleets import bundle, demand, gang, racks, seats, shape
from topology.demand import Demand, Granted, NoRoom
from topology.moves.repairs import Repairs, repairs
from topology.supply.fleet import Fleet


def broken(name: str, gpus: int, *nodes: str, within: str | None = "rack", priority: int = 0) -> Demand:
    """A gang with a pod on each of these nodes; "" for a pod that is lost."""
    keep = {f"0/w/{index}": node for index, node in enumerate(nodes) if node}
    wanted = gang(seats("w", len(nodes)), name=name, within=within)
    return demand(wanted, {"w": gpus}, system=f"default/{name}", keep=keep, priority=priority)


def holding(supply: Fleet, demands: Sequence[Demand], *others: tuple[str, int]) -> Fleet:
    """A fleet on which these gangs hold what they keep, and others so many GPUs of a node."""
    for each in demands:
        for slot, node in each.keep.items():
            namespace, _, system = each.system.partition("/")
            supply.grant(f"{each.system}/{slot}", (namespace, system, slot), node, each.shapes["w"].requests)
    for index, (node, gpus) in enumerate(others):
        supply.grant(f"other-{index}", ("default", "", f"other-{index}"), node, shape(gpus).requests)
    return supply


A, B, C = "z-b-r0-0", "z-b-r0-1", "z-b-r0-2"
X, Y, Z = "z-b-r1-0", "z-b-r1-1", "z-b-r1-2"

LARGE = broken("g", 2, A, B, "")
#                                          gangs, others, moved pods of each, at least
EXAMPLES: dict[str, tuple[list[Demand], list[tuple[str, int]], list[list[str]], int]] = {
    "in place":                            ([broken("g", 2, A, "")], [], [[]], 0),
    "two in one rack, in place":           ([broken("g", 2, A, ""), broken("h", 2, B, "")], [], [[], []], 0),
    "elsewhere when its rack is full":     ([broken("g", 2, A, "")], [(A, 2), (B, 4), (C, 4)], [["0/w/0"]], 1),
    "the smaller one leaves":              ([LARGE, broken("h", 2, A, "")], [(B, 2), (C, 4)], [[], ["0/w/0"]], 1),
    "one that moves makes room for both":  ([broken("g", 2, A, ""), broken("h", 2, A, "")], [(B, 4), (C, 4)], [["0/w/0"], []], 1),
    "as in the module's docstring":        ([broken("g", 4, A, B, "")], [(C, 4)], [["0/w/0", "0/w/1"]], 2),
    "no level, no move":                   ([broken("g", 2, A, "", within=None)], [(A, 2), (B, 4), (C, 4)], [[]], 0),
}  # fmt: skip


@pytest.mark.parametrize(("demands", "others", "moved", "least"), EXAMPLES.values(), ids=EXAMPLES)
def test_repairs(demands: list[Demand], others: list[tuple[str, int]], moved: list[list[str]], least: int) -> None:
    supply = holding(racks([4, 4, 4], [4, 4, 4]), demands, *others)
    found = repairs(supply, demands)
    assert [list(each.moved) for each in found.answers if isinstance(each, Granted)] == moved
    assert (found.moved, found.least) == (least, least)


def test_a_small_one_moves_over_for_a_large_one() -> None:
    wanted = gang(seats("v", 1), seats("w", 1), name="g", within="rack")
    asked = demand(wanted, {"v": 1, "w": 2}, keep={"0/v/0": B})
    supply = holding(racks([4, 4, 4], [2]), [], (A, 4), (B, 2), (C, 3), (X, 2))
    supply.grant("v", ("default", "g", "0/v/0"), B, shape(1).requests)
    found = repairs(supply, [asked])
    assert [each.nodes for each in found.answers if isinstance(each, Granted)] == [{"0/v/0": C, "0/w/0": B}]
    assert (found.moved, found.least) == (1, 1)


def test_who_has_no_room_keeps_what_it_has_and_others_are_repaired() -> None:
    large, small = broken("large", 2, A, B, ""), broken("small", 1, C, "", priority=-1)
    supply = holding(racks([3, 3, 3], [2]), [large, small], (A, 1), (B, 1))
    found = repairs(supply, [small, large])
    assert [type(each) for each in found.answers] == [Granted, Granted]
    short = holding(racks([3, 3, 3], [2]), [large, small], (A, 1), (B, 1), (X, 1))
    found = repairs(short, [small, large])
    assert [type(each) for each in found.answers] == [NoRoom, Granted]
    assert found.moved == 0


def test_a_pod_on_a_node_that_is_gone_is_lost() -> None:
    asked = broken("g", 2, A, "vanished")
    found = repairs(holding(racks([4]), [replace(asked, keep={"0/w/0": A})]), [asked])
    assert [each.nodes for each in found.answers if isinstance(each, Granted)] == [{"0/w/0": A, "0/w/1": A}]


HOSTS = {host: f"r{rack}" for rack, hosts in enumerate(((A, B), (X, Y))) for host in hosts}


def by_hand(free: Mapping[str, int], demands: Sequence[Demand]) -> int | None:
    """Fewest moved pods over every way to seat every lost pod and every pod that may move; None when there is no way."""
    pods = [(each, index, slot) for index, each in enumerate(demands) for slot in each.gang.slots()]
    best: int | None = None
    for nodes in product(*(list(_nodes(each, slot)) for each, _, slot in pods)):
        moved = sum(each.keep.get(slot, node) != node for (each, _, slot), node in zip(pods, nodes, strict=True))
        if (best is None or moved < best) and _fits(free, pods, nodes):
            best = moved
    return best


def _nodes(each: Demand, slot: str) -> Iterator[str]:
    complete = len(each.keep) == len(each.gang.slots())
    yield from [each.keep[slot]] if complete else HOSTS


def _fits(free: Mapping[str, int], pods: Sequence[tuple[Demand, int, str]], nodes: Sequence[str]) -> bool:
    left = dict(free)
    racks_of: dict[int, set[str]] = {}
    for (each, index, _), node in zip(pods, nodes, strict=True):
        left[node] -= dict(each.shapes["w"].requests)["nvidia.com/gpu"]
        if each.gang.domains():
            racks_of.setdefault(index, set()).add(HOSTS[node])
    return min(left.values()) >= 0 and all(len(found) == 1 for found in racks_of.values())


@st.composite
def wards(draw: st.DrawFn) -> tuple[dict[str, int], list[Demand]]:
    """Two racks of two hosts, and up to three gangs that fitted before they lost pods."""
    free = {host: draw(st.integers(0, 4)) for host in HOSTS}
    left = dict(free)
    found: list[Demand] = []
    for number in range(draw(st.integers(1, 3))):
        gpus, within = draw(st.integers(1, 2)), draw(st.sampled_from(["rack", "rack", None]))
        rack = draw(st.sampled_from(["r0", "r1"]))
        nodes: list[str] = []
        for _ in range(draw(st.integers(1, 3 if len(found) < 2 else 2))):
            node = draw(st.sampled_from(["", *HOSTS]))
            taken = node and left[node] >= gpus and (within is None or HOSTS[node] == rack)
            nodes.append(node if taken else "")
            left[node or A] -= gpus if taken else 0
        found.append(broken(f"g{number}", gpus, *nodes, within=within))
    return free, found


@settings(max_examples=100, deadline=None)
@given(given_=wards())
def test_no_way_moves_fewer(given_: tuple[dict[str, int], list[Demand]]) -> None:
    free, demands = given_
    supply = holding(racks([4, 4], [4, 4]), demands, *((host, 4 - count) for host, count in free.items() if count < 4))
    best = by_hand(free, demands)
    found = repairs(supply, demands)
    assert kept(demands, found)
    if any(isinstance(each, NoRoom) for each in found.answers):
        assert best is None
    else:
        assert best is not None
        assert found.least <= best <= found.moved
        assert found.moved == best


def kept(demands: Sequence[Demand], found: Repairs) -> bool:
    """Whoever has no room loses nothing."""
    return all(
        isinstance(answer, NoRoom) or len(answer.nodes) == len(each.gang.slots())
        for each, answer in zip(demands, found.answers, strict=True)
    )


def test_instances_move_by_themselves() -> None:
    """Of a gang with two instances that each need a rack only the one that lost a pod moves."""
    parts = (bundle(f"0/g/{index}", seats("w", 2, f"0/g/{index}"), within="rack") for index in range(2))
    keep = {"0/g/0/w/0": A, "0/g/1/w/0": X, "0/g/1/w/1": X}
    asked = demand(gang(*parts), {"g/w": 2}, keep=keep)
    supply = holding(racks([4, 4], [4, 4]), [], (A, 2), (B, 4))
    for slot, node in keep.items():
        supply.grant(slot, ("default", "g", slot), node, shape(2).requests)
    found = repairs(supply, [asked])
    assert [each.moved for each in found.answers if isinstance(each, Granted)] == [("0/g/0/w/0",)]
    assert (found.moved, found.least) == (1, 1)
