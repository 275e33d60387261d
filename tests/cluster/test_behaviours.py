"""What a pod asks of its fake node by annotation, it gets."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.cluster.api import Api, Json
from tests.cluster.nodes import apply_nodes, condition, until_nodes_ready
from tests.cluster.pods import is_ready, pod, restarts, until, until_gone
from workers.simulated.fleets import plain

pytestmark = pytest.mark.cluster


class Room:
    """A namespace beside one Ready node."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    async def create(self, manifest: Json) -> str:
        created = await self.api.post(self.pods, manifest)
        return f"{self.pods}/{created['metadata']['name']}"


@pytest_asyncio.fixture
async def room(empty: Api, fresh_namespace: str) -> AsyncIterator[Room]:
    await apply_nodes(empty, plain(2))
    await until_nodes_ready(empty, 2)
    yield Room(empty, fresh_namespace)


async def test_a_pinned_pod_runs_on_its_node_and_is_ready(room: Room) -> None:
    path = await room.create(pod("pinned", "node-00001"))
    found = await until(room.api, path, is_ready)
    assert found["spec"]["nodeName"] == "node-00001"
    assert found["status"]["podIP"]
    assert found["status"]["containerStatuses"][0]["imageID"].startswith("sha256:")


async def test_ready_after_a_delay_that_a_patch_does_not_prolong(room: Room) -> None:
    path = await room.create(pod("slow", asked={"ready-after": "1200"}))
    started = await until(room.api, path, lambda found: found["status"]["phase"] == "Running")
    assert condition(started, "Ready") == "False"
    began = time.monotonic()
    await room.api.patch(path, {"metadata": {"labels": {"patched": "yes"}}})
    await until(room.api, path, is_ready)
    assert 0.8 < time.monotonic() - began < 2.5


async def test_a_pod_that_is_called_not_ready_over_a_late_node_is_ready_again(room: Room) -> None:
    path = await room.create(pod("doubted", asked={"ready-after": "100ms"}))
    await until(room.api, path, is_ready)
    doubt = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    await room.api.patch(f"{path}/status", {"status": {"conditions": [doubt]}}, kind="strategic")
    found = await until(room.api, path, lambda found: is_ready(found) and since(found) > "2026-01-02")
    assert restarts(found) == 0


async def test_crash_restarts_the_container_and_becomes_ready_again(room: Room) -> None:
    path = await room.create(pod("crashing", asked={"crash-after": "200ms", "crash-times": "2", "restart-after": "150ms"}))
    down = await until(room.api, path, lambda found: condition(found, "Ready") == "False" and restarts(found) == 1)
    assert down["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
    up = await until(room.api, path, lambda found: is_ready(found) and restarts(found) == 2)
    assert up["status"]["phase"] == "Running"


@pytest.mark.parametrize(("asked", "phase", "code"), [("fail-after", "Failed", 1), ("complete-after", "Succeeded", 0)])
async def test_ends_as_asked(room: Room, asked: str, phase: str, code: int) -> None:
    path = await room.create(pod("ending", asked={asked: "100ms"}))
    found = await until(room.api, path, lambda found: found["status"]["phase"] == phase)
    assert found["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code


async def test_a_hanging_pod_runs_and_is_never_ready(room: Room) -> None:
    path = await room.create(pod("hanging", asked={"hang": "true"}))
    found = await until(room.api, path, lambda found: found["status"]["phase"] == "Running")
    assert condition(found, "Ready") == "False"
    assert not any(entry["type"].endswith("/Next") for entry in found["status"]["conditions"])


async def test_a_pod_stops_as_slowly_as_asked(room: Room) -> None:
    path = await room.create(pod("lingering", asked={"stop-after": "700ms"}, grace_s=30))
    await until(room.api, path, is_ready)
    began = time.monotonic()
    await room.api.delete(path)
    await until_gone(room.api, path)
    assert 0.6 < time.monotonic() - began < 2


async def test_the_grace_period_ends_a_pod_that_does_not_stop(room: Room) -> None:
    path = await room.create(pod("stubborn", asked={"stop-after": "10m"}, grace_s=1))
    await until(room.api, path, is_ready)
    await room.api.delete(path)
    await until_gone(room.api, path)


async def test_a_new_image_restarts_the_container(room: Room) -> None:
    path = await room.create(pod("renewed"))
    await until(room.api, path, is_ready)
    await room.api.patch(path, {"spec": {"containers": [{"name": "main", "image": "example.com/server:2"}]}}, kind="strategic")
    found = await until(room.api, path, lambda found: restarts(found) == 1)
    assert found["status"]["containerStatuses"][0]["image"] == "example.com/server:2"


def since(found: Json) -> str:
    """When it became Ready."""
    return next(str(each["lastTransitionTime"]) for each in found["status"]["conditions"] if each["type"] == "Ready")
