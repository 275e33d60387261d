"""Who could go anywhere else at all, worked out by hand; and what a search for moves makes of it."""

import pytest

from tests.topology.fleets import racks
from tests.topology.test_defragment import A, B, X, Y, arriving, holding, resident
from topology.demand import Demand
from topology.moves.defragment import Defragmentation, defragment
from topology.moves.movable import Movable, Places

LONE, PAIR = resident("a", 2, A), resident("a", 2, A, B, within="rack")
#                          who    GPUs by rack and host  alone, together
EXAMPLES: dict[str, tuple[Demand, list[list[int]], bool, bool]] = {
    "to another node":     (LONE, [[2, 1], [1, 2]],      True,  True),
    "there is no node":    (LONE, [[2, 1], [1, 1]],      False, False),
    "to another rack":     (PAIR, [[2, 2], [2, 2]],      True,  True),
    "inside its rack":     (PAIR, [[2, 4], [1, 1]],      True,  False),
    "there is half a rack": (PAIR, [[2, 2], [2, 1]],     False, False),
}  # fmt: skip


@pytest.mark.parametrize(("who", "hosts", "alone", "together"), EXAMPLES.values(), ids=EXAMPLES)
def test_may_move(who: Demand, hosts: list[list[int]], alone: bool, together: bool) -> None:
    movable = Movable(Places(holding(racks(*hosts), [who]).room()), who)
    assert (movable.alone("0/w/0"), movable.together("0/w/0")) == (alone, together)


def test_who_has_no_other_place_is_not_counted_on() -> None:
    """Two moves would clear r0, but no rack has room for that pair: three clear r1, and it is known that no two would do."""
    residents = [resident("a", 3, A, B, within="rack"), resident("b", 1, X, X, Y)]
    supply = holding(racks([4, 4], [4, 4], [1, 1, 1]), residents)
    found = defragment(supply, arriving(2, 4), residents)
    assert isinstance(found, Defragmentation)
    assert sorted(move.source for move in found.moves) == [X, X, Y]
    assert found.least == 3
