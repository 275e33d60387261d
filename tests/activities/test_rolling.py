"""Which units go next, by hand: a system of groups `prefill` and `decode`, four units each."""

from typing import Any

from tests.activities.plot import Plot, declared

NEW = "2"


def test_a_unit_is_available_once_it_has_been_ready_for_min_ready_seconds() -> None:
    plot = Plot(declared("1", decode="1"))
    plot.edit(declared("1", decode="2", rules={"minReadySeconds": 30}))
    plot.update()
    plot.tend()
    _, rolling = plot.look()
    assert (rolling.outdated, rolling.chosen, rolling.settling, rolling.again_s) == (3, (), 1, 30.0)
    plot.wait(29)
    assert plot.look()[1].again_s == 1.0
    plot.wait(1)
    assert [unit[0] for unit in plot.look()[1].chosen] == ["0/decode/1/leader/0"]


def test_who_is_not_ready_for_long_enough_counts_against_the_budget_whatever_the_cause() -> None:
    plot = Plot(declared("1"))
    plot.lose("0/decode/3/worker/0")
    plot.edit(declared("1", decode="2", rules={"minReadySeconds": 30}))
    plot.tend()
    (goes,) = plot.look()[1].chosen
    assert goes[0] == "0/decode/3/leader/0", "it takes nothing more away"


def test_at_rest_too_a_unit_settles_before_all_is_as_declared() -> None:
    plot = Plot(declared(rules={"minReadySeconds": 30}))
    assert plot.look()[1].settling == 0
    plot.lose("0/decode/0/worker/0")
    plot.tend()
    assert (plot.look()[1].settling, plot.look()[1].outdated) == (1, 0)


def rolled(plot: Plot, turns: int = 20) -> int:
    """How many units of decode are updated once it goes no further by itself."""
    for _ in range(turns):
        plot.update()
        plot.tend()
        plot.wait(1)
    return sum(image == NEW for unit, image in plot.images().items() if unit.startswith("decode"))


def told(plot: Plot) -> tuple[str, int]:
    """Why it does not go on, and the number of the hold."""
    _, found = plot.look()
    return found.gate.reason if found.gate else "", found.hold


def upgrade(**rules: Any) -> Plot:
    plot = Plot(declared("1"))
    plot.edit(declared("1", decode=NEW, rules=rules))
    return plot


def test_it_holds_after_each_of_pause_after_until_it_is_told_to_go_on() -> None:
    plot = upgrade(pauseAfter=[1, "75%"])
    assert (rolled(plot), told(plot)) == (1, ("Step", 2))
    gate = plot.look()[1].gate
    assert gate is not None
    assert "holds after 1 of 4 units of decode" in gate.message
    assert "espalier rollout resume llama" in gate.message
    plot.approved = 2
    assert (rolled(plot), told(plot)) == (3, ("Step", 3))
    plot.approved = 3
    assert (rolled(plot), told(plot)) == (4, ("", 0))


def test_with_manual_approval_nothing_is_replaced_and_no_hold_passed_before_it_is_given() -> None:
    plot = upgrade(pauseAfter=[2], approval="manual")
    before = dict(plot.pods)
    assert (rolled(plot), told(plot)) == (0, ("Approval", 1))
    assert plot.pods == before
    plot.approved = 1
    assert (rolled(plot), told(plot)) == (2, ("Approval", 2))
    plot.approved = 2
    assert (rolled(plot), told(plot)) == (4, ("", 0))


def test_a_part_may_have_a_budget_of_its_own() -> None:
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules={"maxUnavailable": 1, "maxUnavailableOf": {"decode": 3}}))
    assert [unit[0] for unit in plot.look()[1].chosen] == [
        "0/decode/0/leader/0",
        "0/decode/1/leader/0",
        "0/decode/2/leader/0",
        "0/prefill/0/leader/0",
    ]


def test_a_hold_is_told_of_once_the_units_before_it_are_available() -> None:
    plot = upgrade(pauseAfter=[1], minReadySeconds=30)
    plot.update()
    plot.tend(ready=False)
    assert told(plot) == ("", 0)
    plot.tend()
    plot.wait(29)
    assert told(plot) == ("MinReady", 0)
    plot.wait(1)
    assert told(plot) == ("Step", 2)


