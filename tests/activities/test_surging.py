"""Surge, step by step: how many units there are, and how many of them are Ready."""

from typing import Any

import pytest

from specs.paths import COPIES
from specs.system import InferenceSystem
from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, upgrade


def surging(units: int, **rules: Any) -> tuple[list[int], list[int]]:
    """How many units of decode there are, and how many of them are Ready, after each step of an upgrade."""
    plot = Plot(declared("1", units))
    plot.edit(declared("1", units, decode=NEW, rules=rules))
    total: list[int] = []
    ready: list[int] = []
    for _ in range(20):
        for step in (plot.update, lambda: plot.tend(ready=False), lambda: plot.get_ready(plot.pods)):
            step()
            units_there = {slot.rpartition("/leader")[0] for slot in plot.pods if "decode" in slot and "leader" in slot}
            total.append(len(units_there))
            ready.append(sum(all(plot.pods[f"{unit}/{role}/0"].ready for role in ("leader", "worker")) for unit in units_there))
    assert {image for unit, image in plot.images().items() if "decode" in unit} == {NEW}
    assert plot.look()[1].outdated == 0
    return total, ready


def test_r1_with_surge_and_nothing_unavailable_ready_never_falls() -> None:
    total, ready = surging(4, maxUnavailable=0, maxSurge=2)
    assert (max(total), min(ready), total[-1], ready[-1]) == (6, 4, 4, 4)


def test_r2_surge_and_budget_add_up() -> None:
    total, ready = surging(4, maxUnavailable=2, maxSurge=2)
    assert (max(total), min(ready), total[-1], ready[-1]) == (6, 2, 4, 4)


def test_r3_never_more_surge_than_is_to_be_updated() -> None:
    total, ready = surging(2, maxSurge=4)
    assert (max(total), total[-1], ready[-1]) == (4, 2, 2)


def test_d6_who_has_no_surge_yet_waits_and_says_so() -> None:
    plot = upgrade(maxUnavailable=0, maxSurge=1)
    plot.update()
    plot.tend(ready=False)
    gate = plot.look()[1].gate
    assert gate is not None
    assert (gate.reason, "what comes instead, 0/decode/4/leader/0, is not available" in gate.message) == ("Budget", True)
    assert plot.images()["decode/0"] == "1"


def test_each_copy_has_its_surge_while_it_is_updated() -> None:
    plot = Plot(declared("1", 2), counts={COPIES: 3})
    plot.edit(declared("1", 2, decode=NEW, rules={"maxUnavailable": 0, "maxSurge": 1}))
    fewest, where = [2, 2, 2], set[str]()
    for _ in range(30):
        plot.update()
        plot.tend(ready=False)
        for copy in range(3):
            slots = [slot for slot in plot.pods if slot.startswith(f"{copy}/decode/") and slot.endswith("leader/0")]
            fewest[copy] = min(fewest[copy], sum(plot.pods[slot].ready for slot in slots))
            where |= {slot for slot in slots if "/decode/2/" in slot}
        plot.get_ready(plot.pods)
    assert (fewest, plot.look()[1].outdated) == ([2, 2, 2], 0)
    assert where == {f"{copy}/decode/2/leader/0" for copy in range(3)}
    assert not any("/decode/2/" in slot for slot in plot.pods), "and it is gone"


def in_sets(image: str, prefill: int, decode: int, share: int, **rules: Any) -> InferenceSystem:
    """One prefill goes with so many decodes; nothing is said of what a unit is, so it is a set."""
    manifest = declared(image, rules=rules).model_dump(mode="json", by_alias=True, exclude_unset=True)
    spec = manifest["spec"]
    spec["together"][0]["ratio"] = {"decode": share}
    spec["rollout"] = rules
    for group, count in zip(spec["members"], (prefill, decode), strict=True):
        group["replicas"] = count
    return InferenceSystem.model_validate(manifest)


#                          prefill decode share of each set        replicas that are added while it rolls
SETS = {
    "one each":            (4,     4,     1,                       {"prefill/4", "decode/4"}),
    "one with two":        (2,     4,     2,                       {"prefill/2", "decode/4", "decode/5"}),
    "the last lacks one":  (3,     5,     2,                       {"prefill/3", "decode/6", "decode/7"}),
    "some have no decode": (4,     2,     1,                       {"prefill/4", "decode/4"}),
    "none has":            (2,     0,     2,                       {"prefill/2"}),
}  # fmt: skip


@pytest.mark.parametrize(("prefill", "decode", "share", "added"), SETS.values(), ids=SETS)
def test_surge_is_a_whole_set_after_the_last(prefill: int, decode: int, share: int, added: set[str]) -> None:
    plot = Plot(in_sets("1", prefill, decode, share))
    before = set(plot.images())
    plot.edit(in_sets(NEW, prefill, decode, share, maxUnavailable=0, maxSurge=1))
    most: set[str] = set()
    for _ in range(2 * prefill + 4):
        for step in (plot.update, lambda: plot.tend(ready=False), lambda: plot.get_ready(plot.pods)):
            step()
            most |= plot.images().keys() - before
            ready = {slot for slot, pod in plot.pods.items() if pod.ready}
            out = {plot.versions.unit(slot) for slot in plot.plan.seats if slot not in ready}
            assert len({*map(plot.versions.unit, plot.plan.seats)} - out) >= prefill, "no set is missed meanwhile"
    assert most == added
    assert set(plot.images()) == before, "and it is gone"
    assert plot.look()[1].outdated == 0
