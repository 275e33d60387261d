"""What goes wrong in upgrades of the neighbours, each as it is here: tests named after their issues."""

from typing import Any

from activities.messages import Observation
from activities.state.progress import rolled as told_of
from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, rolled, upgrade
from workflows.decide import FINISHED, next_step


def is_complete(plot: Plot) -> bool:
    """Whether whoever waits for the upgrade is told that it is over."""
    found, rolling = plot.look()
    roles = {role: dict(classes) for role, classes in found.roles.items()}
    told: dict[str, Any] = told_of(rolling)
    seen = Observation(exists=True, known=True, recorded=1, roles=roles, **told)
    return next_step(plot.order, seen).action == FINISHED


def test_lws_1022_counts_change_in_mid_rollout() -> None:
    """What is added is new at once, what goes does not bring it to a halt, and nobody is made twice for it."""
    plot = upgrade()
    plot.update()
    plot.tend()
    plot.counts = {"decode": 6}
    plot.update()
    plot.tend()
    assert (plot.images()["decode/4"], plot.images()["decode/5"]) == (NEW, NEW), "without waiting for the others"
    plot.counts = {"decode": 3}
    assert rolled(plot) == 3
    assert {unit for unit in plot.images() if "decode" in unit} == {"decode/0", "decode/1", "decode/2"}
    assert max(made for slot, made in plot.made.items() if "decode" in slot) == 2


def test_rbg_166_an_autoscaler_in_mid_rollout_undoes_nothing_of_it() -> None:
    """What goes is what was not updated, what comes is new at once, and none is made twice for it."""
    plot = upgrade()
    for _ in range(2):
        plot.update()
        plot.tend()
    uids = {slot: plot.pods[slot].uid for slot in plot.pods if slot.startswith(("0/decode/0", "0/decode/1"))}
    for count in (2, 4):
        plot.counts = {"decode": count}
        plot.tend()
        assert [plot.images()[f"decode/{index}"] for index in range(count)] == [NEW] * count
        assert plot.look()[1].outdated == 0
    assert uids.items() <= {slot: pod.uid for slot, pod in plot.pods.items()}.items()


def test_rbg_166_an_autoscaler_leaves_a_partition_as_it_is() -> None:
    plot = upgrade(partition=2)
    assert rolled(plot) == 2
    uids = {slot: plot.pods[slot].uid for slot in plot.pods if slot.startswith(("0/decode/0", "0/decode/1"))}
    for count in (3, 6, 2, 4):
        plot.counts = {"decode": count}
        rolled(plot, 1)
        assert [plot.images()[f"decode/{index}"] for index in range(count)] == ["1", "1", *[NEW] * (count - 2)]
    assert uids.items() <= {slot: pod.uid for slot, pod in plot.pods.items()}.items(), "those below it were never touched"


def test_dynamo_3567_an_upgrade_is_not_over_while_old_pods_make_up_the_count() -> None:
    plot = Plot(declared("1"))
    assert is_complete(plot)
    plot.edit(declared("1", decode=NEW))
    turns = 0
    while not is_complete(plot):
        plot.update()
        plot.tend(ready=False)
        assert not is_complete(plot), "what is new is not Ready"
        plot.get_ready(plot.pods)
        turns += 1
    assert turns == 4
    assert {image for unit, image in plot.images().items() if "decode" in unit} == {NEW}


def test_dynamo_13622_ready_is_not_known_to_routers_yet() -> None:
    """Two workers, of which one may be away: the second goes once the first has been Ready for as long as routers take."""
    plot = Plot(declared("1", units=2))
    plot.edit(declared("1", units=2, decode=NEW, rules={"minReadySeconds": 20}))
    plot.update()
    plot.tend()
    plot.wait(19)
    plot.update()
    plot.tend()
    assert (plot.images()["decode/0"], plot.images()["decode/1"]) == (NEW, "1"), "or nobody would serve"
    plot.wait(1)
    plot.update()
    plot.tend()
    assert plot.images()["decode/1"] == NEW


def test_dynamo_13620_a_revert_in_mid_rollout_keeps_the_budget() -> None:
    plot = upgrade(maxUnavailable=1, pauseAfter=[3])
    assert rolled(plot) == 3
    plot.edit(declared("1"))
    for _ in range(3):
        plot.update()
        plot.tend(ready=False)
    away = {slot.rpartition("/")[0].rpartition("/")[0] for slot, pod in plot.pods.items() if not pod.ready}
    assert away == {"0/decode/0"}
    plot.get_ready(plot.pods)
    assert rolled(plot) == 0
