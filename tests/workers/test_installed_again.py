"""Espalier taken out of a cluster and put in again: what ran goes on, is kept by who declares it anew, and goes with it."""

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
from workers.installing import take_out


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
