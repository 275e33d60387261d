"""Units whose turn has come, and the budget when their pods are to go: what else went away since is counted then."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.agent import Agent
from activities.cluster.kube import NODES, PODS, Kind
from activities.state.attempts import UNTRIED
from activities.state.digest import digest
from activities.state.draining import Draining, drained
from activities.state.sparing import Spared, spared
from activities.state.units import Moment
from tests.activities.gardener import Gardener, chosen
from tests.activities.memory_kube import MemoryCluster
from tests.activities.plot import GROUND, Plot, declared, larger
from tests.activities.pretend import node
from tests.activities.test_life import cluster_of, running
from tests.activities.test_rolling import NEW, upgrade
from tests.activities.test_rollout import BETTER
from tests.activities.test_rollout import declared as two_groups

UNITS = 4


def sparing(plot: Plot) -> tuple[Spared, Draining]:
    """As the plot is found: who stays for now, and who goes."""
    found = digest(plot.plan, plot.pods.values(), [plot.held], GROUND, plot.versions)
    at = Moment(plot.plan, found, [plot.held], plot.versions, plot.now, plot.order)
    spares = spared(plot.system.spec.rollout, at, UNTRIED)
    return spares, drained(None, found, UNTRIED, spares)


def unready(plot: Plot, *slots: str) -> None:
    for slot in slots:
        plot.pods[slot] = replace(plot.pods[slot], ready=False, turned=plot.now)


def goes(plot: Plot) -> list[str]:
    return sorted(pod.slot for pod in sparing(plot)[1].go)


LEADER, WORKER = "0/decode/0/leader/0", "0/decode/0/worker/0"

#                                         not Ready since                     what goes
SINCE: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "nothing":                           ((),                                 [LEADER, WORKER]),
    "another unit":                      (("0/decode/2/worker/0",),           []),
    "a unit of another group":           (("0/prefill/2/worker/0",),          [LEADER, WORKER]),
    "the unit itself":                   ((LEADER,),                          [LEADER, WORKER]),
    "the unit itself, and another":      ((WORKER, "0/decode/2/worker/0"),    [LEADER, WORKER]),
}  # fmt: skip


@pytest.mark.parametrize(("since", "gone"), SINCE.values(), ids=SINCE)
def test_the_budget_is_asked_again_when_pods_are_to_go(since: tuple[str, ...], gone: list[str]) -> None:
    plot = upgrade()
    plot.update()
    unready(plot, *since)
    assert goes(plot) == gone


def test_a_unit_with_which_more_is_to_start_serves_until_its_pods_go() -> None:
    plot = upgrade()
    plot.edit(larger(plot.system, workers=2))
    plot.update()
    plot.tend()
    plot.update()
    assert goes(plot) == ["0/decode/1/leader/0", "0/decode/1/worker/0"]
    assert plot.pods["0/decode/1/worker/1"].gated
    unready(plot, "0/decode/2/worker/0")
    assert goes(plot) == []


#                                                          not Ready since              what goes of units 0 to 3 of decode
ADDED: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "its unit serves without it":                           ((),                          ["0"]),
    "and is asked for, when another is out":                (("0/decode/2/leader/0",),    []),
    "though not once it lacks one that served":             ((LEADER, "0/decode/2/leader/0"), ["0"]),
}  # fmt: skip


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("since", "gone"), ADDED.values(), ids=ADDED)
def test_what_was_added_and_never_served_takes_nothing_away(since: tuple[str, ...], gone: list[str], in_place: bool) -> None:
    """A worker of the unit's own revision, that runs and is not Ready."""
    plot = Plot(declared("1"))
    plot.edit(declared("1", decode=NEW, rules={"paused": True, "inPlace": in_place}))
    plot.counts["decode/worker"] = 2
    plot.tend(ready=False)
    assert not plot.pods["0/decode/0/worker/1"].gated
    plot.edit(declared("1", decode=NEW, rules={"inPlace": in_place}))
    plot.update()
    unready(plot, *since)
    spares, drains = sparing(plot)
    going = {*(pod.slot for pod in drains.go), *(each.slot for each in plot.look()[0].renewed)} - spares.slots
    assert sorted({slot.split("/")[2] for slot in going if "decode" in slot}) == gone


def test_once_one_of_its_pods_has_gone_all_of_them_go() -> None:
    plot = upgrade()
    plot.update()
    plot.lose(LEADER)
    unready(plot, "0/decode/2/worker/0")
    assert goes(plot) == [WORKER]


