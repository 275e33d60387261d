"""Places of pods that are made anew: the next ones hold them while the last ones are on their way out."""

from collections.abc import Mapping

from activities.cluster.kube import PODS, Kind, Manifest, Refused
from specs.names import SLOT
from specs.sections import annotation, section
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.test_life import cluster_of, running
from tests.activities.test_rollout import BETTER, images
from tests.activities.test_rollout import declared as two_groups
from tests.activities.test_sparing import marked


def leaving(cluster: MemoryCluster) -> dict[str, str]:
    """Slot -> node, of pods that are on their way out."""
    going = (pod for pod in cluster.all(PODS) if "deletionTimestamp" in pod["metadata"])
    return {annotation(pod, SLOT): pod["spec"]["nodeName"] for pod in going}


def held(cluster: MemoryCluster) -> dict[str, str]:
    """Slot -> the node that it is kept for, of pods that wait."""
    waiting = (pod for pod in cluster.all(PODS) if pod["spec"].get("schedulingGates"))
    return {annotation(pod, SLOT): section(pod, "status").get("nominatedNodeName", "") for pod in waiting}


async def test_the_next_pods_of_a_unit_hold_its_places_until_the_last_are_gone() -> None:
    cluster = cluster_of(6)
    async with running(cluster) as (agent, kubelets):
        gardener = await marked(agent)
        kubelets.finishing = False
        await gardener.do("remove")
        places = leaving(cluster)
        assert len(places) == 2, "a leader and its worker"
        assert held(cluster) == places
        await gardener.until({"ready": 4, "leaving": 2})
        kubelets.finishing = True
        await gardener.until({"ready": 6})
        assert places.items() <= nodes(cluster).items()
        assert "create" not in gardener.steps[gardener.steps.index("remove") :]


def nodes(cluster: MemoryCluster) -> Mapping[str, str]:
    return {annotation(pod, SLOT): pod["spec"]["nodeName"] for pod in cluster.all(PODS)}


async def test_a_newer_edit_meanwhile_is_what_they_come_by() -> None:
    cluster = cluster_of(6)
    async with running(cluster) as (agent, kubelets):
        gardener = await marked(agent)
        kubelets.finishing = False
        await gardener.do("remove")
        newest = f"{BETTER}.1"
        gardener.system, gardener.generation = two_groups(newest), 3
        await gardener.do("record")
        kubelets.finishing = True
        await gardener.until({"ready": 6})
        assert {image for slot, image in images(cluster).items() if "worker" in slot} == {newest}


class Quota(MemoryKube):
    """Of a namespace that has room for no pod more than there are."""

    full = False

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        if self.full and kind == PODS and len(self.cluster.all(PODS)) >= 6:
            raise Refused("exceeded quota: few", status=403)
        return await super().create(kind, manifest)


async def test_where_a_quota_has_room_for_one_of_the_two_the_next_pod_comes_when_the_last_is_gone() -> None:
    cluster = cluster_of(6)
    kube = Quota(cluster)
    async with running(cluster, kube=kube) as (agent, kubelets):
        gardener = await marked(agent)
        kube.full, kubelets.finishing = True, False
        await gardener.do("remove")
        assert (len(leaving(cluster)), held(cluster)) == (2, {})
        assert gardener.problems == [], "nothing is wrong: they come later"
        kubelets.finishing = True
        await gardener.until({"ready": 6})
