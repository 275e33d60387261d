"""Changes in place, step by step: pods stay, budget and turns are as ever, and what can't be changed so is made anew."""

from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, rolled, told, upgrade

IN_PLACE = {"inPlace": True}


def uids(plot: Plot) -> dict[str, str]:
    return {slot: pod.uid for slot, pod in plot.pods.items()}


def test_unit_by_unit_within_the_budget_and_no_pod_is_made_anew() -> None:
    plot = upgrade(**IN_PLACE)
    before = uids(plot)
    plot.update()
    found, rolling = plot.look()
    assert {each.slot for each in found.members["starting"]} == {"0/decode/0/leader/0", "0/decode/0/worker/0"}, (
        "its turn has come"
    )
    others = {each.slot for each in found.renewed} - {each.slot for each in found.members["starting"]}
    assert others == {slot for slot in before if "prefill" in slot}, "these get a label only"
    assert (rolling.chosen, rolling.gate and rolling.gate.reason) == ((), "Budget")
    assert rolled(plot) == 4
    assert (uids(plot), told(plot)) == (before, ("", 0))


def test_undone_in_the_same_way_and_again_within_the_budget() -> None:
    plot = upgrade(**IN_PLACE, pauseAfter=[2])
    before = uids(plot)
    assert rolled(plot) == 2
    plot.edit(declared("1", rules=IN_PLACE))
    plot.update()
    assert len(plot.look()[0].members["starting"]) == 2, "the two pods of one unit"
    assert (rolled(plot), uids(plot)) == (0, before)


def test_what_is_lost_meanwhile_comes_back_as_its_unit_is_to_be() -> None:
    plot = upgrade(**IN_PLACE)
    plot.update()
    plot.lose("0/decode/0/worker/0")
    plot.lose("0/decode/3/worker/0")
    plot.tend()
    assert (plot.images()["decode/0"], plot.images()["decode/3"]) == (NEW, "1")


def test_without_it_or_once_it_is_taken_back_pods_are_made_anew() -> None:
    plot = upgrade(**IN_PLACE, pauseAfter=[2])
    before = uids(plot)
    assert rolled(plot) == 2
    plot.edit(declared("1", decode=NEW))
    assert rolled(plot) == 4
    anew = {slot for slot, uid in uids(plot).items() if uid != before[slot]}
    assert anew == {slot for slot in before if slot.startswith(("0/decode/2", "0/decode/3"))}
