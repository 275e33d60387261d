"""Lost pods are placed anew where the others are; else the whole gang moves."""

from tests.topology.fleets import demand, gang, racks, seats, shape
from topology.demand import Answer, Demand, Granted, NoRoom
from topology.moves.repairs import repaired_in_turn
from topology.supply.fleet import Fleet

WANTED = gang(seats("w", 3), within="rack")


def repair(fleet: Fleet, wanted: Demand) -> Answer:
    (answer,) = repaired_in_turn(fleet, [wanted])
    return answer


def holding(fleet: Fleet, nodes: dict[str, str]) -> Fleet:
    for slot, node in nodes.items():
        fleet.grant(slot, ("default", "s", slot), node, shape(1).requests)
    return fleet


def kept(*hosts: int) -> dict[str, str]:
    return {f"0/w/{index}": f"z-b-r0-{host}" for index, host in enumerate(hosts)}


def test_in_the_rack_where_the_others_are() -> None:
    supply = holding(racks([1, 1, 1, 1], [1, 1, 1]), kept(0, 1))
    answer = repair(supply, demand(WANTED, {"w": 1}, keep=kept(0, 1)))
    assert isinstance(answer, Granted)
    assert answer.nodes == {**kept(0, 1), "0/w/2": "z-b-r0-2"}
    assert answer.moved == ()


def test_the_whole_gang_moves_when_its_rack_is_full() -> None:
    supply = holding(racks([1, 1], [1, 1, 1]), kept(0, 1))
    answer = repair(supply, demand(WANTED, {"w": 1}, keep=kept(0, 1)))
    assert isinstance(answer, Granted)
    assert answer.domains == {"0": "z/b/r1"}
    assert answer.moved == ("0/w/0", "0/w/1")


def test_no_room_says_what_the_repair_lacks() -> None:
    supply = holding(racks([1, 1], [1, 1]), kept(0, 1))
    answer = repair(supply, demand(WANTED, {"w": 1}, keep=kept(0, 1)))
    assert isinstance(answer, NoRoom)
    assert (answer.code, answer.nearest, answer.missing) == ("ScopeFull", "z/b/r0", 1)


def test_a_slot_on_a_node_that_is_gone_is_lost() -> None:
    supply = holding(racks([1, 1, 1]), kept(0, 1))
    answer = repair(supply, demand(WANTED, {"w": 1}, keep={**kept(0, 1), "0/w/2": "vanished"}))
    assert isinstance(answer, Granted)
    assert answer.nodes["0/w/2"] == "z-b-r0-2"


def test_nothing_lost_is_nothing_to_do() -> None:
    supply = holding(racks([1, 1, 1]), kept(0, 1, 2))
    answer = repair(supply, demand(WANTED, {"w": 1}, keep=kept(0, 1, 2)))
    assert isinstance(answer, Granted)
    assert answer.nodes == kept(0, 1, 2)
