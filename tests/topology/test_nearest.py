"""Nearest fits: sentences that a reader can check by hand."""

from collections.abc import Collection

import pytest

from tests.topology.fleets import demand, gang, racks, seats
from tests.topology.test_defragment import resident
from tests.topology.test_preempt import let, tenant
from topology.demand import Budget, Demand, Granted
from topology.moves.nearest import nearest_fits
from topology.moves.trial import Trial

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


def test_once_time_is_up_no_more_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a large gang among many residents each try costs tens of milliseconds, and there are hundreds of tries."""
    supply = racks(*[[4] * 10 for _ in range(4)])
    nodes = [f"z-b-r{rack}-{host}" for rack in range(4) for host in range(10)]
    tenancy = let(supply, [tenant(f"t{index:03}", (node, 1)) for index, node in enumerate(nodes)])
    residents = [resident(f"t{index:03}", 1, node) for index, node in enumerate(nodes)]
    tries: list[int] = []
    seated = Trial.seated

    def counted(trial: Trial, names: Collection[str], asked: Demand) -> Granted | None:
        tries.append(1)
        return seated(trial, names, asked)

    monkeypatch.setattr(Trial, "seated", counted)
    waits = demand(gang(seats("w", 40)), {"w": 4})
    nearest_fits(supply, waits, residents, tenancy, Budget(expired=lambda: False))
    enough = len(tries)
    tries.clear()
    nearest_fits(supply, waits, residents, tenancy, Budget(expired=lambda: len(tries) >= 2))
    assert len(tries) * 4 < enough
