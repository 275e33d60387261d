"""PodDisruptionBudgets of others: whose pods they are about, and that no move goes against them."""

from typing import Any

import pytest

from activities.cluster.kube import BUDGETS, Manifest
from activities.state.guards import Guard, forbids, guards, selects
from specs.names import SYSTEM
from tests.activities.port import eventually
from tests.activities.test_evacuating import left, mark, told
from tests.activities.test_preempting import fleet, garden, nodes_of, of, system

LABELS = {"app": "llama", "tier": "gold"}
#                              selector                                                                           selects
SELECTORS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "all":                     ({},                                                                               True),
    "nothing":                 (None,                                                                             False),
    "by label":                ({"matchLabels": {"app": "llama"}},                                                True),
    "by another":              ({"matchLabels": {"app": "qwen"}},                                                 False),
    "both have to hold":       ({"matchLabels": {"app": "llama", "tier": "tin"}},                                 False),
    "one of":                  ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["gold"]}]},    True),
    "none of":                 ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["gold"]}]}, False),
    "what is not there":       ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]},              True),
    "what has to be there":    ({"matchExpressions": [{"key": "team", "operator": "Exists"}]},                    False),
}  # fmt: skip


@pytest.mark.parametrize(("selector", "wanted"), SELECTORS.values(), ids=SELECTORS)
def test_selects(selector: dict[str, Any] | None, wanted: bool) -> None:
    assert selects(selector, LABELS) is wanted


def budget(name: str, allowed: int, **labels: str) -> Manifest:
    metadata = {"name": name, "namespace": "default", "labels": labels}
    spec = {"minAvailable": 1, "selector": {"matchLabels": {SYSTEM: "llama"}}}
    kind = {"apiVersion": BUDGETS.api_version, "kind": BUDGETS.kind}
    return {**kind, "metadata": metadata, "spec": spec, "status": {"disruptionsAllowed": allowed}}


def test_what_is_not_ready_counts_as_gone_and_ours_count_not_at_all() -> None:
    mine = {SYSTEM: "llama"}
    found = guards([budget("b", 2), budget("a", 0, **mine)], {"0/x/0": mine, "0/x/1": mine, "0/y/0": {}}, {"0/x/2": mine})
    assert found == (Guard("b", frozenset({"0/x/0", "0/x/1"}), 1),)
    assert forbids(found, ["0/x/0", "0/y/0"]) == ""
    assert forbids(found, ["0/x/0", "0/x/1"]) == "b"


async def test_a_move_waits_for_the_budget_of_somebody_else_and_says_so() -> None:
    cluster = fleet(4)
    async with garden(cluster) as made:
        llama = made.plant(system("llama", "", pods=2, within="zone"))
        await made.until_ready(llama=2)
        cluster.put(BUDGETS, budget("theirs", 0))
        before, node = {pod["metadata"]["uid"] for pod in of(cluster, "llama")}, min(nodes_of(cluster, "llama"))
        mark(cluster, node)
        await eventually(lambda: told(llama, "PodDisruptionBudget theirs does not allow that of 0/"))
        assert {pod["metadata"]["uid"] for pod in of(cluster, "llama")} == before
        assert (await llama.observe()).again_s == pytest.approx(10, abs=1)  # pyright: ignore[reportUnknownMemberType]
        cluster.put(BUDGETS, budget("theirs", 2))
        await eventually(lambda: left(cluster, "llama", node))
        await made.until_ready(llama=2)
