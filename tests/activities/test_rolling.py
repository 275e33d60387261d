"""Which units go next, by hand: a system of groups `prefill` and `decode`, four units each."""

from tests.activities.plot import Plot, declared


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
