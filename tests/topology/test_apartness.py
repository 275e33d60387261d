"""Systems that keep apart from each other: whichever comes first, alone or in one batch, required or wished for."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from specs.system import InferenceSystem
from tests.topology.fleets import FABRIC, demand, fleet, gang, node, nodes, racks, seats
from topology.demand import Answer, Demand, Granted, NoRoom
from topology.line.batch import solve
from topology.planning.moves import plan_defragmentation, plan_repairs
from topology.planning.plan import plan
from topology.supply.fleet import Fleet
from topology.supply.separation import Separation

RACK = [Separation(("default/a",), "rack", True)]
WISH = [Separation(("default/a",), "rack", False)]
Json = dict[str, Any]


def asked(name: str, pods: int = 1, size: int = 1) -> Demand:
    return demand(gang(seats("w", pods), name=name), {"w": size}, system=f"default/{name}")


def held(supply: Fleet, system: str, *at: str) -> Fleet:
    """The same fleet with pods of a system on these nodes."""
    for number, name in enumerate(at):
        supply.grant(f"{system}/{number}", ("default", system, f"0/w/{number}"), name, (("nvidia.com/gpu", 1), ("pods", 1)))
    return supply


def where(supply: Fleet, answer: Answer) -> list[str | None]:
    assert isinstance(answer, Granted), answer
    return sorted({supply.domain(on, "rack") for on in answer.nodes.values()}, key=str)


def test_another_rack_though_this_one_is_tighter() -> None:
    supply = held(racks([2, 1], [4, 4]), "a", "z-b-r0-0")
    assert where(supply, solve(supply, [asked("b")])[0]) == ["z/b/r0"]
    supply.separations.put("default/b", tuple(RACK))
    assert where(supply, solve(supply, [asked("b")])[0]) == ["z/b/r1"]


def test_whoever_comes_first() -> None:
    supply = held(racks([2, 1], [4, 4]), "b", "z-b-r0-0")
    supply.separations.put("default/b", tuple(RACK))
    assert where(supply, solve(supply, [asked("a")])[0]) == ["z/b/r1"]


@pytest.mark.parametrize("says", ["a", "b"])
def test_of_one_batch(says: str) -> None:
    supply = racks([1, 1], [1, 1])
    supply.separations.put(f"default/{says}", (Separation(("default/b" if says == "a" else "default/a",), "rack", True),))
    one, other = solve(supply, [asked("a"), asked("b")])
    assert where(supply, one) != where(supply, other)


def test_who_has_no_other_room_waits_and_says_why() -> None:
    supply = held(racks([4, 4]), "a", "z-b-r0-0")
    supply.separations.put("default/b", tuple(RACK))
    (answer,) = solve(supply, [asked("b")])
    assert isinstance(answer, NoRoom)
    assert answer.code == "NoEligibleHost"
    assert "of 2 nodes 2 too near to a system that it keeps apart from" in answer.message


def test_who_only_wishes_it_goes_in() -> None:
    supply = held(racks([4, 4]), "a", "z-b-r0-0")
    supply.separations.put("default/b", tuple(WISH))
    assert where(supply, solve(supply, [asked("b")])[0]) == ["z/b/r0"]


def test_who_only_wishes_it_keeps_apart_where_there_is_room() -> None:
    supply = held(racks([2, 1], [4, 4]), "a", "z-b-r0-0")
    supply.separations.put("default/b", tuple(WISH))
    assert where(supply, solve(supply, [asked("b")])[0]) == ["z/b/r1"]


def test_a_node_in_no_rack_may_be_in_the_same_one() -> None:
    supply = Fleet(FABRIC, [*nodes({"z": {"b": {"r": [2]}}}), node("stray", 4, ("z", "b"))])
    supply.separations.put("default/b", tuple(RACK))
    (answer,) = solve(held(supply, "a", "z-b-r-0"), [asked("b")])
    assert isinstance(answer, NoRoom)


def test_what_stands_too_near_stays_and_is_repaired_elsewhere() -> None:
    supply = held(held(racks([4], [4]), "a", "z-b-r0-0"), "b", "z-b-r0-0")
    supply.separations.put("default/b", tuple(RACK))
    lost = demand(gang(seats("w", 2), name="b"), {"w": 1}, system="default/b", keep={"0/w/0": "z-b-r0-0"})
    (answer,) = solve(supply, [lost])
    assert isinstance(answer, Granted)
    assert answer.nodes == {"0/w/0": "z-b-r0-0", "0/w/1": "z-b-r1-0"}


def test_an_unknown_level_is_told_of_when_it_is_required() -> None:
    supply = held(racks([4]), "a", "z-b-r0-0")
    supply.separations.put("default/b", (Separation(("default/a",), "rak", True),))
    (answer,) = solve(supply, [asked("b")])
    assert isinstance(answer, NoRoom)
    assert answer.code == "UnknownLevel"
    assert "did you mean 'rack'" in answer.message
    supply.separations.put("default/b", (Separation(("default/a",), "rak", False),))
    assert isinstance(solve(supply, [asked("b")])[0], Granted)


def test_a_copy_of_a_fleet_knows_who_keeps_apart() -> None:
    supply = held(racks([4]), "a", "z-b-r0-0")
    supply.separations.put("default/b", tuple(RACK))
    copied = supply.copy()
    supply.separations.put("default/b", ())
    supply.revoke("a/0")
    assert isinstance(solve(copied, [asked("b")])[0], NoRoom)
    assert isinstance(solve(supply, [asked("b")])[0], Granted)


def declared(name: str, **spec: Any) -> InferenceSystem:
    container = {"name": "c", "image": "i", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    members = [{"role": "w", "replicas": 2, "template": {"spec": {"containers": [container]}}}]
    return InferenceSystem.model_validate({"metadata": {"name": name}, "spec": {"members": members, **spec}})


def snapshot(tree: Any) -> Json:
    return {"kind": "List", "items": [{"kind": "Node", **each} for each in nodes(tree)]}


APART = [{"systems": ["a"], "over": "rack", "strength": "required"}]


@pytest.mark.parametrize("command", [plan, plan_defragmentation, plan_repairs])
def test_plans_keep_systems_apart(command: Any) -> None:
    tree = {"z": {"b": {"r0": [4], "r1": [4]}}}
    told = command([declared("b", apart=APART), declared("a")], snapshot(tree))["systems"]
    used = [{pod["node"] for gang in system["gangs"] for pod in gang["pods"]} for system in told]
    assert used in ([{"z-b-r0-0"}, {"z-b-r1-0"}], [{"z-b-r1-0"}, {"z-b-r0-0"}])


def test_a_system_that_keeps_apart_from_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"apart names the system itself; to keep its copies apart use place\.spread"):
        declared("a", apart=APART)


small = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(
    free=small, pods=st.tuples(st.integers(1, 2), st.integers(1, 3)), level=st.sampled_from(["host", "rack"]), wish=st.booleans()
)
def test_found_if_there_is_room_apart_and_never_too_near(
    free: list[list[int]], pods: tuple[int, int], level: str, wish: bool
) -> None:
    supply = racks(*free)
    supply.separations.put("default/b", (Separation(("default/a",), level, not wish),))
    first, second = solve(supply, [asked("a", pods[0]), asked("b", pods[1])])
    if not isinstance(first, Granted):
        return
    there = [supply.domain(on, level) for on in first.nodes.values()]
    left = dict(zip(supply.room().layout.names, (gpus for row in free for gpus in row), strict=True))
    for on in first.nodes.values():
        left[on] -= 1
    apart = sum(gpus for name, gpus in left.items() if supply.domain(name, level) not in there)
    assert isinstance(second, Granted) == ((sum(left.values()) if wish else apart) >= pods[1])
    if isinstance(second, Granted) and apart >= pods[1]:
        assert not {supply.domain(on, level) for on in second.nodes.values()} & set(there)


def test_both_ways_of_saying_it_are_one() -> None:
    """Whichever of two says it, and in whichever order they come, they do not share a rack."""
    for says, order in product("ab", (("a", "b"), ("b", "a"))):
        supply = fleet({"z": {"b": {"r0": [2, 2], "r1": [2, 2]}}})
        supply.separations.put(f"default/{says}", (Separation((f"default/{'b' if says == 'a' else 'a'}",), "rack", True),))
        for name in order:
            (answer,) = solve(supply, [asked(name)])
            assert isinstance(answer, Granted)
            held(supply, name, *answer.nodes.values())
        assert not {supply.domain(on, "rack") for on in supply.nodes_of("default/a")} & {
            supply.domain(on, "rack") for on in supply.nodes_of("default/b")
        }
