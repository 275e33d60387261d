"""One demand that placement can't bear must hold up nobody else."""

from collections.abc import Sequence
from typing import cast

import pytest

from activities.room import questions
from activities.room.demands import Want
from activities.room.questions import FAULT, solved_apart
from tests.topology.fleets import demand, gang, racks, seats
from topology.demand import Answer, Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.supply.fleet import Fleet
from topology.supply.tenants import Held


def test_only_the_gang_at_fault_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(fleet: Fleet, demands: Sequence[Demand], leaving: Sequence[Held]) -> list[Answer]:
        if any(each.gang.name == "bad" for each in demands):
            raise ZeroDivisionError("nothing to divide by")
        return solve(fleet, demands, leaving=leaving)

    monkeypatch.setattr(questions, "solve", faulty)
    supply = racks([2])
    demands = [demand(gang(seats("w", 1), name=name), {"w": 1}, system=f"default/{name}") for name in ("a", "bad", "b", "c")]
    first, bad, second, third = solved_apart(supply, demands, cast("list[Want]", [None] * 4))
    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert isinstance(bad, NoRoom)
    assert isinstance(third, NoRoom), "the room of the first two is held while the others are solved"
    assert (bad.code, "nothing to divide by" in bad.message) == (FAULT, True)
    assert isinstance(solve(supply, demands[3:])[0], Granted), "and given back afterwards"
