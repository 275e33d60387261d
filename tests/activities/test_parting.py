"""Scaling in: which replicas go, and that the others keep their indexes. A table, then a whole life."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.cluster.kube import PODS
from activities.state.blueprint import blueprint
from activities.state.digest import digest
from activities.state.parting import gaps
from activities.state.versions import Versions
from specs.counts import slots
from specs.declaring import declared_system
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.plot import GROUND
from tests.activities.test_digest import placement, pod
from tests.activities.test_life import cluster_of, running
from tests.activities.test_recovering import slot_of
from tests.workers import grove_set


def declared(**more: Any) -> InferenceSystem:
    """Five decodes of two ranks each, of which one must run; racks are wished for."""
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    rank = {"role": "rank", "replicas": 2, "template": template}
    group = {"group": "decode", "replicas": 5, "minAvailable": 1, "place": {"prefer": "rack"}, "members": [rank]}
    pair = {**group, "group": "pair"}
    spec = {"members": [group, pair] if "together" in more else [group], **more}
    return InferenceSystem.model_validate({"metadata": {"name": "llama", "namespace": "default"}, "spec": spec})


ALIKE = Versions(None, "r", lambda _: None)
PAIRED = {"together": [{"members": ["decode", "pair"], "within": "rack"}]}
SURGING = {"rollout": {"maxSurge": 1}}
ALL = (0, 1, 2, 3, 4)
KEPT = {"rollout": {"partition": 1}}
#                                          declared  there      to  not ready  cost       racks       stay
EXAMPLES: dict[str, tuple[dict[str, Any], tuple[int, ...], int, set[int], dict[int, int], dict[int, str], tuple[int, ...]]] = {
    "the highest index":                  ({},       ALL,       3,  set(),  {},            {},         (0, 1, 2)),
    "K10: what is not Ready before it":   ({},       ALL,       3,  {1},    {},            {},         (0, 2, 3)),
    "K10: then what is cheapest to lose": ({},       ALL,       3,  {4},    {2: -5, 4: 9}, {},         (0, 1, 3)),
    "then what empties a rack":           ({},       ALL,       4,  set(),  {},            {2: "r2"},  (0, 1, 3, 4)),
    "what is dear to lose stays":         ({},       ALL,       2,  set(),  {4: 1},        {},         (0, 4)),
    "never the base gang":                ({},       ALL,       2,  {0},    {0: -9},       {},         (0, 1)),
    "who stays, stays":                   ({},       (0, 2, 4), 3,  set(),  {},            {},         (0, 2, 4)),
    "what comes fills the gaps":          ({},       (0, 2, 4), 4,  set(),  {},            {},         (0, 1, 2, 4)),
    "and then goes on":                   ({},       (0, 2, 4), 6,  set(),  {},            {},         (0, 1, 2, 3, 4, 5)),
    "sets that go together: highest":     (PAIRED,   ALL,       3,  {1},    {},            {},         (0, 1, 2)),
    "surge: highest":                     (SURGING,  ALL,       3,  {1},    {},            {},         (0, 1, 2)),
    "a partition: highest":               (KEPT,     ALL,       3,  {1},    {},            {},         (0, 1, 2)),
}  # fmt: skip


@pytest.mark.parametrize(("more", "there", "to", "unready", "cost", "racks", "stay"), EXAMPLES.values(), ids=EXAMPLES)
def test_who_stays(
    more: dict[str, Any],
    there: tuple[int, ...],
    to: int,
    unready: set[int],
    cost: dict[int, int],
    racks: dict[int, str],
    stay: tuple[int, ...],
) -> None:
    system, wanted = declared(**more), {"decode": to}
    held = {f"0/decode/{index}/rank/{rank}": index for index in there for rank in (0, 1)}
    nodes = {slot: f"{racks.get(index, 'r')}-{index // 5}" for slot, index in held.items()}
    entries = [(f"llama-{index}", [slot for slot in held if held[slot] == index]) for index in there]
    pods = [
        pod(slot, name=slot, node=nodes[slot], ready=index not in unready, cost=cost.get(index, 0))
        for slot, index in held.items()
    ]
    plan = blueprint(system, "r", wanted)
    found = digest(plan, pods, [placement(nodes, entries)], GROUND)
    left_out = gaps(plan, found, pods, lambda node, level: f"{level}-{node}", ALIKE)
    kept = [slot.split("/")[2] for slot in slots(system.spec, {**wanted, **left_out}) if slot.startswith("0/decode/")]
    assert tuple(dict.fromkeys(map(int, kept))) == stay


def of_grove(count: int, image: str = "server:1") -> InferenceSystem:
    """A PodCliqueSet of so many routers, of which one must run."""
    made = grove_set.declared(router=count)
    made["spec"]["template"]["cliques"][0]["spec"]["podSpec"]["containers"][0]["image"] = image
    return declared_system(made)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
#                                     to  no node  not Ready  of an older template  made later  stay
OF_A_CLIQUE: dict[str, tuple[int, set[int], set[int], set[int], set[int], tuple[int, ...]]] = {
    "all alike: the highest index":  (3,  set(),   set(),     set(),                set(),      (0, 1, 2)),
    "what has no node":              (4,  {1},     {1, 4},    set(),                set(),      (0, 2, 3, 4)),
    "what is not Ready":             (4,  set(),   {2},       {4},                  {3},        (0, 1, 3, 4)),
    "of an older template":          (4,  set(),   set(),     {1},                  {3},        (0, 2, 3, 4)),
    "the newest, whatever its index": (4, set(),   set(),     set(),                {1},        (0, 2, 3, 4)),
    "one after the other":           (1,  {1},     {1, 2},    {3},                  {3},        (0,)),
    "never the base gang":           (4,  set(),   {0},       {0},                  {0},        (0, 1, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize(("to", "homeless", "unready", "old", "later", "stay"), OF_A_CLIQUE.values(), ids=OF_A_CLIQUE)
def test_which_pods_of_a_clique_stay(
    to: int, homeless: set[int], unready: set[int], old: set[int], later: set[int], stay: tuple[int, ...]
) -> None:
    system, before = of_grove(5, "server:2"), of_grove(5)
    pods = [
        pod(
            f"0/router/{index}", name=str(index), node="" if index in homeless else f"n{index}", ready=index not in unready,
            revision="older" if index in old else "r", created=NOW + timedelta(seconds=index in later),
        )
        for index in ALL
    ]  # fmt: skip
    nodes = {each.slot: f"n{each.name}" for each in pods}
    plan = blueprint(system, "r", {"0/router": to, "0/decode": 1})
    found = digest(plan, pods, [placement(nodes, [(f"llama-{slot}", [slot]) for slot in nodes])], GROUND)
    versions = Versions(system.spec, "r", lambda revision: {"r": system.spec, "older": before.spec}[revision])
    wanted = {**plan.counts, **gaps(plan, found, pods, lambda node, _: node, versions)}
    assert tuple(int(slot[-1]) for slot in slots(system.spec, wanted) if "/router/" in slot) == stay


def test_replicas_of_a_scaling_group_go_by_their_index_however_they_are() -> None:
    system = of_grove(1)
    parts = [f"0/decode/{index}/{rank}" for index in (0, 1, 2) for rank in ("leader/0", "worker/0")]
    pods = [pod(slot, name=slot, node="n", ready="/1/" not in slot, revision="r") for slot in parts]
    plan = blueprint(system, "r", {"0/decode": 2, "decode/worker": 1})
    entries = [(f"llama-{index}", [slot for slot in parts if f"/{index}/" in slot]) for index in (0, 1, 2)]
    found = digest(plan, pods, [placement(dict.fromkeys(parts, "n"), entries)], GROUND)
    assert found.grants.surplus
    assert not gaps(plan, found, pods, lambda node, _: node, ALIKE)


async def test_the_broken_one_goes_the_others_run_on_and_the_gap_is_filled() -> None:
    cluster = cluster_of(12)
    async with running(cluster) as (agent, kubelets):
        gardener = Gardener(agent, declared())
        await gardener.until({"ready": 10})
        before = {slot_of(each): each["metadata"]["uid"] for each in cluster.all(PODS)}
        kubelets.ready = False
        broken = next(each for each in cluster.all(PODS) if slot_of(each) == "0/decode/1/rank/0")
        unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        cluster.change(PODS, broken["metadata"]["name"], unready, "default")
        gardener.versions["pods"], gardener.counts, gardener.generation = cluster.version, {"decode": 4}, 2
        await gardener.do("record")
        await gardener.until({"ready": 8})
        after = {slot_of(each): each["metadata"]["uid"] for each in cluster.all(PODS)}
        assert after == {slot: uid for slot, uid in before.items() if "/1/" not in slot}
        kubelets.ready, gardener.counts, gardener.generation = True, {"decode": 5}, 3
        await gardener.do("record")
        await gardener.until({"ready": 10})
        assert {slot_of(each) for each in cluster.all(PODS)} == set(before)
        gardener.counts, gardener.generation = {"decode": 1}, 4
        await gardener.do("record")
        await gardener.until({"ready": 2})
        assert {slot_of(each).split("/")[2] for each in cluster.all(PODS)} == {"0"}
        await gardener.until_gone()
