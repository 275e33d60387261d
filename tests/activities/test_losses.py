"""What is said of lost nodes. A table."""

from collections.abc import Sequence

import pytest

from activities.state.losses import lost
from activities.state.standing import Standing
from tests.activities.pretend import node
from tests.activities.test_digest import pod
from topology.supply.fabric import declared

FABRIC = declared([("block", "block"), ("rack", "rack"), ("host", "kubernetes.io/hostname")])
RACKS = {"a": "r1", "b": "r1", "c": "r2", "d": ""}

#                                  pods on                said
EXAMPLES: dict[str, tuple[list[str], str]] = {
    "nothing":                    ([],                    ""),
    "one pod":                    (["a"],                 "node a with 1 pod"),
    "one node":                   (["a", "a"],            "node a with 2 pods"),
    "a rack, and not its block":  (["a", "b", "a"],       "rack r1 (2 nodes) with 3 pods"),
    "two racks of a block":       (["a", "c"],            "block b1 (2 nodes) with 2 pods"),
    "one without a rack":         (["a", "d"],            "nodes a, d with 2 pods"),
    "one that is gone":           (["a", "gone"],         "nodes a, gone with 2 pods"),
    "many":                       (["a", "d", "x", "y"],  "nodes a, d, x and 1 more with 4 pods"),
}  # fmt: skip


@pytest.mark.parametrize(("places", "said"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_is_said(places: Sequence[str], said: str) -> None:
    nodes = {name: node(name) for name in RACKS}
    for name, rack in RACKS.items():
        nodes[name]["metadata"]["labels"] |= {"rack": rack, "block": "b1"} if rack else {}
    standings = [Standing(f"0/worker/{at}", "worker", pod(node=place), place) for at, place in enumerate(places)]
    assert lost(standings, nodes.get, FABRIC) == said
