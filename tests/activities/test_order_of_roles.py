"""Roles and groups that are updated one after the other, step by step."""

from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, counts, rolled


def test_a1_lower_numbers_first_and_what_has_none_last() -> None:
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules={"order": {"prefill": 1}, "maxUnavailable": 2}))
    plot.lose("0/decode/3/worker/0")
    seen: list[dict[str, int]] = []
    for _ in range(6):
        plot.update()
        plot.tend(ready=False)
        seen.append(counts(plot))
        plot.get_ready(plot.pods)
    assert [each["prefill"] for each in seen] == [2, 4, 4, 4, 4, 4]
    assert [each["decode"] for each in seen] == [0, 0, 2, 4, 4, 4]


def test_a1_the_next_wait_until_those_before_are_available_and_say_so() -> None:
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules={"order": {"prefill": 2, "decode": 1}, "maxUnavailable": 4, "maxSkew": 1}))
    for _ in range(4):
        plot.update()
        plot.tend()
    assert counts(plot) == {"prefill": 0, "decode": 4}, "who comes later holds nobody back"
    plot.lose("0/decode/2/worker/0")
    plot.update()
    _, found = plot.look()
    assert found.gate is not None
    assert (counts(plot)["prefill"], found.gate.reason, found.gate.first) == (0, "Order", "0/decode/2/worker/0")
    plot.tend()
    assert rolled(plot) == 4
    assert counts(plot)["prefill"] == 4


def test_who_comes_later_gets_its_surge_later() -> None:
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules={"order": {"prefill": 1}, "maxUnavailable": 0, "maxSurge": 1}))
    assert {slot.split("/")[1] for slot in _surge(plot)} == {"prefill"}
    for _ in range(6):
        plot.update()
        plot.tend()
    assert {slot.split("/")[1] for slot in _surge(plot)} == {"decode"}


def _surge(plot: Plot) -> set[str]:
    """Slots that are there for the rollout only."""
    plot.look()
    return {slot for slot in plot.plan.seats if slot.split("/")[2] == "4"}
