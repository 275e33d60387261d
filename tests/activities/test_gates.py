"""What holds a rollout, by hand: a gate and its sentence for each way to wait."""

from typing import Any

from activities.messages import Wait
from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, upgrade

FIRST = "0/decode/0/leader/0"


def gate(plot: Plot) -> Wait:
    found = plot.look()[1].gate
    assert found is not None
    return found


def both(**rules: Any) -> Plot:
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules=rules))
    return plot


def test_who_is_ready_and_settles_is_not_to_be_looked_at() -> None:
    plot = upgrade(minReadySeconds=30)
    plot.update()
    plot.tend(ready=False)
    assert (gate(plot).reason, "see why it is not Ready, or go back with" in gate(plot).message) == ("Budget", True)
    plot.tend()
    plot.wait(18)
    told = gate(plot)
    assert (told.reason, told.first) == ("MinReady", FIRST)
    assert told.message.endswith(f"the first with pod {FIRST}; it is Ready, and settles 12 s more")
    plot.lose("0/decode/0/worker/0")
    assert (gate(plot).reason, gate(plot).first) == ("Budget", FIRST)


def test_the_last_units_are_waited_for_until_they_have_settled() -> None:
    plot = upgrade(minReadySeconds=30, maxUnavailable=4)
    plot.rolls = True
    plot.update()
    plot.tend(ready=False)
    assert (plot.look()[1].gate, plot.look()[1].outdated) == (None, 0), "those who see the pods tell of it"
    plot.tend()
    plot.wait(18)
    told = gate(plot)
    assert (told.reason, told.first) == ("MinReady", FIRST)
    assert told.message == f"waits for minReadySeconds of 4 units, the first with pod {FIRST}; it is Ready, and settles 12 s more"
    plot.wait(12)
    assert plot.look()[1].gate is None


def test_at_rest_what_came_back_settles_without_a_gate() -> None:
    plot = Plot(declared(rules={"minReadySeconds": 30}))
    plot.lose("0/decode/0/worker/0")
    plot.tend()
    assert (plot.look()[1].settling, plot.look()[1].gate) == (1, None)


def test_surge_that_settles_is_said_to() -> None:
    plot = upgrade(maxUnavailable=0, maxSurge=1, minReadySeconds=30)
    plot.update()
    plot.tend()
    told = gate(plot)
    assert (told.reason, told.first) == ("MinReady", "0/decode/4/leader/0")
    assert told.message.endswith("is not available; it is Ready, and settles 30 s more")


def test_who_is_ahead_is_held_by_the_ratio_and_told_whom_it_waits_for() -> None:
    plot = both(maxSkew=1, maxUnavailable=1)
    plot.update()
    plot.tend(ready=False)
    assert gate(plot).reason == "Budget", "each by its own"
    plot.get_ready(slot for slot in plot.pods if "prefill" in slot)
    plot.update()
    plot.tend(ready=False)
    plot.get_ready(slot for slot in plot.pods if "prefill" in slot)
    told = gate(plot)
    assert (told.reason, told.first) == ("Ratio", FIRST)
    assert "2 of 4 units of prefill are updated, which is as far ahead as maxSkew (1) lets it be of 1 of 4 units of decode" in (
        told.message
    )
    assert f"the first with pod {FIRST}; see why it is not Ready" in told.message


def test_what_comes_later_by_order_says_that_what_it_waits_for_settles() -> None:
    plot = both(order={"prefill": 1}, maxUnavailable=4, minReadySeconds=30)
    plot.update()
    plot.tend()
    assert (gate(plot).reason, gate(plot).message.endswith("it is Ready, and settles 30 s more")) == ("Order", True)
