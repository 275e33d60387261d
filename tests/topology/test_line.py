"""Who may pass whom: small ones may go by, if the big one does not have to wait for more; nothing passes the aged."""

import random
from dataclasses import replace

import pytest

from specs.gangs import Gang
from tests.topology.fleets import bundle, demand, gang, racks, seats, shape
from topology.demand import Code, Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.line.line import MOST
from topology.supply.fleet import Fleet


def waiting(name: str, pods: int, *, gpus: int = 1, aged: bool = False, within: str = "", age_rank: int = 0) -> Demand:
    wanted = gang(seats("w", pods), name=name, within=within) if within else gang(seats("w", pods), name=name)
    return demand(wanted, {"w": gpus}, system=f"default/{name}", aged=aged, age_rank=age_rank)


def codes(supply: Fleet, *demands: Demand) -> list[Code | None]:
    ranked = [replace(each, age_rank=rank) for rank, each in enumerate(demands)]
    return [None if isinstance(answer, Granted) else answer.code for answer in solve(supply, ranked)]


#                                   free racks       big one                         small one              small one's answer
CASES: dict[str, tuple[list[list[int]], Demand, Demand, Code | None]] = {
    "it goes where the big one is not": ([[4], [2]], waiting("big", 5, within="rack"), waiting("small", 2), None),
    "it needs the big one's rack":  ([[4], [2]],    waiting("big", 5, within="rack"), waiting("small", 3), "WaitsInTurn"),
    "too big for the whole fleet":  ([[4]],         waiting("big", 6),               waiting("small", 2),   None),
    "and however long it waits":    ([[4]],         waiting("big", 6, aged=True),    waiting("small", 2),   None),
}  # fmt: skip


@pytest.mark.parametrize(("free", "big", "small", "code"), CASES.values(), ids=CASES)
def test_passing(free: list[list[int]], big: Demand, small: Demand, code: Code | None) -> None:
    found = codes(racks(*free), big, small)
    assert found[0] is not None
    assert found[1] == code


def busy(*free: list[int]) -> Fleet:
    """Racks with so much free, beside one that is full."""
    supply = racks(*free, [9])
    supply.put_pod(used(f"z-b-r{len(free)}-0", 9))
    return supply


def test_one_whose_parts_lack_a_rack_leaves_the_rest_of_its_block() -> None:
    """Two parts of 4 have one rack, and lack one pod in the second; what the third has is of no use to them."""
    inside = [bundle(f"0/p/{index}", seats("w", 4, f"0/p/{index}"), within="rack") for index in range(2)]
    big = demand(gang(*inside, name="big", within="block"), {"p/w": 1}, system="default/big")
    assert codes(racks([4], [3], [2]), big, waiting("small", 2)) == ["NoDomainFits", None]
    assert codes(racks([4], [3], [1]), big, waiting("small", 2)) == ["NoDomainFits", "WaitsInTurn"]


def test_what_the_big_one_lacks_must_not_grow() -> None:
    assert codes(busy([4]), waiting("big", 6), waiting("small", 2)) == ["InsufficientCapacity", "WaitsInTurn"]


def test_nothing_passes_one_that_has_waited_too_long() -> None:
    """It comes nearest in the second rack. The first is left to others, until it has waited too long."""
    supply = racks([2, 2, 2, 2], [2, 2, 2])
    for index in range(3):
        supply.put_pod(used(f"z-b-r0-{index}", 2))
    young = waiting("big", 4, gpus=2, within="rack")
    assert codes(supply, young, waiting("small", 1, gpus=2)) == ["NoDomainFits", None]
    aged = waiting("big", 4, gpus=2, within="rack", aged=True)
    assert codes(supply, aged, waiting("small", 1, gpus=2)) == ["NoDomainFits", "WaitsInTurn"]


def test_one_that_has_waited_too_long_is_minded_behind_many_others() -> None:
    """All come nearest in the second rack; only for the aged one the first is kept too."""
    supply = racks([2, 2, 2, 2], [2, 2, 2])
    for index in range(3):
        supply.put_pod(used(f"z-b-r0-{index}", 2))
    before = [waiting(f"urgent{index}", 4, gpus=2, within="rack") for index in range(MOST)]
    aged, small = waiting("big", 4, gpus=2, within="rack", aged=True), waiting("small", 1, gpus=2)
    assert codes(supply, *before, replace(aged, aged=False), small)[-1] is None
    assert codes(supply, *before, aged, small)[-1] == "WaitsInTurn"


