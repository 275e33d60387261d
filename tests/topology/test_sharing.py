"""Shared GPUs: what fits where by device, and that nobody gets what another has."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs import names
from specs.gangs import Bundle, Gang, Seats
from specs.members import Place
from topology.demand import Answer, Demand, Granted, NoRoom
from topology.moves.defragment import Defragmentation, defragment
from topology.moves.rehousing import Places, moved, rehoused
from topology.placement import place
from topology.supply.devices import WHOLE, Ask
from topology.supply.fleet import Fleet
from topology.supply.fractions import GPU, MODEL, held
from topology.supply.shapes import Shape, shape_of

Json = dict[str, Any]


def node(name: str, gpus: int, *, shares: bool = True, model: str = "A10") -> Json:
    labels = {"kubernetes.io/hostname": name, MODEL: model} | ({names.SHARES_GPUS: "true"} if shares else {})
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": {GPU: str(gpus), "cpu": "64", "pods": "20"}}}


def template(ask: Ask, **annotations: str) -> Json:
    own = {names.GPU_MILLI: str(ask.milli)} if ask.milli else {}
    asked = {"cpu": "1"} | ({GPU: str(ask.count)} if ask.count else {})
    return {
        "metadata": {"annotations": own | annotations},
        "spec": {"containers": [{"name": "c", "resources": {"requests": asked}}]},
    }


def gang(asks: Sequence[Ask]) -> Demand:
    """A gang of one pod for each, all or nothing."""
    parts = tuple(Seats(f"w{index}", (f"0/w{index}/0",)) for index, _ in enumerate(asks))
    shapes = {f"w{index}": shape_of(template(ask)) for index, ask in enumerate(asks)}
    return Demand(Gang("g", minimum=True, copy_index=0, scopes=(), root=Bundle("0", Place(), parts)), shapes)


def grant(fleet: Fleet, key: str, shape: Shape, answer: Answer) -> None:
    assert isinstance(answer, Granted)
    (slot, node), *_ = answer.nodes.items()
    fleet.grant(key, ("default", "s", key), node, held(shape.requests, answer.devices.get(slot, ())))


#                                          GPUs of each node   asked                                  does it fit
EXAMPLES: dict[str, tuple[Sequence[int], Sequence[Ask], bool]] = {
    "two of 600 want two devices":         ((2,),  [Ask(milli=600)] * 2,                           True),
    "two of 600 do not fit one":           ((1,),  [Ask(milli=600)] * 2,                           False),
    "three of 600 do not fit two":         ((2,),  [Ask(milli=600)] * 3,                           False),
    "nor two nodes of one":                ((1, 1), [Ask(milli=600)] * 3,                          False),
    "fractions that fill a device":        ((1,),  [Ask(milli=600), Ask(milli=400)],               True),
    "a whole one beside a shared one":     ((2,),  [Ask(count=1), Ask(milli=10)],                  True),
    "two whole ones leave no fraction":    ((2,),  [Ask(count=2), Ask(milli=10)],                  False),
}  # fmt: skip


@pytest.mark.parametrize(("gpus", "asks", "fits"), EXAMPLES.values(), ids=EXAMPLES)
def test_places_by_device(gpus: Sequence[int], asks: Sequence[Ask], fits: bool) -> None:
    fleet = Fleet(nodes=[node(f"n{index}", count) for index, count in enumerate(gpus)])
    assert isinstance(place(fleet, gang(asks)), Granted) is fits


def test_a_fraction_goes_only_to_nodes_that_share() -> None:
    fleet = Fleet(nodes=[node("alone", 8, shares=False)])
    assert isinstance(place(fleet, gang([Ask(milli=100)])), NoRoom)
    fleet.put_node(node("shared", 1))
    found = place(fleet, gang([Ask(milli=100), Ask(count=8)]))
    assert isinstance(found, Granted)
    assert found.nodes == {"0/w0/0": "shared", "0/w1/0": "alone"}
    assert found.devices == {"0/w0/0": (0,)}


def test_only_the_models_that_will_do() -> None:
    fleet = Fleet(nodes=[node("a", 1), node("b", 1, model="L4"), node("c", 1, model="T4")])
    shape = shape_of(template(Ask(milli=100), **{names.GPU_MODEL: "L4, T4"}))
    assert fleet.room().fits(shape).host.tolist() == [0, 10, 10]


REFUSALS = {
    "too much": ({names.GPU_MILLI: "1000"}, "is '1000'; write thousandths of one GPU, from 1 to 999"),
    "nothing": ({names.GPU_MILLI: "0"}, "is '0'; write thousandths"),
    "a unit": ({names.GPU_MILLI: "600m"}, "is '600m'; write thousandths"),
    "no model": ({names.GPU_MODEL: "A10,"}, "is 'A10,'; write GPU models"),
}


@pytest.mark.parametrize(("annotations", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refuses_nonsense(annotations: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shape_of(template(Ask(), **annotations))


def test_refuses_a_fraction_beside_whole_ones() -> None:
    with pytest.raises(ValueError, match="keep one of them"):
        shape_of(template(Ask(count=1), **{names.GPU_MILLI: "500"}))


def test_pods_that_are_there_hold_their_devices() -> None:
    shared = template(Ask(milli=600), **{names.GPU_INDEX: "1"})
    foreign = template(Ask(count=1))
    pods = [
        {"metadata": {"name": name, **each["metadata"]}, "spec": {**each["spec"], "nodeName": "n"}}
        for name, each in (("shared", shared), ("foreign", foreign))
    ]
    fleet = Fleet(nodes=[node("n", 3)], pods=pods)
    found = place(fleet, gang([Ask(milli=400), Ask(count=1)]))
    assert isinstance(found, Granted)
    assert found.devices == {"0/w0/0": (1,), "0/w1/0": (2,)}
    assert isinstance(place(fleet, gang([Ask(milli=401), Ask(count=1)])), NoRoom)
    fleet.drop_pod(pods[0])
    assert isinstance(place(fleet, gang([Ask(count=2)])), Granted)


def resident(fleet: Fleet, name: str, milli: int, host: str, device: int) -> Demand:
    """A pod with a fraction of a GPU, in its place."""
    made = replace(gang([Ask(milli=milli)]), system=f"default/{name}", keep={"0/w0/0": host}, devices={"0/w0/0": (device,)})
    fleet.grant(name, ("default", name, "0/w0/0"), host, held(made.shapes["w0"].requests, (device,)))
    return made


#                                              who is where: node, GPU, thousandths            asked       moves: to, GPU
MOVES: dict[str, tuple[list[tuple[str, int, int]], Ask, list[tuple[str, tuple[int, ...]]]]] = {
    "a whole GPU is freed":                  ([("a", 0, 300), ("b", 0, 900), ("b", 1, 500)], Ask(count=1), [("b", (1,))]),
    "the smaller one has a place":           ([("a", 0, 600), ("b", 0, 500), ("b", 1, 500), ("a", 0, 300)], Ask(count=1), []),
    "a fraction is let in":                  ([("a", 0, 600), ("b", 0, 700), ("b", 1, 400)], Ask(milli=700), [("b", (1,))]),
    "to another GPU of its node is no move": ([("b", 0, 300), ("b", 1, 300), ("a", 0, 900)], Ask(count=1), []),
}  # fmt: skip


@pytest.mark.parametrize(("there", "ask", "want"), MOVES.values(), ids=MOVES)
def test_who_has_a_fraction_is_moved_to_a_gpu_that_is_free(
    there: list[tuple[str, int, int]], ask: Ask, want: list[tuple[str, tuple[int, ...]]]
) -> None:
    fleet = Fleet(nodes=[node("a", 1), node("b", 2)])
    residents = [resident(fleet, f"r{index}", milli, host, gpu) for index, (host, gpu, milli) in enumerate(there)]
    found = defragment(fleet, replace(gang([ask]), system="default/new"), residents)
    moves = [(move.target, move.devices) for move in found.moves] if isinstance(found, Defragmentation) else []
    assert moves == want


def test_a_fraction_that_must_leave_is_told_its_new_gpu() -> None:
    """Its own is not free until it has left, when it is moved; when its old pod goes first, it may have it again."""
    fleet = Fleet(nodes=[node("a", 1), node("b", 1)])
    here = resident(fleet, "here", 600, "a", 0)
    gone = replace(here, keep={}, devices={})
    assert moved(fleet, [gone], {"0/w0/0": "b"}) == Places({"0/w0/0": "b"}, {"0/w0/0": (0,)})
    assert isinstance(moved(fleet, [gone], {"0/w0/0": "a"}), NoRoom)
    assert rehoused(fleet, [gone], here.keep, may_stay=True) == Places({"0/w0/0": "a"}, {"0/w0/0": (0,)})


fractions = st.sampled_from([200, 400, 600, 800]).map(lambda milli: Ask(milli=milli))
asks = st.one_of(fractions, st.integers(1, 2).map(lambda count: Ask(count=count)))


@given(gpus=st.lists(st.integers(1, 2), min_size=1, max_size=2), wanted=st.lists(asks, min_size=1, max_size=5))
def test_no_device_is_given_twice_and_all_room_comes_back(gpus: list[int], wanted: list[Ask]) -> None:
    fleet = Fleet(nodes=[node(f"n{index}", count) for index, count in enumerate(gpus)])
    empty = fleet.room().free.copy()
    used: dict[tuple[str, int], int] = {}
    granted: list[str] = []
    for number, ask in enumerate(wanted):
        demand = gang([ask])
        answer = place(fleet, demand)
        if isinstance(answer, Granted):
            chosen = answer.devices["0/w0/0"]
            assert len(chosen) == (ask.count or 1)
            for index in chosen:
                seat = (answer.nodes["0/w0/0"], index)
                used[seat] = used.get(seat, 0) + (ask.milli or WHOLE)
            grant(fleet, str(number), demand.shapes["w0"], answer)
            granted.append(str(number))
    assert max(used.values(), default=0) <= WHOLE
    for key in granted:
        fleet.revoke(key)
    assert (fleet.room().free == empty).all()


@given(gpus=st.lists(st.integers(1, 2), min_size=1, max_size=2), wanted=st.lists(asks, min_size=1, max_size=4))
def test_what_is_proven_impossible_is_impossible(gpus: list[int], wanted: list[Ask]) -> None:
    fleet = Fleet(nodes=[node(f"n{index}", count) for index, count in enumerate(gpus)])
    answer = place(fleet, gang(wanted))
    possible = _possible([tuple([WHOLE] * count) for count in gpus], wanted)
    if isinstance(answer, Granted):
        assert possible
    else:
        assert answer.code == "SearchLimit" or not possible


def _possible(hosts: Sequence[tuple[int, ...]], wanted: Sequence[Ask]) -> bool:
    """By trying every device for every fraction, and then whether enough whole ones are left."""
    fractions = [ask.milli for ask in wanted if ask.milli]
    devices = [(host, index) for host, free in enumerate(hosts) for index in range(len(free))]
    for choice in product(devices, repeat=len(fractions)):
        left = [list(free) for free in hosts]
        for (host, index), milli in zip(choice, fractions, strict=True):
            left[host][index] -= milli
        if min(map(min, left)) < 0:
            continue
        whole = [sum(each == WHOLE for each in free) for free in left]
        if any(_seated(whole, where, wanted) for where in product(range(len(hosts)), repeat=len(wanted) - len(fractions))):
            return True
    return False


def _seated(whole: Sequence[int], where: Sequence[int], wanted: Sequence[Ask]) -> bool:
    left = list(whole)
    for host, ask in zip(where, (ask for ask in wanted if ask.count), strict=True):
        left[host] -= ask.count
    return min(left) >= 0
