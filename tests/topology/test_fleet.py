"""What counts as used, and that a fleet kept up to date equals one built anew."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.names import SLOT, SYSTEM
from tests.topology.fleets import FABRIC, GPU, node, shape
from topology.supply.fleet import Fleet

Pod = dict[str, Any]


def pod(name: str, gpus: int, on: str = "", nominated: str = "", phase: str = "Running", slot: str = "", **more: Any) -> Pod:
    ours = {"labels": {SYSTEM: "llama"}, "annotations": {SLOT: slot}} if slot else {}
    metadata = {"name": name, "namespace": "default", "uid": name, **ours, **more}
    containers = [{"name": "c", "resources": {"requests": {GPU: str(gpus)}}}]
    spec = {"containers": containers, **({"nodeName": on} if on else {})}
    return {
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": phase, **({"nominatedNodeName": nominated} if nominated else {})},
    }


def free(fleet: Fleet, name: str = "n") -> int:
    room = fleet.room()
    return int(room.free[room.layout.position[name], room.columns[GPU]])


#                                      pods on a node of 8 GPUs                                                  free
EXAMPLES: dict[str, tuple[list[Pod], int]] = {
    "none":                           ([],                                                                       8),
    "bound":                          ([pod("a", 3, on="n"), pod("b", 1, on="n")],                               4),
    "elsewhere":                      ([pod("a", 3, on="m")],                                                    8),
    "waiting":                        ([pod("a", 3, phase="Pending")],                                           8),
    "nominated":                      ([pod("a", 3, nominated="n", phase="Pending")],                            5),
    "finished":                       ([pod("a", 3, on="n", phase="Succeeded"), pod("b", 3, on="n", phase="Failed")], 8),
    "leaving":                        ([pod("a", 3, on="n", deletionTimestamp="2026-01-01T00:00:00Z")],          5),
    "a seat's next pod, nominated":   ([pod("a", 3, on="n", slot="0/w/0"), pod("b", 3, nominated="n", slot="0/w/0")], 5),
    "a larger next pod":              ([pod("a", 3, on="n", slot="0/w/0"), pod("b", 5, nominated="n", slot="0/w/0")], 3),
    "two pods of a seat, both there": ([pod("a", 3, on="n", slot="0/w/0"), pod("b", 3, on="n", slot="0/w/0")],   2),
}  # fmt: skip


@pytest.mark.parametrize(("pods", "left"), EXAMPLES.values(), ids=EXAMPLES)
def test_free(pods: list[Pod], left: int) -> None:
    assert free(Fleet(FABRIC, [node("n", 8)], pods)) == left
    later = Fleet(FABRIC, [node("n", 8)])
    assert free(later) == 8
    for each in pods:
        later.put_pod(each)
    assert free(later) == left
    for each in pods:
        later.drop_pod(each)
    assert free(later) == 8


def test_a_grant_and_its_pod_take_one_seat() -> None:
    fleet = Fleet(FABRIC, [node("n", 8), node("m", 8)])
    fleet.grant("g", ("default", "llama", "0/w/0"), "n", shape(3).requests)
    assert free(fleet) == 5
    fleet.put_pod(pod("a", 3, on="n", slot="0/w/0"))
    assert free(fleet) == 5
    fleet.grant("g", ("default", "llama", "0/w/0"), "m", shape(3).requests)
    assert (free(fleet), free(fleet, "m")) == (5, 5)
    fleet.revoke("g")
    fleet.revoke("never granted")
    assert (free(fleet), free(fleet, "m")) == (5, 8)


def test_a_node_that_comes_back_finds_its_pods_counted() -> None:
    fleet = Fleet(FABRIC, [node("n", 8)], [pod("a", 3, on="n")])
    fleet.drop_node("n")
    assert not fleet.hosts
    fleet.put_node(node("n", 8))
    assert free(fleet) == 5


def test_a_node_says_whether_its_change_matters() -> None:
    fleet = Fleet(FABRIC, [node("n", 8)])
    assert not fleet.put_node(node("n", 8))
    assert fleet.put_node(node("n", 8, unschedulable=True))
    assert fleet.put_node(node("n", 4))


def test_a_bad_pod_changes_nothing() -> None:
    fleet = Fleet(FABRIC, [node("n", 8)], [pod("a", 3, on="n")])
    bad = pod("a", 3, on="n")
    bad["spec"]["containers"][0]["resources"]["requests"][GPU] = "many"
    with pytest.raises(ValueError, match="is 'many'"):
        fleet.put_pod(bad)
    assert free(fleet) == 5


changes = st.lists(
    st.tuples(st.sampled_from(["pod", "gone", "node", "cordon", "grant"]), st.integers(0, 3), st.integers(0, 3)), max_size=30
)


@given(changes=changes)
def test_kept_up_to_date_is_as_good_as_new(changes: list[tuple[str, int, int]]) -> None:
    fleet = Fleet(FABRIC, [node(f"n{index}", 8, ("z", "b", f"r{index % 2}")) for index in range(4)])
    one, two = shape(1), shape(3)
    for what, which, size in changes:
        fleet.room().fits(one)
        change(fleet, what, which, size)
    room, fresh = fleet.room(), fleet.copy()
    fresh.set_fabric(None)
    fresh.set_fabric(FABRIC)
    anew = fresh.room()
    assert room.free.tolist() == anew.free.tolist()
    for each in (one, two):
        assert [at.tolist() for at in room.fits(each).at] == [at.tolist() for at in anew.fits(each).at]


def change(fleet: Fleet, what: str, which: int, size: int) -> None:
    if what == "pod":
        fleet.put_pod(pod(f"p{which}", size, on=f"n{(which + size) % 4}"))
    elif what == "gone":
        fleet.drop_pod(pod(f"p{which}", size))
    elif what == "node":
        fleet.put_node(node(f"n{which}", 4 + size, ("z", "b", f"r{which % 2}")))
    elif what == "cordon":
        fleet.put_node(node(f"n{which}", 8, ("z", "b", f"r{which % 2}"), unschedulable=bool(size % 2)))
    else:
        fleet.grant(f"g{which}", ("default", "llama", f"0/w/{which}"), f"n{size}", shape(size).requests)
