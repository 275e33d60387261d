"""Nodes that have not answered of late, while a rollout is under way: what is there may well serve."""

from dataclasses import replace

import pytest

from activities.cache.pods import Node
from activities.state.digest import Ground, digest
from activities.state.rolling import rolling
from activities.state.units import Moment
from tests.activities.plot import Plot, declared

NODES = {
    "a": Node("a", open=True, ready=True),
    "late": Node("late", open=True, ready=False),
    "silent": Node("silent", open=True, ready=False),
}


@pytest.mark.parametrize(("node", "quiet"), {"a": False, "late": True, "silent": False, "gone": False}.items())
def test_a_node_is_quiet_until_it_is_lost(node: str, quiet: bool) -> None:
    assert Ground(NODES, silent={"silent"}).quiet(node) == quiet


@pytest.mark.parametrize(("node", "chosen"), {"a": 2, "late": 0, "silent": 2}.items())
def test_units_on_quiet_nodes_are_out_and_yet_none_goes_for_that(node: str, chosen: int) -> None:
    plot, ground = Plot(declared("1")), Ground(NODES, silent={"silent"})
    plot.edit(declared("1", decode="2"))
    there = ("0/decode/1/leader/0", "0/decode/2/worker/0")
    plot.placement = replace(plot.held, nodes={**plot.held.nodes, **dict.fromkeys(there, node)})
    for slot in there:
        plot.pods[slot] = replace(plot.pods[slot], node=node, pin=node, ready=False)
    found = digest(plot.plan, plot.pods.values(), [plot.held], ground, plot.versions)
    at = Moment(plot.plan, found, [plot.held], plot.versions, plot.now, plot.order, quiet=ground.quiet)
    assert len(rolling(plot.system.spec.rollout, at).chosen) == chosen, "one of four may be missing, and two are"