def used(host: str, gpus: int) -> dict[str, object]:
    container = {"name": "c", "resources": {"requests": {"nvidia.com/gpu": str(gpus)}}}
    metadata = {"name": f"on-{host}", "namespace": "other", "uid": host}
    return {"metadata": metadata, "spec": {"nodeName": host, "containers": [container]}, "status": {"phase": "Running"}}


def test_who_is_known_to_wait_is_not_tried_again_and_still_minded() -> None:
    known = NoRoom("big", "InsufficientCapacity", "as told before")
    big = demand(gang(seats("w", 6), name="big"), {"w": 1}, system="default/big", known=known)
    first, second = solve(busy([4]), [big, waiting("small", 2, age_rank=1)])
    assert first is known
    assert isinstance(second, NoRoom)
    assert second.code == "WaitsInTurn"
    assert "gang big of default/big" in second.message


def test_gangs_of_one_system_do_not_hold_each_other_up() -> None:
    base = demand(gang(seats("w", 6), name="s-1"), {"w": 1}, system="s")
    more = demand(Gang("s-0-w-9", False, 0, (), bundle("0", seats("w", 1))), {"w": 1}, system="s", age_rank=1)
    assert codes(busy([4]), base, more) == ["InsufficientCapacity", None]


def test_what_is_repaired_waits_for_nobody() -> None:
    lost = demand(gang(seats("w", 2), name="lost"), {"w": 1}, system="default/lost", keep={"0/w/0": "z-b-r0-0"}, age_rank=1)
    assert codes(busy([3, 1]), waiting("big", 6), lost) == ["InsufficientCapacity", None]


def test_what_a_repair_took_is_laid_to_nobody_elses_charge() -> None:
    """The small one goes to a node that the big one may not use; the repair before it took from where the big one hopes."""
    lost = demand(gang(seats("w", 2), name="lost"), {"w": 1}, system="default/lost", keep={"0/w/0": "z-b-r0-0"})
    cpu = shape(0, cpu="1")
    small = demand(gang(seats("w", 1), name="small"), {"w": cpu}, system="default/small")
    assert codes(busy([3, 1]), waiting("big", 6), lost, small) == ["InsufficientCapacity", None, None]


@pytest.mark.parametrize("seed", range(40))
def test_nobody_who_comes_first_is_missing_more_for_it(seed: int) -> None:
    """At random: whatever is granted to those behind, the first one fits as soon as it would have without them."""
    chance = random.Random(seed)
    hosts = [[chance.randint(0, 4) for _ in range(chance.randint(1, 4))] for _ in range(chance.randint(1, 3))]
    big = waiting("big", chance.randint(2, 9), within=chance.choice(("", "rack")))
    others = [waiting(f"s{index}", chance.randint(1, 3), age_rank=index + 1) for index in range(4)]
    supply = busy(*hosts)
    answers = solve(supply, [big, *others])
    if isinstance(answers[0], Granted):
        return
    lacking = missing(supply, big)
    for each, answer in zip(others, answers[1:], strict=True):
        for slot, host in answer.nodes.items() if isinstance(answer, Granted) else ():
            supply.grant(f"{each.system}/{slot}", ("default", each.system, slot), host, each.shapes["w"].requests)
    assert missing(supply, big) <= lacking


def missing(supply: Fleet, big: Demand) -> int:
    """Nodes of one GPU, added to its best rack, after which it fits; found by trying."""
    size = len(big.gang.slots())
    within = bool(big.gang.root.place.within)
    room = supply.room()
    free: dict[str, int] = {}
    for index, name in enumerate(room.layout.names):
        rack = (supply.domain(name, "rack") or "") if within else "all"
        free[rack] = free.get(rack, 0) + max(0, int(room.free[index, room.columns["nvidia.com/gpu"]]))
    return max(0, size - max(free.values(), default=0))
