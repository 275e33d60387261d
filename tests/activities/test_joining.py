"""What scaling, or an edit, adds to units of which a rollout has not come to yet."""

from typing import Any

import pytest

from specs.paths import COPIES
from specs.system import InferenceSystem
from tests.activities.plot import Plot, declared, larger

HELD = {"unit": "copy", "paused": True}


def given(version: str, rules: dict[str, Any], **more: int) -> InferenceSystem:
    return larger(declared("1", 2, rules, prefill=version), **more)


def halfway(rules: dict[str, Any], **facts: int) -> Plot:
    """A newer version of prefill is declared, and held before its first unit."""
    plot = Plot(given("1", rules), counts={COPIES: 2, "decode": 2})
    plot.edit(given("2", {**rules, "paused": True}, **facts))
    plot.update()
    return plot


def age(plot: Plot, slot: str) -> str:
    return "new" if plot.pods[slot].revision == plot.revision else "old"


#                                  unit     counts                   slot                       of
ADDED: dict[str, tuple[str, dict[str, int], str, str]] = {
    "a replica in each copy":      ("copy",  {"decode": 3},            "0/decode/2/leader/0",     "old"),
    "a worker in each copy":       ("copy",  {"decode/worker": 2},     "1/decode/1/worker/1",     "old"),
    "a worker in one replica":     ("group", {"0/prefill/1/worker": 2}, "0/prefill/1/worker/1",    "old"),
    "where nothing changed":       ("group", {"0/decode/1/worker": 2}, "0/decode/1/worker/1",     "new"),
    "a unit of its own":           ("group", {"prefill": 3},           "0/prefill/2/worker/0",    "new"),
    "a copy of its own":           ("copy",  {COPIES: 3},              "2/prefill/0/leader/0",    "new"),
    "a worker in each set":        ("set",   {"decode/worker": 2},     "0/decode/1/worker/1",     "old"),
    "a set of its own":            ("set",   {"prefill": 3},           "0/prefill/2/leader/0",    "new"),
    "each pod is a unit":          ("pod",   {"prefill/worker": 2},    "0/prefill/0/worker/1",    "new"),
}  # fmt: skip


@pytest.mark.parametrize(("unit", "counts", "slot", "of"), ADDED.values(), ids=ADDED)
def test_what_scaling_adds_is_of_its_unit_and_starts_though_the_rollout_is_paused(
    unit: str, counts: dict[str, int], slot: str, of: str
) -> None:
    plot = halfway({"unit": unit})
    plot.counts |= counts
    plot.tend()
    assert (age(plot, slot), plot.pods[slot].ready) == (of, True)


def test_its_turn_comes_no_sooner_for_what_was_added_and_is_one_turn_for_all() -> None:
    plot = halfway({"unit": "copy"})
    plot.counts["decode"] = 3
    plot.tend(ready=False)
    plot.edit(given("2", {"unit": "copy"}))
    assert len(plot.update().chosen) == 1, "what was added has not served yet: no copy is broken for that"
    made = dict(plot.made)
    for _ in range(3):
        plot.tend()
        plot.update()
    assert {pod.revision for pod in plot.pods.values()} == {plot.revision}
    assert {slot: count - made[slot] for slot, count in plot.made.items()} == dict.fromkeys(plot.made, 1)
    assert (plot.held.revisions, plot.held.joined) == ({}, frozenset())


def test_what_was_added_counts_once_it_has_served() -> None:
    plot = halfway({"unit": "copy"})
    plot.counts["decode"] = 3
    plot.tend()
    plot.update()
    assert plot.held.joined == frozenset()
    plot.lose("1/decode/2/leader/0")
    plot.edit(given("2", {"unit": "copy"}))
    assert [unit[0].partition("/")[0] for unit in plot.update().chosen] == ["1"], "the one that lacks it goes first, and alone"


def test_a_copy_below_the_partition_grows_too() -> None:
    plot = halfway({"unit": "copy"})
    plot.edit(given("2", {"unit": "copy", "partition": 1}))
    plot.counts["decode"] = 3
    for _ in range(3):
        plot.tend()
        plot.update()
    assert (age(plot, "0/decode/2/leader/0"), age(plot, "1/decode/2/leader/0")) == ("old", "new")
    assert plot.look()[1].outdated == 0


def test_what_the_old_version_does_not_have_keeps_its_place_and_starts_with_its_unit() -> None:
    plot = halfway({"unit": "copy"}, workers=2, cache=1)
    plot.tend()
    added = {"0/cache/0", "0/prefill/1/worker/1", "1/decode/0/worker/1"}
    assert added <= {each.slot for each in plot.look()[0].members["later"]}
    plot.edit(given("2", {"unit": "copy"}, workers=2, cache=1))
    plot.update()
    plot.tend()
    assert {slot: (age(plot, slot), plot.pods[slot].gated) for slot in ("0/cache/0", "1/cache/0")} == {
        "0/cache/0": ("new", False),
        "1/cache/0": ("new", True),
    }
    plot.update()
    plot.tend()
    assert all(pod.ready and pod.revision == plot.revision for pod in plot.pods.values())
    assert (plot.made["1/cache/0"], plot.held.joined) == (1, frozenset()), "it was made once, and let go"


def test_what_waits_for_its_unit_starts_at_once_when_the_edit_is_taken_back_in_part() -> None:
    plot = halfway({"unit": "copy"}, cache=1)
    plot.tend()
    plot.edit(given("1", HELD, cache=1))
    plot.update()
    plot.tend()
    assert plot.pods["0/cache/0"].ready
    assert plot.made["0/prefill/0/leader/0"] == 1, "nobody else is touched"


def test_a_third_version_leaves_what_was_added_to_a_unit_where_it_is() -> None:
    plot = halfway({"unit": "copy"}, cache=1)
    plot.counts["decode"] = 3
    plot.tend()
    old = plot.pods["0/prefill/0/leader/0"].revision
    plot.edit(given("3", HELD, cache=1))
    plot.update()
    plot.tend()
    assert {plot.pods[slot].revision for slot in ("0/prefill/0/leader/0", "0/decode/2/leader/0")} == {old}
    assert plot.pods["0/cache/0"].gated
    assert plot.held.revision_of("0/cache/0") == plot.revision


def test_what_waits_for_its_unit_starts_at_once_when_scaling_asks_for_it_too() -> None:
    plot = halfway({"unit": "copy"}, workers=2)
    plot.tend()
    slots = ("0/decode/1/worker/1", "0/decode/1/worker/2")
    assert plot.pods[slots[0]].gated
    plot.counts["decode/worker"] = 3
    plot.update()
    plot.tend()
    assert [(age(plot, slot), plot.pods[slot].ready) for slot in slots] == [("old", True), ("old", True)]


def test_a_lost_pod_of_the_old_version_does_not_wait_for_what_starts_later() -> None:
    plot = halfway({"unit": "copy"}, cache=1)
    system = plot.system.model_dump(mode="json", by_alias=True, exclude_unset=True)
    system["spec"]["members"] = system["spec"]["members"][::-1]
    plot.edit(InferenceSystem.model_validate({**system, "spec": {**system["spec"], "start": "inOrder"}}))
    plot.update()
    plot.tend()
    plot.lose("0/prefill/0/leader/0")
    plot.tend()
    assert plot.pods["0/prefill/0/leader/0"].ready
    assert age(plot, "0/prefill/0/leader/0") == "old"
    assert plot.look()[0].ready_copies == 2, "it serves as it did before"
