"""Where one gang goes: tables that can be checked by hand. Racks are written as free GPUs a host."""

from collections import Counter

import pytest

from specs.gangs import Bundle, Scope, Seats
from tests.topology.fleets import bundle, demand, fleet, gang, node, racks, seats, shape
from topology.demand import Budget, Demand, Granted, NoRoom
from topology.placement import place
from topology.supply.fleet import Fleet

Racks = list[list[int]]


def used(fleet: Fleet, wanted: Demand) -> dict[str, int]:
    """Pods on each host; {} when there is no room."""
    answer = place(fleet, wanted)
    nodes = answer.nodes.values() if isinstance(answer, Granted) else ()
    return {name.removeprefix("z-b-"): count for name, count in sorted(Counter(nodes).items())}


#                                        racks                 pods size within  prefer  pods on each host
ONE_ROLE: dict[str, tuple[Racks, int, int, str | None, str | None, dict[str, int]]] = {
    "exactly fills a rack":             ([[4, 4]],             2,   4,   "rack", None,   {"r0-0": 1, "r0-1": 1}),
    "the tightest rack":                ([[4, 4, 4], [4, 4]],  2,   4,   "rack", None,   {"r1-0": 1, "r1-1": 1}),
    "ties go by name":                  ([[4, 4], [4, 4]],     2,   4,   "rack", None,   {"r0-0": 1, "r0-1": 1}),
    "small holes first":                ([[4, 1, 1]],          2,   1,   "rack", None,   {"r0-1": 1, "r0-2": 1}),
    "a hole of two is worth keeping":   ([[2, 3]],             1,   1,   "rack", None,   {"r0-1": 1}),
    "without a wish, one rack":         ([[2, 2], [4, 4]],     4,   2,   None,   None,   {"r1-0": 2, "r1-1": 2}),
    "without a wish, few racks":        ([[2], [2, 2], [2]],   3,   2,   None,   None,   {"r0-0": 1, "r1-0": 1, "r1-1": 1}),
    "no rack has room":                 ([[4], [4]],           2,   4,   "rack", None,   {}),
    "both racks without a level":       ([[4], [4]],           2,   4,   None,   None,   {"r0-0": 1, "r1-0": 1}),
    "on one host":                      ([[4, 4, 8]],          2,   4,   "host", None,   {"r0-2": 2}),
    "prefers one host":                 ([[4, 4, 8]],          2,   4,   None,   "host", {"r0-2": 2}),
    "a wish is only a wish":            ([[4], [4]],           2,   4,   None,   "host", {"r0-0": 1, "r1-0": 1}),
    "nothing is free":                  ([[0, 0]],             1,   1,   None,   None,   {}),
}  # fmt: skip


@pytest.mark.parametrize(("free", "pods", "size", "within", "prefer", "want"), ONE_ROLE.values(), ids=ONE_ROLE)
def test_one_role(free: Racks, pods: int, size: int, within: str | None, prefer: str | None, want: dict[str, int]) -> None:
    wanted = demand(gang(seats("w", pods, within=within, prefer=prefer)), {"w": size})
    assert used(racks(*free), wanted) == want


def spread(pods: int, over: str, required: bool, size: int = 1) -> Demand:
    return demand(gang(seats("w", pods, spread=over, required=required)), {"w": size})


#                                 racks                   pods over    required  pods in each rack
SPREAD: dict[str, tuple[Racks, int, str, bool, list[int]]] = {
    "one in each rack":          ([[8], [8], [8]],        3,   "rack", True,     [1, 1, 1]),
    "more pods than racks":      ([[8], [8]],             3,   "rack", True,     []),
    "preferred: as even as can": ([[8], [8]],             3,   "rack", False,    [2, 1]),
    "preferred: uneven if must": ([[1], [8]],             4,   "rack", False,    [1, 3]),
    "hosts of one rack":         ([[8, 8, 8], [8]],       3,   "host", True,     [3]),
}  # fmt: skip


@pytest.mark.parametrize(("free", "pods", "over", "required", "want"), SPREAD.values(), ids=SPREAD)
def test_spread(free: Racks, pods: int, over: str, required: bool, want: list[int]) -> None:
    hosts = used(racks(*free), spread(pods, over, required))
    by_rack: Counter[str] = Counter()
    for name, count in hosts.items():
        by_rack[name.partition("-")[0]] += count
    assert sorted(by_rack.values()) == sorted(want)
    assert over != "host" or all(count == 1 for count in hosts.values())


def in_rack(index: int, *roles: Seats, **place_of: str | bool) -> Bundle:
    return bundle(f"0/g/{index}", *roles, within="rack", **place_of)


