"""Espalier taken out of a cluster and put in again: what ran goes on, is kept by who declares it anew, and goes with it."""

import json
from pathlib import Path

import pytest

from activities.cluster.kube import (
    BUDGETS,
    CONFIG_MAPS,
    MEMBERS,
    PLACEMENTS,
    PODS,
    REVISIONS,
    SERVICES,
    SYSTEMS,
    Manifest,
)  # fmt: skip
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.test_life import cluster_of, running, system
from tests.chaos.settling import insist, nothing_left
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.workers.installed import as_installed
from tests.workers.tenancy import declared
from workers.installing import take_out
from workers.simulated.fleets import gb200

PODS_OF_IT = 3


def uids(cluster: MemoryCluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.all(PODS)}


def kinds_go(cluster: MemoryCluster) -> None:
    """As the API server does when their definitions are deleted."""
    for kind in (SYSTEMS, MEMBERS, PLACEMENTS, CONFIG_MAPS):
        for found in cluster.all(kind):
            metadata: Manifest = found["metadata"]
            assert "espalier.dev/teardown" not in metadata.get("finalizers", ()), "nobody would take it away"
            cluster.remove(kind, metadata["name"], metadata["namespace"])


async def test_pods_stay_are_kept_and_go_with_who_keeps_them() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        await Gardener(agent, system()).until({"ready": 3})
    before = uids(cluster)
    await take_out(MemoryKube(cluster), lambda _: None)
    kinds_go(cluster)
    assert uids(cluster) == before
    assert len(cluster.all(SERVICES)) == len(cluster.all(BUDGETS)) == 1
    assert cluster.all(REVISIONS) == []
    assert not [pod for pod in cluster.all(PODS) if pod["metadata"]["ownerReferences"]]
    async with running(cluster) as (agent, _):
        again = Gardener(agent, system())
        await again.until({"ready": 3})
        assert uids(cluster) == before, "none is restarted"
        await again.until_gone()
    assert not [key for key in cluster.objects if key[0] not in ("nodes", "namespaces", "configmaps")]


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.timeout(300)
async def test_installed_again_on_a_server_with_rights(
    control_plane: Cluster, empty: Api, fresh_namespace: str, tmp_path: Path
) -> None:
    """Twice from nothing, with the rights of the agent's own account: the definitions, too, go and come."""
    await apply_nodes(empty, list(gb200(1)))
    await until_nodes_ready(empty, 18)
    kubectl = Kubectl(control_plane.access.kubeconfig)
    before: set[str] = set()
    for turn in range(2):
        async with as_installed(control_plane, tmp_path):
            await kubectl("apply", "-n", fresh_namespace, "-f", "-", given=declared(PODS_OF_IT))
            await kubectl("wait", "isys/llama", "-n", fresh_namespace, "--for=condition=Ready", "--timeout=60s")
            before = before or await running_in(kubectl, fresh_namespace)
            assert await running_in(kubectl, fresh_namespace) == before, "none is restarted"
            if turn:
                await kubectl("delete", "isys/llama", "-n", fresh_namespace, "--timeout=60s")
                await nothing_left(empty, fresh_namespace)
        if not turn:
            assert await running_in(kubectl, fresh_namespace) == before, "pods outlive Espalier"
    await insist(lambda: no_kind(kubectl))


async def running_in(kubectl: Kubectl, namespace: str) -> set[str]:
    found = json.loads(await kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    assert len(found) == PODS_OF_IT
    return {pod["metadata"]["uid"] for pod in found}


async def no_kind(kubectl: Kubectl) -> None:
    assert "espalier" not in await kubectl("get", "crds", "-o", "name")
