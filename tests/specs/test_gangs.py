"""Which pods get their places together: cases to check by hand, then what holds for every system."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.counts import count_of, rescaled, slots
from specs.gangs import Bundle, Gang, Scope, Seats, expand, gang_from_slots
from specs.homes import gang_of
from specs.paths import paths, plain, roles
from specs.system import SystemSpec
from tests.specs.making import group, role, system, systems

SERVER = (role("leader"), role("worker", 2))
BLOCK, RACK = {"within": "block"}, {"within": "rack"}

# fmt: off
EXAMPLES: dict[str, tuple[SystemSpec, dict[str, int], dict[str, list[str]]]] = {
    "a role without minimum starts whole": (
        system(role("a", 2)), {},
        {"s-0": ["0/a/0", "0/a/1"]},
    ),
    "each copy has its own": (
        system(role("a"), replicas=2), {},
        {"s-0": ["0/a/0"], "s-1": ["1/a/0"]},
    ),
    "pods above the minimum stand alone": (
        system(role("a", 3, minAvailable=1)), {},
        {"s-0": ["0/a/0"], "s-0-a-1": ["0/a/1"], "s-0-a-2": ["0/a/2"]},
    ),
    "one group replica is the minimum": (
        system(group("g", 2, *SERVER)), {},
        {"s-0": ["0/g/0/leader/0", "0/g/0/worker/0", "0/g/0/worker/1"],
         "s-0-g-1": ["0/g/1/leader/0", "0/g/1/worker/0", "0/g/1/worker/1"]},
    ),
    "a replica above the minimum starts at its own": (
        system(group("g", 2, role("w", 2, minAvailable=1))), {},
        {"s-0": ["0/g/0/w/0"], "s-0-g-1": ["0/g/1/w/0"], "s-0-g-0-w-1": ["0/g/0/w/1"], "s-0-g-1-w-1": ["0/g/1/w/1"]},
    ),
    "groups in groups": (
        system(group("g", 1, group("h", 2, role("w")))), {},
        {"s-0": ["0/g/0/h/0/w/0"], "s-0-g-0-h-1": ["0/g/0/h/1/w/0"]},
    ),
    "without any minimum every pod stands alone": (
        system(role("a", 2, minAvailable=0)), {},
        {"s-0-a-0": ["0/a/0"], "s-0-a-1": ["0/a/1"]},
    ),
    "scaling adds gangs": (
        system(role("a", 1)), {"a": 2},
        {"s-0": ["0/a/0"], "s-0-a-1": ["0/a/1"]},
    ),
    "pairs go set by set, the minimum in the base gang": (
        system(group("p", 2, role("w")), group("d", 4, role("w"), minAvailable=2),
               together=[{"members": ["p", "d"], "within": "rack", "ratio": {"d": 2}}]), {},
        {"s-0": ["0/p/0/w/0", "0/d/0/w/0", "0/d/1/w/0"], "s-0-together-0-1": ["0/p/1/w/0", "0/d/2/w/0", "0/d/3/w/0"]},
    ),
    "a set that is not whole is what there is of it": (
        system(group("p", 2, role("w")), group("d", 1, role("w")), together=[{"members": ["p", "d"], "within": "rack"}]), {},
        {"s-0": ["0/p/0/w/0", "0/d/0/w/0"], "s-0-together-0-1": ["0/p/1/w/0"]},
    ),
    "nothing wanted, no gang": (system(role("a"), replicas=0), {}, {}),
}
# fmt: on


@pytest.mark.parametrize(("spec", "counts", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_expands(spec: SystemSpec, counts: dict[str, int], want: dict[str, list[str]]) -> None:
    assert {gang.name: list(gang.slots()) for gang in expand("s", spec, counts)} == want


def by_name(spec: SystemSpec) -> dict[str, Gang]:
    return {gang.name: gang for gang in expand("s", spec, {})}


def test_later_gangs_share_the_domains_of_earlier_ones() -> None:
    spec = system(
        group("g", 2, role("w", 2, minAvailable=1, place={"within": "host"}), place=RACK),
        place=BLOCK,
        placeAll={"within": "zone"},
    )
    zone, block = Scope("", "zone"), Scope("0", "block")
    assert by_name(spec)["s-0-g-1"].scopes[:3] == (zone, block, Scope("0/g/1", "rack"))
    assert by_name(spec)["s-0-g-0-w-1"].scopes == (zone, block, Scope("0/g/0", "rack"), Scope("0/g/0/w", "host"))


def test_every_domain_is_told_with_the_slots_in_it() -> None:
    spec = system(role("r"), group("g", 2, role("w"), place=RACK, minAvailable=2), place=BLOCK)
    assert by_name(spec)["s-0"].domains() == (
        (Scope("0", "block"), ("0/r/0", "0/g/0/w/0", "0/g/1/w/0")),
        (Scope("0/g/0", "rack"), ("0/g/0/w/0",)),
        (Scope("0/g/1", "rack"), ("0/g/1/w/0",)),
    )


def test_what_only_adds_waits_for_what_it_adds_to() -> None:
    spec = system(role("a", 2, minAvailable=1), group("g", 2, role("w", 2, minAvailable=1)))
    assert {name: gang.needs for name, gang in by_name(spec).items()} == {
        "s-0": "",
        "s-0-g-1": "s-0",
        "s-0-a-1": "s-0",
        "s-0-g-0-w-1": "s-0",
        "s-0-g-1-w-1": "s-0-g-1",
    }


def test_ten_pairs_of_nine_nodes_each_in_its_rack() -> None:
    nodes = role("node", 9)
    rule = {"members": ["prefill", "decode"], "within": "rack"}
    spec = system(group("prefill", 10, nodes, minAvailable=10), group("decode", 10, nodes, minAvailable=10), together=[rule])
    (base,) = expand("s", spec, {})
    assert len(base.slots()) == 180
    for index, part in enumerate(base.root.parts):
        assert isinstance(part, Bundle)
        assert (part.name, part.place.within) == (f"0/together/0/{index}", "rack")
        assert [inner.name for inner in part.parts if isinstance(inner, Bundle)] == [f"0/prefill/{index}", f"0/decode/{index}"]


def test_a_slot_of_no_role_is_refused() -> None:
    with pytest.raises(LookupError, match="'0/b/0' is no part of this system"):
        gang_from_slots("s", system(role("a")), "s-0", True, ["0/b/0"])
    with pytest.raises(LookupError, match="is no part"):
        gang_from_slots("s", system(role("a")), "s-0", True, ["0/a/0", "0/b/0"])


def test_five_thousand_copies_expand_at_once() -> None:
    spec = system(role("a"), role("b"), replicas=5_000)
    started = time.perf_counter()
    assert len(expand("s", spec, {})) == 5_000
    assert time.perf_counter() - started < 1.5  # 0.1 s here, alone on 2 cores


@given(systems())
def test_every_wanted_slot_is_in_exactly_one_gang(spec: SystemSpec) -> None:
    held = [slot for gang in expand("s", spec, {}) for slot in gang.slots()]
    assert sorted(held) == sorted(slots(spec, {}))
    assert len(set(held)) == len(held)


@given(systems())
def test_a_gang_is_known_by_its_slots(spec: SystemSpec) -> None:
    for gang in expand("s", spec, {}):
        assert gang_from_slots("s", spec, gang.name, gang.minimum, reversed(gang.slots())) == gang
        assert {gang_of("s", spec, slot) for slot in gang.slots()} == {gang.name}


@given(systems())
def test_names_differ_and_needs_come_before(spec: SystemSpec) -> None:
    seen: set[str] = set()
    for gang in expand("s", spec, {}):
        assert gang.name not in seen
        assert not gang.needs or gang.needs in seen
        assert gang.minimum == (gang.name == f"s-{gang.copy_index}")
        seen.add(gang.name)


@given(systems(), st.data())
def test_more_of_something_moves_no_pod_to_another_gang(spec: SystemSpec, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(spec)))
    more = rescaled(spec, {}, {path: count_of(spec, {}, path) + data.draw(st.integers(0, 3))})
    before = {gang.name: set(gang.slots()) for gang in expand("s", spec, {})}
    after = {gang.name: set(gang.slots()) for gang in expand("s", spec, more)}
    assert all(held <= after[name] for name, held in before.items())


def leaves(part: Bundle | Seats) -> list[Seats]:
    return [part] if isinstance(part, Seats) else [leaf for child in part.parts for leaf in leaves(child)]


@given(systems())
def test_the_tree_says_what_the_declaration_says(spec: SystemSpec) -> None:
    declared = dict(roles(spec))
    for gang in expand("s", spec, {}):
        assert gang.root.place == spec.place
        for leaf in leaves(gang.root):
            assert leaf.place == declared[leaf.role].place
            assert {plain(slot) for slot in leaf.slots} == {leaf.role}
