"""Many gangs at once: in turn, nothing twice, whole copies in mind."""

from dataclasses import replace

import pytest

from specs.gangs import Gang, Scope, expand
from specs.system import InferenceSystem
from tests.topology.fleets import bundle, demand, fleet, gang, racks, seats, shape
from topology.demand import Answer, Code, Demand, Granted
from topology.line.batch import solve
from topology.line.turns import in_turn, natural
from topology.planning.plan import shapes_of_system
from topology.supply.fleet import Fleet
from topology.supply.tenants import Held

ROOM = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"nvidia.com/gpu": "1"}}}]}


def system(**spec: object) -> InferenceSystem:
    return InferenceSystem.model_validate({"metadata": {"name": "s"}, "spec": spec})


def role(name: str, replicas: int, **more: object) -> dict[str, object]:
    return {"role": name, "replicas": replicas, "template": {"spec": ROOM}, **more}


def asked(declared: InferenceSystem) -> list[Demand]:
    return [Demand(each, shapes_of_system(declared), "default/s") for each in expand("s", declared.spec, {})]


def where(supply: Fleet, demands: list[Demand], level: str = "block") -> list[str]:
    """Domains of each gang, or its reason."""
    return [told(supply, answer, level) for answer in solve(supply, demands)]


def told(supply: Fleet, answer: Answer, level: str) -> str:
    if not isinstance(answer, Granted):
        return answer.code
    return " ".join(sorted({(supply.domain(node, level) or "").rpartition("/")[2] for node in answer.nodes.values()}))


def blocks(*free: int) -> Fleet:
    """Blocks b0, b1, ... with so many hosts of one GPU."""
    return fleet({"z": {f"b{index}": {"r": [1] * hosts} for index, hosts in enumerate(free)}})


def test_nothing_is_given_twice() -> None:
    demands = [demand(gang(seats("w", 2), name=f"g-{index}"), {"w": 1}) for index in range(3)]
    answers = solve(racks([4]), demands)
    assert [isinstance(answer, Granted) for answer in answers] == [True, True, False]


def test_a_level_that_is_not_there_is_told_and_holds_up_nobody_else() -> None:
    strange = system(place={"within": "hall"}, members=[role("w", 3, minAvailable=1)])
    other = demand(gang(seats("w", 2), name="other"), {"w": 1})
    assert where(blocks(4), [*asked(strange), other]) == ["UnknownLevel", "WaitsForGang", "WaitsForGang", "b0"]


#                                  (priority, age rank) of each    whose turn
TURNS = {
    "as they come":               ([(0, 0), (0, 0)],               [0, 1]),
    "older first":                ([(0, 2), (0, 1)],               [1, 0]),
    "higher priority first":      ([(0, 0), (5, 9)],               [1, 0]),
}  # fmt: skip


@pytest.mark.parametrize(("ranks", "turns"), TURNS.values(), ids=TURNS)
def test_turns(ranks: list[tuple[int, int]], turns: list[int]) -> None:
    demands = [
        demand(gang(seats("w", 1), name=f"g-{index}"), {"w": 1}, priority=priority, age_rank=age)
        for index, (priority, age) in enumerate(ranks)
    ]
    assert in_turn(demands) == turns


def test_names_sort_by_their_numbers() -> None:
    assert sorted(["g-10", "g-2", "a-3", "g"], key=natural) == ["a-3", "g", "g-2", "g-10"]


def test_input_order_leaves_no_trace() -> None:
    demands = [demand(gang(seats("w", 1 + index % 3), name=f"g-{index}"), {"w": 1}) for index in range(8)]
    there = solve(racks([4, 4], [4]), demands)
    back = solve(racks([4, 4], [4]), demands[::-1])
    assert there == back[::-1]


def test_a_gang_waits_for_the_one_it_adds_to() -> None:
    base = demand(gang(seats("w", 9), name="s-0"), {"w": 1}, system="s")
    more = demand(Gang("s-0-w-9", False, 0, (), bundle("0", seats("w", 1)), needs="s-0"), {"w": 1}, system="s")
    codes: list[Code | None] = [
        None if isinstance(answer, Granted) else answer.code for answer in solve(racks([4]), [more, base])
    ]
    assert codes == ["WaitsForGang", "InsufficientCapacity"]


