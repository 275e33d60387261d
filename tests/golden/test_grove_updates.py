"""Grove's rolling updates, RU7-RU12, with its own manifest and kubectl, on a real API server."""

import asyncio

import pytest

from tests.activities.port import eventually
from tests.golden.grove_script import MANIFESTS, GroveScript
from tests.golden.updating import ALL, DONE_S, NEW, change, done, images_of, running, watching

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not MANIFESTS.is_dir(), reason="ESPALIER_DATA names no folder that holds Grove's own manifests"),
]
UNDERWAY = "{.status.updateProgress.currentlyUpdating[0].replicaIndex}"


#           changed   pods that are replaced, of one replica of the set
UPDATES = {
    "RU7": (("pc-a",), 2),
    "RU8": (("pc-b",), 8),
    "RU9": (ALL, 10),
}  # fmt: skip


@pytest.mark.parametrize(("cliques", "replaced"), UPDATES.values(), ids=UPDATES)
async def test_one_of_each_is_in_flight(cliques: tuple[str, ...], replaced: int, grove: GroveScript) -> None:
    await grove.room(10)
    await running(grove)
    async with watching(grove) as seen:
        seen.changed(*cliques)
        await change(grove, *cliques)
        status = await done(grove)
        await grove.until(ready=10, pending=0)
    assert (set(seen.most.values()), seen.mixed) == ({1}, []), seen.most
    assert (len(seen.added), len(seen.deleted)) == (replaced, replaced)
    assert all(found == {NEW} for clique, found in images_of(await grove.pods()).items() if clique in cliques)
    assert status["updateProgress"]["totalPodCliquesCount"] == status["updateProgress"]["updatedPodCliquesCount"] == 5


async def test_ru10_where_no_node_takes_pods_one_goes_and_no_more(grove: GroveScript) -> None:
    await grove.room(10)
    await running(grove)
    await grove.room(0)
    async with watching(grove) as seen:
        await change(grove, "pc-a")
        await grove.until(ready=9, pending=1)
        assert (len(seen.added), len(seen.deleted)) == (1, 1)
        under_way = f"--for=jsonpath={UNDERWAY}=0"
        await grove.kubectl("wait", f"pcs/{grove.system}", "-n", grove.namespace, under_way, "--timeout=10s")
        await grove.room(10)
        await done(grove)
    await grove.until(ready=10, pending=0)
    assert set(seen.most.values()) == {1}, seen.most


async def test_ru11_a_replica_more_while_an_update_is_under_way(grove: GroveScript) -> None:
    await grove.room(30)
    await running(grove, copies=2)
    async with watching(grove) as seen:
        await change(grove, "pc-a")
        await asyncio.sleep(0.1)
        await grove.scale(copies=3)
        await done(grove, copies=3)
    await grove.until(ready=30, pending=0)
    assert set(seen.most.values()) == {1}, seen.most
    assert images_of(await grove.pods())["pc-a"] == {NEW}


async def test_ru12_a_replica_less_while_it_is_updated(grove: GroveScript) -> None:
    await grove.room(30)
    await running(grove, copies=2)
    async with watching(grove) as seen:
        await change(grove, *ALL)
        await eventually(seen.second_has_begun, DONE_S)
        assert set(seen.most.values()) == {1}, seen.most
        await grove.scale(copies=1)
        await done(grove)
    await grove.until(ready=10, pending=0)
    assert all(found == {NEW} for found in images_of(await grove.pods()).values())


async def test_on_delete_a_deleted_pod_comes_back_new_and_nothing_else_is_touched(grove: GroveScript) -> None:
    await grove.room(10)
    await running(grove)
    before = {pod["metadata"]["name"]: pod for pod in await grove.pods()}
    await change(grove, *ALL, updateStrategy={"type": "OnDelete"})
    status = await done(grove, copies=0)
    assert status["updateProgress"]["updateEndedAt"] == status["updateProgress"]["updateStartedAt"]
    going = [name for name in sorted(before) if "-pc-a-" in name][:1] + [name for name in sorted(before) if "-pc-b-" in name][:1]
    await grove.kubectl("delete", "pod", *going, "-n", grove.namespace)
    await grove.until(ready=10, pending=0)
    new = {pod["metadata"]["name"] for pod in await grove.pods() if pod["spec"]["containers"][0]["image"] == NEW}
    assert len(new) == 2
    assert {pod["metadata"]["name"] for pod in await grove.pods()} == (before.keys() - set(going)) | new
    await change(grove, *ALL, updateStrategy={"type": "RollingRecreate"})
    await done(grove)
    await grove.until(ready=10, pending=0)
    assert {pod["spec"]["containers"][0]["image"] for pod in await grove.pods()} == {NEW}
    assert next(name for name in new if "-pc-a-" in name) in {pod["metadata"]["name"] for pod in await grove.pods()}
