"""Which requests take away what nobody wants any more, and when."""

import asyncio

import pytest

from activities.cluster.kube import PODS, SERVICES, Expired, Kind, Manifest
from activities.messages import REMOVE, Ref
from activities.steps.clearing import FEW, selectors, whole_copies
from activities.steps.erasing import MOST_NAMED
from specs import grove_pods
from specs.names import COPY, SYSTEM, SYSTEM_UID
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.test_life import cluster_of, running, system

LLAMA = Ref(namespace="default", name="llama")
MANY = FEW + 1


def objects(copies: range, key: str = COPY, uid: str = "9a3c") -> list[Manifest]:
    """One of each copy."""
    return [{"metadata": {"name": str(copy), "labels": {SYSTEM_UID: uid, key: str(copy)}}} for copy in copies]


def test_few_go_one_by_one() -> None:
    assert selectors(LLAMA, objects(range(FEW)), []) == []


@pytest.mark.parametrize("key", [COPY, grove_pods.COPY])
def test_whole_copies_go_with_one_request(key: str) -> None:
    named = ",".join(sorted(str(copy) for copy in range(2, 2 + MANY)))
    going, staying = objects(range(2, 2 + MANY), key), objects(range(2), key)
    assert selectors(LLAMA, going, staying) == [f"{SYSTEM}=llama,{SYSTEM_UID}=9a3c,{key} in ({named})"]


def test_more_copies_than_an_address_can_name_go_with_several() -> None:
    assert len(selectors(LLAMA, objects(range(MOST_NAMED + 1)), [])) == 2


def test_a_copy_of_which_something_stays_is_not_named() -> None:
    assert selectors(LLAMA, objects(range(MANY)), objects(range(1))) == []


def test_requests_can_be_made_side_by_side() -> None:
    found = [each.rpartition(" in ")[2] for each in selectors(LLAMA, objects(range(MANY)), [], 4)]
    assert len(found) == 4
    assert len({copy for each in found for copy in each.strip("()").split(",")}) == MANY


def test_a_copy_goes_as_a_whole_or_pod_by_pod() -> None:
    there = [{"metadata": {"uid": f"{copy}-{pod}", "labels": {COPY: copy}}} for copy in "ab" for pod in (0, 1)]
    whole, others = whole_copies(there, {"a-0", "a-1", "b-0"})
    assert [each["metadata"]["uid"] for each in whole] == ["a-0", "a-1"]
    assert [each["metadata"]["uid"] for each in others] == ["b-0", "b-1"]


def test_nothing_without_the_systems_uid_is_named() -> None:
    assert selectors(LLAMA, objects(range(MANY), uid=""), []) == []
    assert selectors(LLAMA, [*objects(range(MANY)), *objects(range(1), uid="another")], []) == []


@pytest.mark.asyncio
async def test_a_crowd_of_pods_goes_before_the_services_and_these_with_one_request() -> None:
    copies = MANY + 1
    cluster = cluster_of(copies)
    async with running(cluster) as (agent, kubelets):
        gardener = Gardener(agent, system(worker=1), {"copies": copies})
        await gardener.until({"ready": copies})
        kubelets.finishing = False
        gardener.counts, gardener.generation = {"copies": 1}, 2
        await gardener.settle()
        assert sum("deletionTimestamp" in pod["metadata"] for pod in cluster.all(PODS)) == MANY
        assert len(cluster.all(SERVICES)) == copies
        kubelets.finishing = True
        await gardener.until({"ready": 1})
        async with asyncio.timeout(20):
            while len(cluster.all(PODS)) > 1 or len(cluster.all(SERVICES)) > 1:
                await asyncio.sleep(0.02)
                await gardener.settle()
    deleted = {tuple(write.split()[:2]) for write in cluster.writes if write.startswith("delete")}
    kinds = ("pods", "services")
    assert {write for write in deleted if write[1] in kinds} == {("delete_all", kind) for kind in kinds}


class Late(MemoryKube):
    """The first request for many pods is carried out when another agent has made one of them anew; or is refused as too old."""

    def __init__(self, cluster: MemoryCluster, *, forgets: bool) -> None:
        super().__init__(cluster)
        self.anew: list[str] = []
        self._forgets = forgets

    async def delete_all(self, kind: Kind, namespace: str, labels: str, *, as_of: int = 0) -> None:
        if kind == PODS and not self.anew:
            old = self.cluster.all(PODS, namespace, labels)[0]
            metadata = {**old["metadata"], "name": f"{old['metadata']['name']}-anew"}
            self.anew.append(self.cluster.put(PODS, {**old, "metadata": metadata})["metadata"]["uid"])
            if self._forgets:
                raise Expired("too old", status=410)
        await super().delete_all(kind, namespace, labels, as_of=as_of)


@pytest.mark.asyncio
@pytest.mark.parametrize("forgets", [False, True])
async def test_what_is_made_meanwhile_is_not_hit(forgets: bool) -> None:
    copies = MANY + 1
    cluster = cluster_of(copies)
    kube = Late(cluster, forgets=forgets)
    async with running(cluster, kube=kube) as (agent, kubelets):
        gardener = Gardener(agent, system(worker=1), {"copies": copies})
        await gardener.until({"ready": copies})
        kubelets.finishing = False
        gardener.counts, gardener.generation = {"copies": 1}, 2
        await agent.steps.take(REMOVE, gardener.order)
    going = [pod for pod in cluster.all(PODS) if "deletionTimestamp" in pod["metadata"]]
    assert len(going) == MANY
    assert not {pod["metadata"]["uid"] for pod in going}.intersection(kube.anew)