def groups(*parts: tuple[int, int]) -> Demand:
    """Groups of so many pods of so many GPUs, each in one rack."""
    bundles = [in_rack(index, seats(f"w{size}", pods, f"0/g/{index}")) for index, (pods, size) in enumerate(parts)]
    return demand(gang(*bundles), {f"g/w{size}": size for _, size in parts})


#                                            racks                        groups (pods, size)                  found
NESTED: dict[str, tuple[Racks, list[tuple[int, int]], bool]] = {
    "one group a rack":                     ([[4, 4], [4, 4]],            [(2, 4), (2, 4)],                    True),
    "small before large, in order written": ([[4], [4, 4]],               [(1, 4), (2, 4)],                    True),
    "in the order written goes wrong":      ([[1] * 10, [1] * 10],        [(5, 1), (6, 1), (4, 1), (5, 1)],    True),
    "only 5+3+2 and 4+3+3 will do":         ([[1] * 10, [1] * 10],        [(5, 1), (4, 1), (3, 1), (3, 1), (3, 1), (2, 1)], True),
    "nor anything":                         ([[1] * 10, [1] * 10],        [(6, 1), (6, 1), (3, 1), (5, 1)],    False),
    "enough in all, but not in any":        ([[1] * 3, [1] * 3],          [(2, 1), (2, 1), (2, 1)],            False),
    "mixed sizes that do not divide":       ([[5, 5]],                    [(2, 3), (2, 2)],                    True),
    "three and three do not share a five":  ([[5]],                       [(1, 3), (1, 3)],                    False),
}  # fmt: skip


@pytest.mark.parametrize(("free", "parts", "found"), NESTED.values(), ids=NESTED)
def test_groups_in_racks(free: Racks, parts: list[tuple[int, int]], found: bool) -> None:
    answer = place(racks(*free), groups(*parts))
    assert isinstance(answer, Granted) == found, answer
    assert isinstance(answer, Granted) or answer.code in {"NoDomainFits", "InsufficientCapacity"}


def test_replicas_stand_apart_in_racks_of_their_own() -> None:
    parts = [bundle(f"0/g/{index}", seats("w", 2, f"0/g/{index}"), spread="rack", required=True) for index in range(2)]
    hosts = used(racks([8, 8], [1, 1]), demand(gang(*parts), {"g/w": 1}))
    assert hosts == {"r0-0": 2, "r1-0": 1, "r1-1": 1}
    assert not used(racks([8, 8]), demand(gang(*parts), {"g/w": 1}))


def test_replicas_within_a_block_but_not_on_one_host() -> None:
    """The spread is narrower than the level: only the search can tell."""
    parts = [bundle(f"0/g/{i}", seats("w", 2, f"0/g/{i}"), within="block", spread="host", required=True) for i in range(2)]
    hosts = used(racks([2, 1, 1]), demand(gang(*parts), {"g/w": 1}))
    assert hosts == {"r0-0": 2, "r0-1": 1, "r0-2": 1}
    assert not used(racks([3, 1]), demand(gang(*parts), {"g/w": 1}))


#                       free on the hosts of each rack    prefers    where four pods go
PREFERRED = {
    "one rack":         ([[1, 1, 1], [1], [1] * 8],         "rack",    {"r2"}),
    "the tightest":     ([[1] * 9, [1] * 4, [1] * 8],       "rack",    {"r1"}),
    "one host":         ([[3, 1, 8]],                       "host",    {"r0-2"}),
    "as few as can be": ([[1, 1], [1, 1, 1]],               "rack",    {"r0", "r1"}),
}  # fmt: skip


@pytest.mark.parametrize(("free", "prefer", "want"), PREFERRED.values(), ids=PREFERRED)
def test_parts_of_a_unit_are_together_where_it_prefers(free: list[list[int]], prefer: str, want: set[str]) -> None:
    """A leader and its workers count as one, whichever of them is the larger."""
    part = bundle("0/g/0", seats("l", 1, "0/g/0"), seats("w", 3, "0/g/0"), within="block", prefer=prefer)
    hosts = used(racks(*free), demand(gang(part), {"g/l": 1, "g/w": 1}))
    assert {host if prefer == "host" else host.partition("-")[0] for host in hosts} == want


def test_what_others_of_the_set_hold_counts() -> None:
    part = bundle("0/g/1", seats("w", 1, "0/g/1"), spread="rack", required=True)
    wanted = demand(gang(part), {"g/w": 1}, beside={"0/g/0/w/0": "z-b-r0-0"})
    assert used(racks([8], [8]), wanted) == {"r1-0": 1}
    assert not used(racks([8]), wanted)


