"""Nearest fits: sentences that a reader can check by hand."""

import time

import pytest

from tests.topology.fleets import demand, gang, racks, seats
from tests.topology.test_defragment import resident
from tests.topology.test_preempt import let, tenant
from topology.demand import Budget
from topology.moves.nearest import nearest_fits

R0, R1 = "z-b-r0-", "z-b-r1-"


@pytest.mark.parametrize(("own", "rank"), [(5, "lower"), (1, "the same"), (0, "a higher")])
def test_what_would_have_to_leave_whatever_its_priority(own: int, rank: str) -> None:
    supply = racks([4, 4], [4, 4])
    tenancy = let(supply, [tenant("a", (R0 + "0", 4), priority=1), tenant("b", (R1 + "0", 4), (R1 + "1", 4), priority=2)])
    waits = demand(gang(seats("w", 2), within="rack"), {"w": 4}, priority=own)
    assert nearest_fits(supply, waits, (), tenancy) == (f"free 1 node in z/b/r0: it runs a at {rank} priority",)


def test_what_would_have_to_move() -> None:
    supply = racks([4, 4], [4, 4])
    tenancy = let(supply, [tenant("a", (R0 + "0", 4)), tenant("b", (R1 + "0", 4))])
    residents = [resident("a", 4, R0 + "0"), resident("b", 4, R1 + "0")]
    waits = demand(gang(seats("w", 2), within="rack"), {"w": 4})
    fits = nearest_fits(supply, waits, residents, tenancy)
    assert fits[0] == "move 1 pod of default/a out of z/b/r0 to where there is room: espalier defragment start"
    assert fits[1] == "free 1 node in z/b/r0: it runs a at the same priority"


def test_nothing_helps_who_is_too_large() -> None:
    supply = racks([4, 4], [4, 4])
    tenancy = let(supply, [tenant("a", (R0 + "0", 4))])
    assert nearest_fits(supply, demand(gang(seats("w", 3), within="rack"), {"w": 4}), (), tenancy) == ()


def test_a_large_gang_among_many_residents_is_answered_when_time_is_up() -> None:
    """Each try to seat it costs tens of milliseconds, and there are hundreds of tries."""
    supply = racks(*[[4] * 10 for _ in range(20)])
    nodes = [f"z-b-r{rack}-{host}" for rack in range(20) for host in range(10)]
    tenancy = let(supply, [tenant(f"t{index:03}", (node, 1)) for index, node in enumerate(nodes)])
    residents = [resident(f"t{index:03}", 1, node) for index, node in enumerate(nodes)]
    waits = demand(gang(seats("w", 200)), {"w": 4})
    until = time.process_time() + 0.15
    nearest_fits(supply, waits, residents, tenancy, Budget(expired=lambda: time.process_time() > until))
    assert time.process_time() < until + 1.5
