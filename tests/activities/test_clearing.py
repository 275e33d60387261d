"""Which requests take away what nobody wants any more, and when."""

import asyncio

import pytest

from activities.cluster.kube import PODS, SERVICES, Manifest
from activities.messages import Ref
from activities.steps.clearing import FEW, selectors
from activities.steps.erasing import MOST_NAMED
from specs import grove_pods
from specs.names import COPY, SYSTEM, SYSTEM_UID
from tests.activities.gardener import Gardener
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
    deleted = [write for write in cluster.writes if write.startswith("delete") and " services " in write]
    assert {write.partition(" services ")[0] for write in deleted} == {"delete_all"}, deleted