def test_a_taken_scope_binds() -> None:
    wanted = gang(seats("w", 1), scopes=(Scope("0", "rack"),), within="rack")
    supply = racks([1], [4])
    assert used(supply, demand(wanted, {"w": 1})) == {"r0-0": 1}
    assert used(supply, demand(wanted, {"w": 1}, taken={"0": "z/b/r1"})) == {"r1-0": 1}
    answer = place(supply, demand(wanted, {"w": 2}, taken={"0": "z/b/r0"}))
    assert isinstance(answer, NoRoom)
    assert (answer.code, answer.nearest, answer.missing) == ("ScopeFull", "z/b/r0", 1)


def test_a_scope_of_the_whole_system_binds() -> None:
    wanted = gang(seats("w", 1), scopes=(Scope("", "block"),))
    supply = fleet({"z": {"b0": {"r": [1]}, "b1": {"r": [4]}}})
    answer = place(supply, demand(wanted, {"w": 1}, taken={"": "z/b1"}))
    assert isinstance(answer, Granted)
    assert answer.domains == {"": "z/b1"}


def test_a_pod_without_devices_leaves_them_alone() -> None:
    assert used(racks([8, 0]), demand(gang(seats("router", 1)), {"router": 0})) == {"r0-1": 1}


def test_cpu_binds_where_devices_do_not() -> None:
    small = Fleet(None, [node("a", 8, holds={"cpu": "4"}), node("b", 8, holds={"cpu": "8"})])
    wanted = demand(gang(seats("w", 3)), {"w": shape(1, cpu="4")})
    assert used(small, wanted) == {"a": 1, "b": 2}


def test_pod_slots_bind() -> None:
    supply = Fleet(None, [node("a", 8, holds={"pods": "1"}), node("b", 8, holds={"pods": "2"})])
    assert used(supply, demand(gang(seats("w", 3)), {"w": 0})) == {"a": 1, "b": 2}
    assert not used(supply, demand(gang(seats("w", 4)), {"w": 0}))


def test_excluded_nodes_are_stepped_around() -> None:
    wanted = demand(gang(seats("w", 1)), {"w": 1}, excluded={"w": frozenset({"z-b-r0-0"})})
    assert used(racks([1, 4]), wanted) == {"r0-1": 1}


def test_a_host_without_the_label_serves_no_level() -> None:
    supply = Fleet(None, [node("a", 8), node("b", 1, ("z", "b", "r"))])
    assert used(supply, demand(gang(seats("w", 1, within="rack")), {"w": 1})) == {"b": 1}
    assert used(supply, demand(gang(seats("w", 2)), {"w": 4})) == {"a": 2}


def test_neighbouring_ranks_sit_together() -> None:
    answer = place(racks([2, 2]), demand(gang(seats("w", 4)), {"w": 1}))
    assert isinstance(answer, Granted)
    assert list(answer.nodes.values()) == ["z-b-r0-0"] * 2 + ["z-b-r0-1"] * 2


def test_score_is_the_share_of_traffic_on_the_fast_network() -> None:
    together = place(racks([4, 4]), demand(gang(seats("w", 2, spread="host", required=True)), {"w": 1}))
    apart = place(racks([4], [4]), demand(gang(seats("w", 2, spread="rack", required=True)), {"w": 1}))
    assert isinstance(together, Granted)
    assert isinstance(apart, Granted)
    assert together.score == 1.0
    assert 0 < apart.score < 0.05


def test_of_two_blocks_as_tight_the_one_where_it_can_be_near() -> None:
    supply = fleet({"z": {"a": {"r0": [4], "r1": [4]}, "b": {"r0": [4, 4]}}})
    answer = place(supply, demand(gang(bundle("0/g/0", seats("w", 2, "0/g/0"), within="block")), {"g/w": 4}))
    assert isinstance(answer, Granted)
    assert (answer.domains["0/g/0"], answer.score) == ("z/b", 1.0)


def test_the_fleet_stays_as_it_is() -> None:
    supply = racks([4, 4])
    before = supply.room().free.tolist()
    assert place(supply, groups((1, 4), (1, 4))) == place(supply, groups((1, 4), (1, 4)))
    place(supply, groups((3, 4)))
    assert supply.room().free.tolist() == before


def test_prices_prove_what_a_short_search_can_not() -> None:
    """Ten hosts are free in each of two racks, and 20 are asked for; no sum of these sizes is 10."""
    hard = groups((7, 1), (7, 1), (6, 1))
    answer = place(racks([1] * 10, [1] * 10), hard, Budget(steps=1))
    assert isinstance(answer, NoRoom)
    assert answer.code == "NoDomainFits"


def test_time_that_runs_out_is_no_proof() -> None:
    hard = groups((5, 1), (4, 1), (3, 1), (3, 1), (3, 1), (2, 1))
    answer = place(racks([1] * 10, [1] * 10), hard, Budget(steps=1, expired=lambda: True))
    assert isinstance(answer, NoRoom)
    assert answer.code == "SearchLimit"
    assert "more time" in answer.message
