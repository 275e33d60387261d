"""Those who talk are put near each other, those that say most first."""

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from specs.gangs import Bundle, Seats, Talk, expand
from specs.system import InferenceSystem
from tests.topology.fleets import bundle, demand, gang, node, racks, seats
from topology.demand import Demand, Granted
from topology.placement import place
from topology.planning.plan import plan
from topology.search.closeness import closeness, near
from topology.supply.fleet import Fleet

MUCH = Talk(("prefill", "decode"), 20)
Talks = tuple[Talk, ...]


def asked(talks: Talks, *parts: Bundle | Seats) -> Demand:
    """Pods of one GPU each."""
    roles = [
        seat.role for part in parts for seat in ([part] if isinstance(part, Seats) else part.parts) if isinstance(seat, Seats)
    ]
    return demand(gang(*parts, talks=talks), dict.fromkeys(roles, 1))


def roles(**counts: int) -> tuple[Seats, ...]:
    return tuple(seats(role, pods) for role, pods in counts.items())


def groups(role: str, replicas: int, pods: int) -> tuple[Bundle, ...]:
    """Groups of so many pods, each in one rack."""
    return tuple(bundle(f"0/{role}/{n}", seats("w", pods, f"0/{role}/{n}"), within="rack") for n in range(replicas))


def placed(supply: Fleet, wanted: Demand) -> list[str]:
    """What each rack has: "2 prefill, 1 decode"."""
    answer = place(supply, wanted)
    assert isinstance(answer, Granted)
    racks_of = {slot: node.split("-")[2] for slot, node in answer.nodes.items()}
    found: list[str] = []
    for rack in sorted(set(racks_of.values())):
        there = [slot.split("/")[1] for slot, at in racks_of.items() if at == rack]
        found.append(", ".join(f"{there.count(role)} {role}" for role in dict.fromkeys(there)))
    return sorted(found)


LOUDER = (Talk(("a", "b"), 2), Talk(("b", "c"), 9))
ONE_EACH = (*groups("prefill", 2, 2), *groups("decode", 2, 2))

#                              free hosts a rack   who talks   parts                                   what racks have
EXAMPLES: dict[str, tuple[tuple[int, ...], Talks, tuple[Bundle | Seats, ...], list[str]]] = {
    "two of three in one rack": ((4, 3),           (MUCH,),    roles(prefill=2, router=3, decode=2),
                                 ["2 prefill, 2 decode", "3 router"]),
    "shared out over racks":    ((6, 6),           (MUCH,),    roles(prefill=6, decode=6),
                                 ["3 prefill, 3 decode", "3 prefill, 3 decode"]),
    "and all of a kind without": ((6, 6),          (),         roles(prefill=6, decode=6),
                                 ["6 decode", "6 prefill"]),
    "in a ratio":               ((6, 6),           (MUCH,),    roles(prefill=4, decode=8),
                                 ["2 prefill, 4 decode", "2 prefill, 4 decode"]),
    "one, and as many as fit":  ((3, 3),           (MUCH,),    roles(prefill=1, decode=4),
                                 ["1 prefill, 2 decode", "2 decode"]),
    "the louder two":           ((2, 2),           LOUDER,     roles(a=2, b=1, c=1),
                                 ["1 b, 1 c", "2 a"]),
    "groups, by turns":         ((4, 4),           (MUCH,),    ONE_EACH,
                                 ["2 prefill, 2 decode", "2 prefill, 2 decode"]),
    "less than others":         ((2, 2),           (Talk(("a", "b"), 0), Talk(("a", "c"), 2)), roles(a=1, b=2, c=1),
                                 ["1 a, 1 c", "2 b"]),
}  # fmt: skip


