"""Nodes that are cordoned, lost, returned and removed behave as real ones do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.cluster.api import Api, Json
from tests.cluster.cleaning import empty_cluster
from tests.cluster.components import KUBELETS, Tuning
from tests.cluster.controlplane import ControlPlane
from tests.cluster.losing import UNREACHABLE, lose_node, restart_kubelets, return_node
from tests.cluster.nodes import NODES, apply_nodes, condition, cordon, remove_node, uncordon, until_nodes_ready
from tests.cluster.pods import is_ready, pod, until, until_gone
from workers.simulated.fleets import plain

pytestmark = pytest.mark.cluster
PODS = "/api/v1/namespaces/default/pods"
A_WHILE = timedelta(seconds=20)
A_FEW_RENEWALS_S = 12.0
"""More than twice the time after which a node that renews nothing is lost."""


@pytest.fixture(scope="module")
def hasty() -> Iterator[ControlPlane]:
    """A second control plane, beside the session's, that notices a lost node after 5 s."""
    with ControlPlane(Tuning(node_lease_s=4, node_grace_s=5)) as cluster:
        yield cluster


@pytest_asyncio.fixture
async def two(hasty: ControlPlane) -> AsyncIterator[Api]:
    async with hasty.api() as api:
        await empty_cluster(api)
        await apply_nodes(api, plain(2))
        await until_nodes_ready(api, 2)
        yield api


async def run(api: Api, name: str, node: str) -> str:
    """Create a pinned pod and wait until it is Ready; returns its path."""
    await api.post(PODS, pod(name, node))
    await until(api, f"{PODS}/{name}", is_ready)
    return f"{PODS}/{name}"


async def test_nodes_that_were_made_anew_go_on_renewing_their_leases(hasty: ControlPlane) -> None:
    """Deleted while their first leases are written, again and again: see `mended`."""

    async def anew(node: Json) -> None:
        for _ in range(5):
            await api.post(NODES, node)
            await api.delete(f"{NODES}/{node['metadata']['name']}")
        await api.post(NODES, node)

    async with hasty.api() as api:
        await empty_cluster(api)
        await asyncio.gather(*map(anew, plain(30)))
        await until_nodes_ready(api, 30)
        await asyncio.sleep(A_FEW_RENEWALS_S)
        assert {condition(node, "Ready") for node in await api.items(NODES)} == {"True"}


def unreachable(node: Json) -> bool:
    return UNREACHABLE in {taint["key"] for taint in node["spec"].get("taints", [])}


async def test_a_cordoned_node_takes_no_pod_until_it_is_uncordoned(two: Api) -> None:
    await cordon(two, "node-00000")
    await until(two, f"{NODES}/node-00000", lambda node: bool(node["spec"].get("taints")))
    await two.post(PODS, pod("held", "node-00000"))
    await until(two, f"{PODS}/held", lambda found: condition(found, "PodScheduled") == "False")
    await uncordon(two, "node-00000")
    await until(two, f"{PODS}/held", is_ready)


@pytest.mark.long
async def test_kubernetes_finds_out_that_a_node_is_lost_and_that_it_is_back(two: Api) -> None:
    path = await run(two, "stranded", "node-00001")
    await lose_node(two, "node-00001")
    await until(two, f"{NODES}/node-00001", lambda node: condition(node, "Ready") == "Unknown" and unreachable(node), A_WHILE)
    await until(two, path, lambda found: condition(found, "Ready") == "False")
    await two.delete(path)
    assert (await two.get(path))["metadata"]["deletionTimestamp"]
    await return_node(two, "node-00001")
    await until(two, f"{NODES}/node-00001", lambda node: not unreachable(node), A_WHILE)
    assert not [found for found in await two.items(PODS) if found["metadata"]["name"] == "stranded"]


async def test_a_node_lost_at_once_stays_lost_and_ends_no_pod(two: Api) -> None:
    path = await run(two, "kept", "node-00001")
    await lose_node(two, "node-00001", known_at_once=True)
    node = await two.get(f"{NODES}/node-00001")
    assert condition(node, "Ready") == "Unknown"
    assert unreachable(node)
    await two.delete(path)
    await until(two, path, lambda found: "deletionTimestamp" in found["metadata"])
    await two.delete(path, gracePeriodSeconds="0")
    await return_node(two, "node-00001")
    await until_nodes_ready(two, 2)


async def test_restarted_kubelets_act_at_once(hasty: ControlPlane, two: Api) -> None:
    await restart_kubelets(two, hasty.process(KUBELETS))
    path = await run(two, "after-restart", "node-00000")
    await two.delete(path)
    await until_gone(two, path)


async def test_a_removed_node_is_gone_and_its_pod_stays_for_now(two: Api) -> None:
    path = await run(two, "orphan", "node-00000")
    await remove_node(two, "node-00000")
    assert [node["metadata"]["name"] for node in await two.items(NODES)] == ["node-00001"]
    assert is_ready(await two.get(path))
