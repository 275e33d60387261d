"""Whose pods have the higher priority gets room first, whatever the systems say of themselves; what can't agree is refused."""

import asyncio
from typing import Any

import pytest

from activities.cluster.kube import NODES, PODS, PRIORITIES
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_life import running


def system(name: str, *classes: str, priority: int = 0) -> InferenceSystem:
    """One role of one pod for each class; "" names none."""
    template = {"containers": [{"name": "main", "image": "server"}]}
    members = [
        {"role": f"role-{index}", "template": {"spec": {**template, **({"priorityClassName": each} if each else {})}}}
        for index, each in enumerate(classes)
    ]
    spec: dict[str, Any] = {"members": members, "priority": priority}
    return InferenceSystem.model_validate({"metadata": {"name": name, "namespace": "default"}, "spec": spec})


def cluster() -> MemoryCluster:
    """One seat, and two classes."""
    made = MemoryCluster()
    made.put(NODES, node("n0", 1))
    for name, value in (("high", 1000), ("low", -5)):
        made.put(PRIORITIES, {"metadata": {"name": name}, "value": value})
    return made


#                                first                       second                        goes first when a seat comes
WHO = {
    "the class counts":         (system("a", "low", priority=9), system("b", "high"),      "b"),
    "no class is zero":         (system("a", "low"),         system("b", ""),              "b"),
    "then the system's own":    (system("a", ""),            system("b", "", priority=1),  "b"),
    "then age":                 (system("a", "high"),        system("b", "high"),          "a"),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "wins"), WHO.values(), ids=WHO.keys())
async def test_who_goes_first(first: InferenceSystem, second: InferenceSystem, wins: str) -> None:
    api = cluster()
    async with running(api) as (agent, _):
        full = Gardener(agent, system("full", ""))
        await full.until({"ready": 1})
        waiting = {each.metadata.name: Gardener(agent, each) for each in (first, second)}
        for each in waiting.values():
            await each.until({"waiting": 1})
        await full.until_gone()
        await waiting[wins].until({"ready": 1})
        assert sum(pod["metadata"]["labels"]["espalier.dev/system"] != wins for pod in api.all(PODS) if _runs(pod)) == 0


async def test_an_edited_priority_counts_for_those_who_wait() -> None:
    api = cluster()
    async with running(api) as (agent, _):
        full = Gardener(agent, system("full", ""))
        await full.until({"ready": 1})
        older, newer = Gardener(agent, system("a", "")), Gardener(agent, system("b", ""))
        for each in (older, newer):
            await each.until({"waiting": 1})
        newer.system, newer.generation = system("b", "", priority=1), 2
        await newer.do("record")
        await full.until_gone()
        await newer.until({"ready": 1})
        await older.until({"waiting": 1})


def _runs(pod: dict[str, Any]) -> bool:
    return not pod["spec"].get("schedulingGates")


REFUSED = {
    "two priorities": (system("a", "high", "low"), "roles role-0 and role-1 have pods of different priority (1000 and -5)"),
    "a class and none": (system("a", "high", ""), "(1000 and 0)"),
    "no such class": (system("a", "hihg"), "names the PriorityClass 'hihg', which the cluster does not have. Create it"),
}


@pytest.mark.parametrize(("declared", "sentence"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_can_not_agree_is_refused(declared: InferenceSystem, sentence: str) -> None:
    async with running(cluster()) as (agent, _):
        gardener = Gardener(agent, declared)
        with pytest.raises(Exception, match=r"priority|PriorityClass") as caught:
            await gardener.settle()
        assert sentence in str(caught.value)


async def test_the_default_of_a_cluster_counts() -> None:
    api = cluster()
    api.put(PRIORITIES, {"metadata": {"name": "usual"}, "value": 50, "globalDefault": True})
    api.put(PRIORITIES, {"metadata": {"name": "named"}, "value": 50})
    async with running(api) as (agent, _):
        await Gardener(agent, system("a", "")).until({"ready": 1})
        gardener = Gardener(agent, system("b", "", "named"))
        async with asyncio.timeout(5):
            await gardener.until({"waiting": 2})