def test_l4_what_is_lost_before_its_turn_comes_back_as_it_was() -> None:
    """L4, and K2: a unit that is not updated yet, or is kept by the partition, is rebuilt at its old revision."""
    for rules in ({"approval": "manual"}, {"partition": 3}, {"pauseAfter": [1]}):
        plot = upgrade(**rules)
        rolled(plot)
        plot.lose("0/decode/2/worker/0")
        plot.lose("0/decode/2/leader/0")
        rolled(plot)
        assert plot.images()["decode/2"] == "1", rules


def test_k1_k3_units_below_the_partition_stay_and_new_ones_are_new() -> None:
    plot = Plot(declared("1", units=5))
    plot.edit(declared("1", units=5, decode=NEW, rules={"partition": 3}))
    rolled(plot)
    assert [plot.images()[f"decode/{unit}"] for unit in range(5)] == ["1", "1", "1", NEW, NEW]
    plot.counts = {"decode": 7}
    rolled(plot)
    assert [plot.images()[f"decode/{unit}"] for unit in range(7)] == ["1", "1", "1", NEW, NEW, NEW, NEW]
    kept = {slot: pod.uid for slot, pod in plot.pods.items() if slot < "0/decode/5"}
    plot.counts = {}
    rolled(plot)
    assert {slot: pod.uid for slot, pod in plot.pods.items() if slot < "0/decode/5"} == kept


def test_r4_the_partition_is_lowered_later() -> None:
    plot = Plot(declared("1", units=2))
    plot.edit(declared("1", units=2, decode=NEW, rules={"partition": 1}))
    rolled(plot)
    assert (plot.images()["decode/0"], plot.images()["decode/1"]) == ("1", NEW)
    new = plot.pods["0/decode/1/leader/0"].uid
    plot.edit(declared("1", units=2, decode=NEW))
    rolled(plot)
    assert (plot.images()["decode/0"], plot.pods["0/decode/1/leader/0"].uid) == (NEW, new)


def test_r10_the_last_of_several_edits_wins_and_what_was_right_is_left_alone() -> None:
    plot = Plot(declared("1"))
    for image in ("2", "3", "1"):
        plot.edit(declared("1", decode=image))
        plot.update()
        plot.tend()
    kept = {slot: pod.uid for slot, pod in plot.pods.items() if plot.images()["/".join(slot.split("/")[1:3])] == "1"}
    rolled(plot)
    assert set(plot.images().values()) == {"1"}
    assert kept.items() <= {slot: pod.uid for slot, pod in plot.pods.items()}.items()


def test_r11_scaled_while_it_rolls_it_ends_at_the_new_count_and_revision() -> None:
    plot = upgrade()
    plot.update()
    plot.counts = {"decode": 6}
    assert rolled(plot) == 6
    plot.edit(declared("1", decode="3"))
    plot.update()
    plot.counts = {"decode": 2}
    rolled(plot)
    assert [plot.images().get(f"decode/{unit}") for unit in range(3)] == ["3", "3", None]


def test_r12_the_pods_of_other_roles_keep_their_uids() -> None:
    plot = upgrade()
    before = {slot: pod.uid for slot, pod in plot.pods.items() if "prefill" in slot}
    assert rolled(plot) == 4
    assert before.items() <= {slot: pod.uid for slot, pod in plot.pods.items()}.items()


def test_a_version_that_never_gets_ready_stops_at_its_first_unit() -> None:
    plot = upgrade()
    plot.bad = {plot.revision}
    assert rolled(plot) == 1
    assert told(plot) == ("Budget", 0)


def clock(plot: Plot) -> tuple[float | None, bool]:
    """Its deadline in seconds, and whether its clock stands still."""
    _, found = plot.look()
    return found.deadline_s, found.clock_stands


