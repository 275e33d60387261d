"""How many of each part are wanted, and what may be asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.counts import Counts, copies, count_of, pods, rescaled, role_instances, slots
from specs.paths import paths
from specs.system import SystemSpec
from tests.specs.making import group, role, system, systems

SPEC = system(
    role("router", 2, minAvailable=1), group("prefill", 2, role("leader"), role("worker", 3, minAvailable=2)), replicas=2
)

EXACT: dict[str, tuple[Counts, str, int]] = {
    "the template, where nothing is set": ({}, "prefill/worker", 3),
    "copies too": ({}, "copies", 2),
    "what is set for all": ({"prefill/worker": 4}, "1/prefill/0/worker", 4),
    "what is set for one wins": ({"prefill/worker": 4, "1/prefill/0/worker": 5}, "1/prefill/0/worker", 5),
    "and is for that one alone": ({"prefill/worker": 4, "1/prefill/0/worker": 5}, "1/prefill/1/worker", 4),
    "never below the minimum": ({"prefill/worker": 1}, "prefill/worker", 2),
}  # fmt: skip


@pytest.mark.parametrize(("counts", "path", "want"), EXACT.values(), ids=EXACT)
def test_counts(counts: Counts, path: str, want: int) -> None:
    assert count_of(SPEC, counts, path) == want


CHANGES: dict[str, tuple[Counts, dict[str, int], Counts]] = {
    "one part": ({}, {"prefill": 4}, {"prefill": 4}),
    "one instance": ({}, {"1/prefill": 4}, {"1/prefill": 4}),
    "for all clears what was set for one": ({"1/prefill": 4}, {"prefill": 3}, {"prefill": 3}),
    "but not of other parts": ({"1/router": 4}, {"prefill": 3}, {"1/router": 4, "prefill": 3}),
    "both at once": ({}, {"prefill": 3, "0/prefill": 5}, {"prefill": 3, "0/prefill": 5}),
    "an instance that comes in the same change": ({}, {"2/router": 4, "copies": 3}, {"2/router": 4, "copies": 3}),
    "what is no more is forgotten": ({"1/prefill": 4, "1/prefill/3/worker": 2}, {"copies": 1}, {"copies": 1}),
    "none at all": ({}, {"copies": 0}, {"copies": 0}),
}


@pytest.mark.parametrize(("counts", "changes", "want"), CHANGES.values(), ids=CHANGES)
def test_rescales(counts: Counts, changes: dict[str, int], want: Counts) -> None:
    assert rescaled(SPEC, counts, changes) == want


PAIRED = system(
    role("router", 2, minAvailable=1), role("prefill", 2, minAvailable=1), role("decode", 4, minAvailable=2), replicas=2,
    scaling={"ratios": [{"prefill": 1, "decode": 2}], "limits": [{"path": "decode", "max": 7}, {"path": "copies", "min": 1}]},
)  # fmt: skip
FOLLOWED: dict[str, tuple[Counts, dict[str, int], Counts]] = {
    "the follower has its share": ({}, {"prefill": 3}, {"prefill": 3, "decode": 6}),
    "rounded up": ({}, {"decode": 5}, {"prefill": 3, "decode": 5}),
    "in too": ({"prefill": 3, "decode": 6}, {"decode": 2}, {"prefill": 1, "decode": 2}),
    "in the same copy": ({}, {"1/prefill": 3}, {"1/prefill": 3, "1/decode": 6}),
    "within its limits": ({}, {"prefill": 4}, {"prefill": 4, "decode": 7}),
    "and its minimum": ({}, {"prefill": 1}, {"prefill": 1, "decode": 2}),
    "who is named does not follow": ({}, {"prefill": 3, "decode": 2}, {"prefill": 3, "decode": 2}),
    "others do not": ({}, {"router": 3}, {"router": 3}),
    "what was set before the limit was is drawn in": ({"decode": 9}, {"router": 3}, {"decode": 7, "router": 3}),
}


@pytest.mark.parametrize(("counts", "changes", "want"), FOLLOWED.values(), ids=FOLLOWED)
def test_partners_follow(counts: Counts, changes: dict[str, int], want: Counts) -> None:
    assert rescaled(PAIRED, counts, changes) == want


@pytest.mark.parametrize("path", ["decode", "1/decode", "copies"])
def test_nobody_goes_beyond_a_limit(path: str) -> None:
    with pytest.raises(ValueError, match=r"its limits are \d and [\d,]+; ask for one between them"):
        rescaled(PAIRED, {}, {path: 0 if path == "copies" else 8})


MORE = "ask for 2 or more, scale copies, or lower minAvailable in the template (a PodCliqueSet keeps it)"
REFUSED: dict[str, tuple[str, int, str]] = {
    "a slip": ("prefil", 2, "'prefil' is no part of this system; did you mean 'prefill'?"),
    "nothing near": (
        "x", 2,
        "'x' is no part of this system; its parts are: copies, router, prefill, prefill/leader, prefill/worker",
    ),
    "negative": ("prefill", -1, "prefill can't be -1; give a number from 0 to 10,000"),
    "too many": ("prefill", 10_001, "prefill can't be 10,001; give a number from 0 to 10,000"),
    "below the minimum": (
        "prefill/worker", 1,
        f"prefill/worker can't be 1, because its minAvailable is 2; {MORE}",
    ),
    "a copy that is not there": (
        "2/prefill", 1, "'2/prefill' does not exist: there are 2 of copies, counted from 0; scale copies first",
    ),
    "a replica that is not there": (
        "0/prefill/2/worker", 3,
        "'0/prefill/2/worker' does not exist: there are 2 of 0/prefill, counted from 0; scale 0/prefill first",
    ),
    "half the indexes": (
        "0/prefill/worker", 3,
        "'0/prefill/worker' must give an index for the copy and every group on the way, or none, as 'prefill/worker'",
    ),
    "a slot": (
        "0/router/1", 1,
        "'0/router/1' must give an index for the copy and every group on the way, or none, as 'router'",
    ),
    "a zero too many": ("00/prefill", 1, "'00/prefill' writes the index '00' with leading zeros; write 0"),
    "no path": ("", 1, "'' is no part of this system; its parts are: copies, router, prefill, prefill/leader, prefill/worker"),
    "more than anyone has": (
        "prefill", 9_999, "that makes 159,992 pods, and a system may have 100,000; ask for less, or declare several systems",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "count", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refuses(path: str, count: int, sentence: str) -> None:
    spec = SPEC if count < 9_999 else SPEC.model_copy(update={"replicas": 4})
    with pytest.raises((LookupError, ValueError)) as refusal:
        rescaled(spec, {}, {path: count})
    assert str(refusal.value) == sentence


@given(systems(), st.data())
def test_counting_agrees_with_listing(spec: SystemSpec, data: st.DataObject) -> None:
    counts: Counts = {}
    for _ in range(data.draw(st.integers(0, 4))):
        known = [*paths(spec), *(path for path, _ in role_instances(spec, counts))]
        path = data.draw(st.sampled_from(known))
        counts = rescaled(spec, counts, {path: count_of(spec, counts, path) + data.draw(st.integers(0, 2))})
    listed = list(slots(spec, counts))
    assert pods(spec, counts) == len(listed) == len(set(listed))
    assert sum(wanted for _, wanted in role_instances(spec, counts)) == len(listed)
    assert {slot.split("/")[0] for slot in listed} <= {str(copy) for copy in range(copies(spec, counts))}


@given(systems(), st.dictionaries(st.text(max_size=12), st.integers(-5, 20_000), max_size=3))
def test_any_change_is_made_or_refused(spec: SystemSpec, changes: dict[str, int]) -> None:
    try:
        counts = rescaled(spec, {}, changes)
    except (LookupError, ValueError):
        return
    assert all(count_of(spec, counts, path) == count for path, count in changes.items())
