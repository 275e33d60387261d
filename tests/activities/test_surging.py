"""Surge, step by step: how many units there are, and how many of them are Ready."""

from typing import Any

from specs.paths import COPIES
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
