"""Custom resource definitions: installed and awaited, or missed with a way out."""

import asyncio

import pytest

from activities.cluster.kube import CRDS, Manifest
from specs.crds import crds
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from workers.definitions import check, install, served
from workers.failure import Failure

ESTABLISHED = {"status": {"conditions": [{"type": "Established", "status": "True"}]}}


async def test_installs_and_waits_until_they_are_served() -> None:
    cluster = MemoryCluster()
    installing = asyncio.create_task(install(MemoryKube(cluster), crds()))
    await asyncio.sleep(0.05)
    assert not installing.done()
    for definition in cluster.all(CRDS):
        cluster.change(CRDS, definition["metadata"]["name"], ESTABLISHED)
    await installing
    await check(MemoryKube(cluster), crds())


async def test_definitions_that_grove_has_put_there_stay_as_they_are_and_ours_are_renewed() -> None:
    cluster, sets, systems = MemoryCluster(), "podcliquesets.grove.io", "inferencesystems.espalier.dev"
    for wanted in crds():
        labels: Manifest = {} if wanted["spec"]["group"].endswith("grove.io") else wanted["metadata"]["labels"]
        metadata: Manifest = {"name": wanted["metadata"]["name"], "labels": labels}
        cluster.put(CRDS, {**wanted, "metadata": metadata, "spec": {"group": wanted["spec"]["group"]}, **ESTABLISHED})
    await install(MemoryKube(cluster), crds())
    assert cluster.get(CRDS, sets)["spec"] == {"group": "grove.io"}
    (ours,) = (each for each in crds() if each["metadata"]["name"] == systems)
    assert cluster.get(CRDS, systems)["spec"] == ours["spec"]
    (grove,) = (each for each in crds() if each["metadata"]["name"] == sets)
    cluster.put(CRDS, {**grove, "spec": {"group": "grove.io"}, **ESTABLISHED})  # as `espalier crds | kubectl apply` leaves it
    await install(MemoryKube(cluster), crds())
    assert cluster.get(CRDS, sets)["spec"] == grove["spec"]


async def test_a_missing_one_is_named_with_the_way_out() -> None:
    with pytest.raises(Failure, match=r"does not know inferencesystems.espalier.dev. Start again with --install-crds"):
        await check(MemoryKube(MemoryCluster()), crds())


@pytest.mark.parametrize("status", [{}, {"status": {}}, {"status": {"conditions": None}}])
def test_one_that_the_server_has_not_looked_at_is_not_served(status: dict[str, object]) -> None:
    assert not served(status)
