"""Systems that keep apart, as the agent places them: in one batch, one after the other, and after a restart."""

import asyncio

import pytest

from activities.cluster.kube import NODES, PODS
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_repair import running


def system(name: str, *others: str) -> InferenceSystem:
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    spec = {
        "members": [{"role": "worker", "replicas": 1, "template": template}],
        "apart": [{"systems": [each], "over": "host", "strength": "required"} for each in others],
    }
    return InferenceSystem.model_validate({"metadata": {"name": name, "namespace": "default"}, "spec": spec})


def roomy(nodes: int) -> MemoryCluster:
    cluster = MemoryCluster()
    for index in range(nodes):
        cluster.put(NODES, node(f"n{index}", pods=4))
    return cluster


def hosts(cluster: MemoryCluster) -> dict[str, str]:
    """Node of each system's pod."""
    found = cluster.all(PODS)
    return {pod["metadata"]["labels"]["espalier.dev/system"]: pod["spec"]["nodeName"] for pod in found}


async def test_who_says_nothing_shares_the_tightest_host() -> None:
    cluster = roomy(2)
    async with running(cluster) as agent:
        await Gardener(agent, system("a")).until({"ready": 1})
        await Gardener(agent, system("b")).until({"ready": 1})
    assert len(set(hosts(cluster).values())) == 1


@pytest.mark.parametrize(
    ("one", "other"), [(system("a"), system("b", "a")), (system("a", "b"), system("b"))], ids=["later", "earlier"]
)
async def test_whichever_says_it_and_though_the_agent_began_anew(one: InferenceSystem, other: InferenceSystem) -> None:
    cluster = roomy(2)
    async with running(cluster) as agent:
        await Gardener(agent, one).until({"ready": 1})
    async with running(cluster) as agent:
        await Gardener(agent, other).until({"ready": 1})
    assert len(set(hosts(cluster).values())) == 2


async def test_asked_for_at_once() -> None:
    cluster = roomy(2)
    async with running(cluster) as agent:
        one, other = Gardener(agent, system("a", "b")), Gardener(agent, system("b"))
        await asyncio.gather(one.until({"ready": 1}), other.until({"ready": 1}))
    assert len(set(hosts(cluster).values())) == 2


async def test_who_has_no_host_apart_waits_until_there_is_one() -> None:
    cluster = roomy(1)
    async with running(cluster) as agent:
        await Gardener(agent, system("a")).until({"ready": 1})
        other = Gardener(agent, system("b", "a"))
        (wait,) = (await other.until({"waiting": 1})).waits
        assert "1 too near to a system that it keeps apart from" in wait.message
        cluster.put(NODES, node("n1", pods=4))
        await other.until({"ready": 1})
    assert hosts(cluster) == {"a": "n0", "b": "n1"}


async def test_who_waits_goes_in_when_the_other_is_gone() -> None:
    cluster = roomy(1)
    async with running(cluster) as agent:
        first, other = Gardener(agent, system("a")), Gardener(agent, system("b", "a"))
        await first.until({"ready": 1})
        await other.until({"waiting": 1})
        await first.until_gone()
        await other.until({"ready": 1})