@pytest.mark.parametrize(("free", "talks", "parts", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_who_talks_is_near(free: tuple[int, ...], talks: Talks, parts: tuple[Bundle | Seats, ...], want: list[str]) -> None:
    assert placed(racks(*([1] * each for each in free)), asked(talks, *parts)) == want


def test_inside_a_group_too() -> None:
    """Leaders talk to their workers; probes may be elsewhere."""
    inside = (seats("leader", 1, "0/server/0"), seats("probe", 2, "0/server/0"), seats("worker", 2, "0/server/0"))
    wanted = asked((Talk(("server/leader", "server/worker"), 50),), bundle("0/server/0", *inside))
    answer = place(racks([1] * 3, [1] * 2), wanted)
    assert isinstance(answer, Granted)
    assert len({answer.nodes[f"0/server/0/{slot}"].split("-")[2] for slot in ("leader/0", "worker/0", "worker/1")}) == 1


def test_neighbours_in_rank_stay_neighbours() -> None:
    answer = place(racks([1] * 6, [1] * 6), asked((MUCH,), *roles(prefill=4, decode=8)))
    assert isinstance(answer, Granted)
    at = [answer.nodes[f"0/decode/{rank}"].split("-")[2] for rank in range(8)]
    assert sum(one != other for one, other in pairwise(at)) == 1


def test_the_score_counts_what_is_said() -> None:
    """Of 20 + 1 + 1 that three pods say, 20 stay in the rack, 1 / 36 of 2 reach the next."""
    layout = racks([1, 1], [1]).room().layout
    hosts = {"0/prefill/0": 0, "0/decode/0": 1, "0/router/0": 2}
    assert closeness(layout, hosts) == pytest.approx((1 + 2 / 36) / 3, abs=1e-4)
    assert closeness(layout, hosts, (MUCH,)) == pytest.approx((20 + 2 / 36) / 22, abs=1e-4)
    apart = hosts | {"0/decode/0": 2, "0/router/0": 1}
    assert list(near(layout, hosts, (MUCH,))) == [(MUCH, 1.0)]
    assert list(near(layout, apart, (MUCH, Talk(("nobody", "else"), 2)))) == [(MUCH, 0.0)]


counts = st.integers(0, 4)
weights = st.sampled_from((0, 1, 2, 20))


@settings(max_examples=200)
@given(
    free=st.lists(st.integers(1, 6), min_size=2, max_size=3),
    a=st.integers(1, 4),
    b=counts,
    c=counts,
    ab=weights,
    bc=weights,
    ac=weights,
)
def test_what_fits_still_fits_and_no_more_is_said_far_away(
    free: list[int], a: int, b: int, c: int, ab: int, bc: int, ac: int
) -> None:
    supply = racks(*([1] * each for each in free))
    talks = (Talk(("a", "b"), ab), Talk(("b", "c"), bc), Talk(("a", "c"), ac))
    parts = roles(**{role: pods for role, pods in (("a", a), ("b", b), ("c", c)) if pods})
    plain, told = (place(supply, asked(each, *parts)) for each in ((), talks))
    assert isinstance(plain, Granted) == isinstance(told, Granted) == (a + b + c <= sum(free))
    if isinstance(plain, Granted) and isinstance(told, Granted):
        layout = supply.room().layout
        assert sorted(told.nodes) == sorted(plain.nodes)
        assert len(set(told.nodes.values())) == a + b + c
        said = closeness(layout, {slot: layout.position[node] for slot, node in plain.nodes.items()}, talks)
        assert told.score >= said


def shares(pods: int, racks_: int) -> Iterator[tuple[int, ...]]:
    """Every way to share pods out over racks."""
    yield from (each for each in product(range(pods + 1), repeat=racks_) if sum(each) == pods)


@given(free=st.lists(st.integers(1, 5), min_size=2, max_size=2), a=st.integers(1, 4), b=st.integers(1, 4))
def test_two_that_talk_are_as_near_as_can_be_half_of_it_at_least(free: list[int], a: int, b: int) -> None:
    """Against every placement: the score is never below half of the best, and mostly it is the best."""
    supply, talks = racks(*([1] * each for each in free)), (Talk(("a", "b"), 20),)
    answer = place(supply, asked(talks, *roles(a=a, b=b)))
    if not isinstance(answer, Granted):
        return
    layout = supply.room().layout
    first = [layout.position[f"z-b-r{rack}-0"] for rack in range(2)]
    best = 0.0
    for x, y in product(shares(a, 2), shares(b, 2)):
        if all(one + other <= room for one, other, room in zip(x, y, free, strict=True)):
            hosts = [first[rack] for each in (x, y) for rack, pods in enumerate(each) for _ in range(pods)]
            slots = [f"0/{role}/{n}" for role, pods in (("a", a), ("b", b)) for n in range(pods)]
            best = max(best, closeness(layout, dict(zip(slots, hosts, strict=True)), talks))
    assert answer.score >= best / 2


def declared(talks: list[dict[str, Any]]) -> InferenceSystem:
    limits = {"nvidia.com/gpu": 1}
    template = {"spec": {"containers": [{"name": "server", "image": "x", "resources": {"limits": limits}}]}}
    members = [{"role": role, "replicas": 2, "template": template} for role in ("prefill", "decode")]
    return InferenceSystem.model_validate({"metadata": {"name": "llama"}, "spec": {"members": members, "talks": talks}})


def test_what_is_declared_reaches_the_gang_and_the_plan() -> None:
    system = declared([{"between": ["prefill", "decode"], "weight": 20}])
    (base,) = expand("llama", system.spec, {})
    assert base.talks == (MUCH,)
    items = [{"kind": "Node", **node(f"n{n}", 1, ("z", "b", f"r{n // 2}"))} for n in range(4)]
    (found,) = plan([system], {"kind": "List", "items": items})["systems"]
    (gang_,) = found["gangs"]
    assert gang_["talks"] == [{"between": ["prefill", "decode"], "weight": 20, "near": 0.5}]


#                       talks                                                   what the sentence says
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no such role":     ({"between": ["prefil", "decode"], "weight": 2},        "'prefil', which is no role or group of the"),
    "only one":         ({"between": ["prefill"], "weight": 2},                 "at least 2 items"),
    "no weight":        ({"between": ["prefill", "decode"]},                    "Field required"),
}  # fmt: skip


@pytest.mark.parametrize(("talk", "says"), BAD.values(), ids=BAD)
def test_what_makes_no_sense_is_refused(talk: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        declared([talk])
