"""The product as its users run it: real control plane, real Temporal, worker and agent as processes; commands from outside."""

import asyncio

import pytest

from tests.cluster.api import Api, ApiError, Json
from tests.workers.living import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: llama}
spec:
  start: explicit
  members:
  - role: router
    replicas: 2
    template: &pod
      spec:
        terminationGracePeriodSeconds: 1
        tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
        containers: [{name: main, image: "example.com/server:1", resources: {limits: {nvidia.com/gpu: 1}}}]
  - group: decode
    replicas: 2
    after: [router]
    place: {within: rack}
    members:
    - {role: leader, replicas: 1, template: *pod}
    - {role: worker, replicas: 3, template: *pod}
"""
LABEL = "espalier.dev/system=llama"


async def pods(api: Api) -> list[Json]:
    return await api.items("/api/v1/namespaces/default/pods", labelSelector=LABEL)


async def test_a_system_lives_and_leaves_nothing(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=MANIFEST)
    assert "Nothing is wrong." in await espalier("explain", "llama")
    assert len(await pods(racks)) == 10
    await espalier("scale", "llama", "decode=3", "--wait", "--timeout", "60")
    assert len(await pods(racks)) == 14
    await a_killed_pod_comes_back(racks, espalier)
    await too_much_is_explained(espalier)
    await espalier("delete", "llama", "--wait", "--timeout", "60")
    assert await left(racks) == []
    assert "no system 'llama'" in await espalier("status", "llama", code=1)
    assert "No systems" in await espalier("get")


@pytest.mark.long
async def test_counts_change_by_the_clock(racks: Api, espalier: Command) -> None:
    morning = "scaling: {schedules: [{name: morning, cron: 0 6 * * 1-5, set: {decode: 2}}]}"
    declared = MANIFEST.replace("spec:", f"spec:\n  {morning}", 1)
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=declared)
    assert "declared in the manifest" in await espalier("schedule", "list", "-o", "wide")
    add = ("schedule", "add", "llama", "night", "--cron", "0 22 * * *", "--time-zone", "Europe/Berlin", "--set")
    assert "did you mean 'decode'?" in await espalier(*add, "decod=1", code=1)
    assert "every day at 22:00 Europe/Berlin; next: 20" in await espalier(*add, "decode=1")
    assert "has a schedule 'night' already" in await espalier(*add, "decode=2", code=1)
    assert "decode=1 is wanted now, as generation 2" in await espalier("schedule", "run", "llama", "night")
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=declared)
    assert len(await pods(racks)) == 6
    await espalier("schedule", "pause", "llama", "night")
    listed = await espalier("schedule", "list", "llama")
    assert all(word in listed for word in ("every day at 22:00 Europe/Berlin", "paused", "Completed: decode=1 is wanted now"))
    assert "did you mean 'night'?" in await espalier("schedule", "remove", "llama", "nigth", code=1)
    await espalier("delete", "llama", "--wait", "--timeout", "60")
    assert "No schedules" in await espalier("schedule", "list", "-A")
    assert "there is no system default/llama" in await espalier(*add, "decode=1", code=1)


async def a_killed_pod_comes_back(cluster: Api, espalier: Command) -> None:
    victim = (await pods(cluster))[0]["metadata"]
    await cluster.delete(f"/api/v1/namespaces/default/pods/{victim['name']}", gracePeriodSeconds="0")
    async with asyncio.timeout(30):
        await espalier.until("llama", "Ready")
    assert victim["uid"] not in {pod["metadata"]["uid"] for pod in await pods(cluster)}


async def too_much_is_explained(espalier: Command) -> None:
    await espalier("scale", "llama", "decode=60")
    async with asyncio.timeout(30):
        await espalier.until("llama", "Waiting")
    assert "free or add room for" in await espalier("explain", "llama")
    await espalier("scale", "llama", "decode=2", "--wait", "--timeout", "60")


async def left(cluster: Api) -> list[str]:
    kinds = ("/api/v1/pods", "/api/v1/services", "/apis/policy/v1/poddisruptionbudgets", "/apis/apps/v1/controllerrevisions")
    own = ("/apis/espalier.dev/v1alpha1/inferencesystems", "/apis/espalier.dev/v1alpha1/placements")
    found = [item for path in kinds for item in await cluster.items(path, labelSelector=LABEL)]
    found += [item for path in own for item in await cluster.items(path) if item["metadata"]["namespace"] == "default"]
    return [f"{item.get('kind')} {item['metadata']['name']}" for item in found]


@pytest.mark.parametrize("wait", ["--wait", ""], ids=["at rest", "while it starts"])
async def test_who_deletes_the_object_deletes_the_system(wait: str, racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", *filter(None, [wait]), given=MANIFEST)
    path = "/apis/espalier.dev/v1alpha1/namespaces/default/inferencesystems/llama"
    async with asyncio.timeout(30):
        while not await deleted(racks, path):  # noqa: ASYNC110 - the API server is asked
            await asyncio.sleep(0.05)
        while await left(racks):  # noqa: ASYNC110 - the API server is asked
            await asyncio.sleep(0.1)
    assert "No systems" in await espalier("get")


async def deleted(api: Api, path: str) -> bool:
    """Whether it was there to be deleted."""
    try:
        await api.delete(path)
    except ApiError:
        return False
    return True


async def test_a_refusal_changes_nothing(racks: Api, espalier: Command) -> None:
    said = await espalier("apply", "-f", "-", code=1, given=MANIFEST.replace("[router]", "[ruter]"))
    assert "did you mean 'router'?" in said
    assert "no system 'llama'" in await espalier("scale", "llama", "decode=3", code=1)
    assert await left(racks) == []
