"""No is answered with a reason, and with what would make it yes."""

import pytest

from tests.topology.fleets import bundle, demand, fleet, gang, node, racks, seats
from topology.demand import Demand, NoRoom
from topology.placement import place
from topology.supply.fleet import Fleet

MIXED = [
    node("a", 8, unschedulable=True),
    node("b", 8, taints=[{"key": "gpu", "effect": "NoSchedule"}]),
    node("c", 1),
    node("d", 2),
]

PAIR = [bundle(f"0/g/{index}", seats("w", 2, f"0/g/{index}"), within="rack") for index in range(3)]

#         fleet, demand, (code, level, missing), part of the message
EXAMPLES: dict[str, tuple[Fleet, Demand, tuple[str, str, int], str]] = {
    "no such level": (
        racks([8]), demand(gang(seats("w", 1, within="rck")), {"w": 1}), ("UnknownLevel", "rck", 0),
        "0/w: this fabric has no level 'rck', only zone, block, rack, host; did you mean 'rack'?",
    ),
    "no such level to spread over": (
        racks([8]), demand(gang(seats("w", 1, spread="blok")), {"w": 1}), ("UnknownLevel", "blok", 0), "did you mean 'block'?",
    ),
    "levels the wrong way round": (
        racks([8]), demand(gang(seats("w", 1, within="zone"), within="rack"), {"w": 1}), ("LevelOrder", "zone", 0),
        "0/w must be within one zone, which is broader than the rack around it; give it rack or a narrower level",
    ),
    "no nodes": (
        Fleet(), demand(gang(seats("w", 1)), {"w": 1}), ("NoEligibleHost", "", 1), "no node may take 0/w: there are no nodes",
    ),
    "every node has its reason": (
        Fleet(None, MIXED), demand(gang(seats("w", 3)), {"w": 2}), ("InsufficientCapacity", "", 2),
        "there is room for 1 of 3 (of 4 nodes",
    ),
    "nobody may": (
        Fleet(None, MIXED[:2]), demand(gang(seats("w", 1)), {"w": 1}), ("NoEligibleHost", "", 1),
        "of 2 nodes 1 cordoned, 1 tainted gpu; uncordon or add nodes",
    ),
    "a device nobody has": (
        Fleet(None, [node("a", 8)]), demand(gang(seats("w", 1)), {"w": 0}, excluded={"w": frozenset({"a"})}),
        ("NoEligibleHost", "", 1), "1 set aside after a refusal",
    ),
    "no rack": (
        racks([4, 4], [4, 4, 4]), demand(gang(seats("w", 5, within="rack")), {"w": 4}), ("NoDomainFits", "rack", 2),
        "z/b/r1 comes nearest and lacks room for 2; free room for 2 more there",
    ),
    "not together": (
        racks([1] * 3, [1] * 3), demand(gang(*PAIR), {"g/w": 1}), ("NoDomainFits", "rack", 2),
        "2 of 3 parts find room",
    ),
    "a level without nodes": (
        fleet({"z": {"b": {"": [8]}}}), demand(gang(seats("w", 1, within="rack")), {"w": 1}), ("NoDomainFits", "rack", 1),
        "no node is in any rack that 0/w could use; label the nodes with topology.espalier.dev/rack",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("supply", "wanted", "facts", "says"), EXAMPLES.values(), ids=EXAMPLES)
def test_says_why(supply: Fleet, wanted: Demand, facts: tuple[str, str, int], says: str) -> None:
    answer = place(supply, wanted)
    assert isinstance(answer, NoRoom)
    assert says in answer.message
    assert (answer.code, answer.level, answer.missing) == facts


def test_reasons_are_counted() -> None:
    answer = place(Fleet(None, MIXED), demand(gang(seats("w", 3)), {"w": 9}))
    assert isinstance(answer, NoRoom)
    for reason in ("1 cordoned", "1 tainted gpu", "2 short of nvidia.com/gpu"):
        assert reason in answer.message