def test_it_says_what_for_and_goes_when_the_other_is_back() -> None:
    plot = upgrade()
    plot.update()
    unready(plot, "0/decode/2/worker/0")
    spares, drains = sparing(plot)
    assert (set(spares.slots), drains.kept) == ({LEADER, WORKER}, 2)
    (wait,) = drains.waits
    assert (wait.reason, wait.first) == ("Budget", LEADER)
    assert wait.message.startswith(
        "1 unit to go stays as it is: as many are unavailable as may be, the first with pod 0/decode/2/"
    )
    plot.get_ready(plot.pods)
    assert goes(plot) == [LEADER, WORKER]


def test_what_is_to_be_changed_in_place_is_spared_in_the_same_way() -> None:
    plot = upgrade(inPlace=True)
    plot.update()
    assert not sparing(plot)[0].slots
    unready(plot, "0/decode/2/worker/0")
    assert sparing(plot)[0].slots == {LEADER, WORKER}


def test_who_is_not_wanted_any_more_is_not_spared() -> None:
    plot = Plot(declared("1"))
    plot.counts["decode"] = 2
    unready(plot, "0/decode/0/worker/0", "0/decode/1/worker/0")
    assert len(goes(plot)) == 4


@given(most=st.integers(1, UNITS), since=st.sets(st.integers(0, UNITS - 1)))
def test_no_more_are_out_than_may_be_whoever_went_meanwhile_and_it_ends(most: int, since: set[int]) -> None:
    plot = upgrade(maxUnavailable=most)
    plot.update()
    unready(plot, *(f"0/decode/{index}/worker/0" for index in since))
    gone = {int(slot.split("/")[2]) for slot in goes(plot)}
    whole = gone - since
    assert len(whole) <= max(0, most - len(since)), "of what serves as much as the budget has left"
    assert gone >= since.intersection(range(most)), "what is broken takes nothing more away"
    plot.get_ready(plot.pods)
    assert len({slot.split("/")[2] for slot in goes(plot)}) == most


async def marked(agent: Agent) -> Gardener:
    """The turn of a unit has come, and its pods are to go."""
    gardener = Gardener(agent, two_groups())
    await gardener.until({"ready": 6})
    gardener.system, gardener.generation = two_groups(BETTER), 2
    await gardener.do("record")
    while (step := chosen(await gardener.observe())) != "remove":
        await gardener.do(str(step))
    return gardener


async def removed_while_out(gardener: Gardener, cluster: MemoryCluster, part: str) -> None:
    """A pod of that name is not Ready any more when what is to go is removed."""
    says_ready(cluster, next(pod for pod in names(cluster) if part in pod), "False")
    gardener.versions["pods"] = cluster.version
    await gardener.do("remove")


async def test_steps_and_observations_keep_to_it() -> None:
    cluster = cluster_of(6)
    async with running(cluster) as (agent, kubelets):
        gardener = await marked(agent)
        before, kubelets.ready = uids(cluster), False
        await removed_while_out(gardener, cluster, "decode-1-worker")
        assert uids(cluster) == before
        seen = await gardener.until({"ready": 2, "surplus": 2, "leaving": 2, "starting": 2})
        assert (seen.draining, [wait.reason for wait in seen.waits][:1]) == (2, ["Budget"]), "what was broken came back first"
        kubelets.ready = True
        await gardener.until({"ready": 6})
        assert len(before - uids(cluster)) == 4


class Late(MemoryCluster):
    """Whose pods are Ready before a deletion of them arrives."""

    def remove(
        self, kind: Kind, name: str, namespace: str = "", *, uid: str = "", version: str = "", at_once: bool = False
    ) -> None:
        if kind == PODS and "worker" in name:
            says_ready(self, name, "True")
        super().remove(kind, name, namespace, uid=uid, version=version, at_once=at_once)


async def test_who_is_back_when_its_deletion_arrives_stays() -> None:
    cluster = Late()
    for index in range(6):
        cluster.put(NODES, node(f"n{index}"))
    async with running(cluster) as (agent, kubelets):
        gardener = await marked(agent)
        before, kubelets.ready = uids(cluster), False
        await removed_while_out(gardener, cluster, "decode-0-worker")
        assert uids(cluster) == before, "neither it nor its leader"
        kubelets.ready = True
        await gardener.until({"ready": 6})
        assert len(before - uids(cluster)) == 4


def names(cluster: MemoryCluster) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.all(PODS)]


def says_ready(cluster: MemoryCluster, name: str, status: str) -> None:
    cluster.change(PODS, name, {"status": {"conditions": [{"type": "Ready", "status": status}]}}, "default")


def uids(cluster: MemoryCluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.all(PODS)}