def test_o2_the_deadline_counts_while_a_version_fails_and_not_while_it_waits_for_somebody() -> None:
    plot = upgrade(progressDeadline="10m", pauseAfter=[1])
    plot.rolls = True
    assert clock(plot) == (600.0, False)
    good = plot.bad
    plot.bad = {plot.revision}
    rolled(plot)
    assert clock(plot) == (600.0, False)
    plot.bad = good
    rolled(plot)
    assert (told(plot), clock(plot)) == (("Step", 2), (600.0, True))
    plot.approved = 2
    assert (rolled(plot), clock(plot)[0]) == (4, None)


def test_the_last_unit_has_a_deadline_too() -> None:
    plot = upgrade(progressDeadline="10m", maxUnavailable=4)
    plot.rolls, plot.bad = True, {plot.revision}
    assert rolled(plot) == 4
    assert (plot.look()[1].outdated, clock(plot)) == (0, (600.0, False))
    plot.failed = "no unit became available for 600 s"
    assert (told(plot)[0], clock(plot)) == ("ProgressDeadlineExceeded", (600.0, True))


def test_a_rollout_that_failed_replaces_nothing_more() -> None:
    plot = upgrade()
    plot.failed = "no unit became available for 600 s"
    gate = plot.look()[1].gate
    assert (rolled(plot), told(plot)[0]) == (0, "ProgressDeadlineExceeded")
    assert gate is not None
    assert "espalier rollout resume llama" in gate.message


def counts(plot: Plot) -> dict[str, int]:
    """Updated units of each group."""
    new = [unit.partition("/")[0] for unit, image in plot.images().items() if image == NEW]
    return {group: new.count(group) for group in ("prefill", "decode")}


def test_r6_two_groups_are_never_further_apart_than_max_skew() -> None:
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules={"maxSkew": 1, "maxUnavailable": 3}))
    plot.lose("0/decode/0/worker/0")
    plot.lose("0/decode/2/worker/0")
    for _ in range(8):
        plot.update()
        marks = [
            plot.held.revision_of(f"0/{group}/{unit}/leader/0") == plot.revision
            for group in ("prefill", "decode")
            for unit in range(4)
        ]
        assert abs(sum(marks[:4]) - sum(marks[4:])) <= 1
        plot.tend()
    assert counts(plot) == {"prefill": 4, "decode": 4}


def test_d2_d7_partners_of_a_set_are_replaced_together() -> None:
    """D2 and D7: no old decode is left without its old prefill, and a new one never meets an old one."""
    plot = Plot(declared("1"))
    plot.edit(declared(NEW, rules={"unit": "set", "maxUnavailable": 2}))
    seen: list[list[str]] = []
    for _ in range(3):
        plot.update()
        plot.tend(ready=False)
        images = plot.images()
        seen.append([f"{images[f'prefill/{index}']}{images[f'decode/{index}']}" for index in range(4)])
        plot.get_ready(plot.pods)
    assert seen == [["22", "22", "11", "11"], ["22"] * 4, ["22"] * 4]


def test_a_set_changes_as_a_whole_though_one_of_its_roles_changed() -> None:
    plot = Plot(declared("1"))
    before = {slot: pod.uid for slot, pod in plot.pods.items()}
    plot.edit(declared("1", decode=NEW, rules={"unit": "set"}))
    assert rolled(plot) == 4
    assert not before.items() & {slot: pod.uid for slot, pod in plot.pods.items()}.items()


def test_r10_d3_a_third_revision_leaves_no_unit_of_the_second() -> None:
    plot = upgrade(unit="set")
    plot.update()
    plot.tend()
    plot.edit(declared("1", decode="3", rules={"unit": "set"}))
    rolled(plot)
    assert {image for unit, image in plot.images().items() if "decode" in unit} == {"3"}


def test_who_keeps_abreast_of_one_that_holds_holds_with_it() -> None:
    plot = Plot(declared("1"))
    plot.counts = {"prefill": 2}
    plot.tend()
    plot.edit(declared(NEW, rules={"maxSkew": 1, "pauseAfter": ["75%"]}))
    for _ in range(8):
        plot.update()
        plot.tend()
    assert (counts(plot), told(plot)) == ({"prefill": 1, "decode": 2}, ("Step", 2))