def test_a_copy_goes_where_all_of_it_fits() -> None:
    """The base gang of two would fit b0 best, but the copy has four pods."""
    declared = system(members=[role("w", 4, minAvailable=2)], place={"within": "block"})
    assert where(blocks(2, 5), asked(declared)) == ["b1"] * 3


def test_the_base_goes_where_it_can_if_the_whole_fits_nowhere() -> None:
    declared = system(members=[role("w", 4, minAvailable=2)], place={"within": "block"})
    assert where(blocks(2, 3), asked(declared)) == ["b1", "b1", "ScopeFull"]


def test_the_next_copy_leaves_the_first_its_promised_room() -> None:
    """Both bases would fit b0; then neither copy could grow to its three pods."""
    declared = system(members=[role("w", 3, minAvailable=1)], place={"within": "block"}, replicas=2)
    found = solve(blocks(3, 4), asked(declared))
    assert all(isinstance(answer, Granted) for answer in found)


def test_a_rehearsal_finds_what_sums_do_not() -> None:
    """Followers of two GPUs in one host each: b0 has the GPUs, but on hosts of one."""
    scopes = (Scope("0", "block"),)
    base = demand(gang(seats("w", 1), name="s-0", scopes=scopes, within="block"), {"w": 1}, system="s")
    pair = bundle("0", bundle("0/p/0", seats("w", 2, "0/p/0"), within="host"), within="block")
    more = demand(Gang("s-0-p-0", False, 0, scopes, pair, needs="s-0"), {"p/w": 1}, system="s")
    supply = fleet({"z": {"b0": {"r": [1, 1, 1]}, "b1": {"r": [2, 2]}}})
    assert where(supply, [base, more]) == ["b1", "b1"]


def test_copies_stand_apart() -> None:
    declared = system(members=[role("w", 2)], place={"spread": {"over": "block", "strength": "required"}}, replicas=3)
    found = where(blocks(9, 9), asked(declared))
    assert sorted(found[:2]) == ["b0", "b1"]
    assert found[2] == "NoDomainFits"


def test_all_copies_in_one_block() -> None:
    declared = system(members=[role("w", 2)], placeAll={"within": "block"}, replicas=3)
    assert where(blocks(5, 7), asked(declared)) == ["b1"] * 3


def test_many_small_copies() -> None:
    declared = system(members=[role("a", 1), role("b", 1)], replicas=100)
    supply = fleet({"z": {"b": {f"r{index}": [8] * 4 for index in range(7)}}})
    assert all(isinstance(answer, Granted) for answer in solve(supply, asked(declared)))


def test_the_base_leaves_its_followers_the_room_that_they_are_bound_to() -> None:
    """Router and worker would both fit the smaller rack; then the two workers to come would find it full."""
    workers = role("worker", 3, minAvailable=1, place={"within": "rack"})
    supply = fleet({"z": {"b": {"r0": [1, 1], "r1": [1, 1, 1]}}})
    assert where(supply, asked(system(members=[role("router", 1), workers])), "rack") == ["r0 r1", "r1", "r1"]


def test_the_room_that_others_leave_is_kept_for_one_that_preempts() -> None:
    """One of two hosts is free, the other is being left; who comes after may have neither."""
    supply, seat = racks([1, 1]), ("default", "batch", "0/w/0")
    supply.grant("batch", seat, "z-b-r0-0", shape(1).requests)
    first = demand(gang(seats("w", 2), name="first"), {"w": 1}, system="a/first", priority=9, preempts=True)
    second = demand(gang(seats("w", 1), name="second"), {"w": 1}, system="a/second")
    leaving = [Held("batch-0", seat, "z-b-r0-0", shape(1).requests)]
    one, other = solve(supply, [first, second], leaving=leaving)
    assert not isinstance(one, Granted)
    assert one.promised is not None
    assert set(one.promised.nodes.values()) == {"z-b-r0-0", "z-b-r0-1"}
    assert not isinstance(other, Granted)
    minded = replace(first, known=one)
    assert not isinstance(solve(supply, [minded, second])[1], Granted), "nothing has changed since, and it still holds"
