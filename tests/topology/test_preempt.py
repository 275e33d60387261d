"""The cheapest victims: tables that can be checked by hand, then every set of victims on small fleets."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.gangs import Gang
from tests.topology.fleets import bundle, demand, gang, racks, seats, shape
from topology.demand import Budget, Demand, Granted, NoRoom
from topology.moves.preempt import Preemption, preempt
from topology.placement import place
from topology.supply.fleet import Fleet
from topology.supply.tenants import Held, Pieces, Tenancy, Tenant, eviction_pieces

HIGH = 100


def tenant(name: str, *where: tuple[str, int], priority: int = 0, minimum: bool = True, needs: str = "") -> Tenant:
    """A gang of pods, each with its node and its GPUs."""
    pods = tuple(
        Held(f"{name}-{index}", ("default", "", f"{name}-{index}"), node, shape(gpus).requests)
        for index, (node, gpus) in enumerate(where)
    )
    return Tenant(name, pods, priority, minimum, needs)


def let(supply: Fleet, tenants: Iterable[Tenant]) -> Tenancy:
    """These tenants hold what they hold."""
    found = tuple(tenants)
    for each in found:
        for pod in each.pods:
            supply.grant(pod.pod, pod.seat, pod.node, pod.requests)
    return Tenancy(found)


def wanted(pods: int, gpus: int, within: str | None = "rack") -> Demand:
    return demand(gang(seats("w", pods), within=within), {"w": gpus}, priority=HIGH)


R0, R1 = "z-b-r0-", "z-b-r1-"
A, B = tenant("a", (R0 + "0", 4)), tenant("b", (R0 + "1", 4))
C, D = tenant("c", (R1 + "0", 4), priority=1), tenant("d", (R1 + "1", 4))
WIDE = tenant("wide", (R0 + "0", 4), (R1 + "0", 4))
SPARE = tenant("spare", (R1 + "1", 4), minimum=False)
BASE, GROWN = tenant("base", (R0 + "0", 4)), tenant("grown", (R0 + "1", 4), minimum=False, needs="base")
SMALL = [tenant(f"s{index}", (R0 + "0", 1)) for index in range(4)]
RISEN = tenant("risen", (R1 + "0", 4), priority=HIGH)

SOLID = [tenant(f"x{index}", (node, 4), priority=HIGH) for index, node in enumerate((R0 + "1", R1 + "0", R1 + "1"))]

#                                         tenants                      pods GPUs  who leaves
EXAMPLES: dict[str, tuple[list[Tenant], int, int, list[str]]] = {
    "nobody when there is room":        ([A],                           1, 4, []),
    "one is enough for one":            ([A, B, C, D],                  1, 4, ["a"]),
    "a rack for a rack":                ([A, B, C, D],                  2, 4, ["a", "b"]),
    "two of little, not one of more":   ([A, B, C, SPARE],              2, 4, ["a", "b"]),
    "never one of equal priority":      ([RISEN, D, A, B],              2, 4, ["a", "b"]),
    "above the minimum first":          ([A, B, RISEN, SPARE],          1, 4, ["spare"]),
    "who adds to one leaves with it":   ([BASE, GROWN, *SOLID[1:]],     2, 4, ["base", "grown"]),
    "what adds may go alone":           ([BASE, GROWN, C, D],           1, 4, ["grown"]),
    "fewer pods, if all else is equal": ([*SMALL, B, D, RISEN],         1, 4, ["b"]),
    "small ones as far as need be":     ([*SMALL, *SOLID],              1, 2, ["s0", "s1"]),
    "a gang leaves as a whole":         ([WIDE, SOLID[0], SOLID[2]],    1, 4, ["wide"]),
}  # fmt: skip


@pytest.mark.parametrize(("tenants", "pods", "gpus", "leave"), EXAMPLES.values(), ids=EXAMPLES)
def test_victims(tenants: list[Tenant], pods: int, gpus: int, leave: list[str]) -> None:
    supply = racks([4, 4], [4, 4])
    found = preempt(supply, wanted(pods, gpus), let(supply, tenants))
    assert isinstance(found, Preemption)
    assert [each.name for each in found.victims] == leave
    assert found.proven


def test_who_can_never_leave_stays() -> None:
    supply = racks([4], [4])
    daemon = Tenant("daemon", tenant("daemon", (R0 + "0", 4)).pods, stays=True)
    found = preempt(supply, wanted(1, 4), let(supply, [daemon, tenant("b", (R1 + "0", 4), priority=5)]))
    assert isinstance(found, Preemption)
    assert [each.name for each in found.victims] == ["b"]


def test_what_is_leaving_costs_nothing() -> None:
    supply = racks([4], [4])
    tenancy = let(supply, [A, C])
    found = preempt(supply, wanted(1, 4), Tenancy((A,), C.pods))
    assert isinstance(found, Preemption)
    assert (found.victims, set(found.granted.nodes.values()), len(tenancy.tenants)) == ((), {R1 + "0"}, 2)


def test_no_victims_help_where_no_rack_is_large_enough() -> None:
    supply = racks([4, 4], [4, 4])
    found = preempt(supply, wanted(3, 4), let(supply, [A, B, C, D]))
    assert isinstance(found, NoRoom)
    assert found.code == "InsufficientCapacity"


def test_the_fleet_stays_as_it_is() -> None:
    supply = racks([4, 4], [4, 4])
    tenancy = let(supply, [A, B, C, D])
    before = supply.room().free.tolist()
    preempt(supply, wanted(2, 4), tenancy)
    assert supply.room().free.tolist() == before


def cost(names: Sequence[str], tenants: Sequence[Tenant]) -> int:
    return Pieces(eviction_pieces(tenants)).cost(names)


def by_hand(supply: Fleet, asked: Demand, tenants: Sequence[Tenant]) -> int | None:
    """The lowest cost over every set of tenants of lower priority."""
    low = [each for each in tenants if each.priority < asked.priority]
    best: int | None = None
    for size in range(len(low) + 1):
        for some in combinations(low, size):
            names = {each.name for each in Pieces(eviction_pieces(low)).closed([each.name for each in some])}
            after = supply.copy()
            for each in low:
                for pod in each.pods if each.name in names else ():
                    after.revoke(pod.pod)
            total = cost([each.name for each in some], low)
            if (best is None or total < best) and isinstance(place(after, asked), Granted):
                best = total
    return best


SHAPES = {"w": shape(2, cpu="300"), "v": shape(1, cpu="500")}


def nested(first: int, second: int, within: str | None, around: str | None) -> Gang:
    parts = (
        bundle(f"0/{name}/0", seats(role, count, f"0/{name}/0"), within=within)
        for name, role, count in (("g", "w", first), ("h", "v", second))
    )
    return gang(*parts, within=around)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, list[Tenant]]:
    """Up to three racks of two hosts of 4 GPUs and 1000 cpu, and up to eight tenants that fit on them."""
    hosts = [f"z-b-r{rack}-{host}" for rack in range(draw(st.integers(1, 3))) for host in range(2)]
    supply = racks(*([4, 4] for _ in range(len(hosts) // 2)))
    left = {host: [4, 1000] for host in hosts}
    tenants: list[Tenant] = []
    for number in range(draw(st.integers(1, 8))):
        pods: list[Held] = []
        for index in range(draw(st.integers(1, 3))):
            host, gpus, cpu = draw(st.sampled_from(hosts)), draw(st.integers(0, 4)), draw(st.sampled_from([0, 200, 500]))
            if left[host][0] >= gpus and left[host][1] >= cpu:
                left[host] = [left[host][0] - gpus, left[host][1] - cpu]
                asked = shape(gpus, **({"cpu": str(cpu)} if cpu else {})).requests
                pods.append(Held(f"t{number}-{index}", ("default", "", f"t{number}-{index}"), host, asked))
        base = draw(st.sampled_from([None, *(each for each in tenants if not each.needs)]))
        priority = draw(st.sampled_from([0, 1, HIGH])) if base is None else base.priority
        if pods:
            needs = base.name if base else ""
            tenants.append(Tenant(f"t{number}", tuple(pods), priority, base is None and draw(st.booleans()), needs))
    return supply, tenants


@settings(max_examples=150, deadline=None)
@given(
    given_=fleets(), first=st.integers(1, 3), second=st.integers(0, 3),
    levels=st.sampled_from([("rack", None), (None, "rack"), (None, None), ("rack", "block"), ("host", "rack")]),
)  # fmt: skip
def test_no_set_of_victims_is_cheaper(
    given_: tuple[Fleet, list[Tenant]], first: int, second: int, levels: tuple[str | None, str | None]
) -> None:
    supply, tenants = given_
    asked = Demand(nested(first, second, *levels), {"g/w": SHAPES["w"], "h/v": SHAPES["v"]}, priority=HIGH)
    best = by_hand_after(supply, asked, tenants)
    found = preempt(supply, asked, Tenancy(tuple(tenants)), Budget(100_000))
    if isinstance(found, NoRoom):
        assert best is None
        return
    assert all(each.priority < HIGH for each in found.victims)
    low = [each for each in tenants if each.priority < HIGH]
    assert cost([each.name for each in found.victims], low) == best
    assert found.proven


def by_hand_after(supply: Fleet, asked: Demand, tenants: Sequence[Tenant]) -> int | None:
    let(supply, tenants)
    return by_hand(supply, asked, tenants)
