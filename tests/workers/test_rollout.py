"""How a rollout is held, told of and let go on, on a real control plane: commands from outside, pods counted there."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import yaml

from tests.cluster.api import Api, Json
from tests.workers.living import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

PODS = "/api/v1/namespaces/default/pods"
LABEL = "espalier.dev/system=llama"
SLOT = "espalier.dev/slot"


def manifest(image: str, rules: Mapping[str, Any] | None = None, replicas: int = 3, ready_after: str = "") -> str:
    """One group `decode` of so many leaders, each with a worker, and a router that nobody changes."""

    def role(name: str, image: str) -> Json:
        container = {"name": "main", "image": f"example.com/server:{image}"}
        spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
        annotations = {"metadata": {"annotations": {"sim.espalier.dev/ready-after": ready_after}}} if ready_after else {}
        return {"role": name, "replicas": 1, "template": {**annotations, "spec": spec}}

    group = {"group": "decode", "replicas": replicas, "members": [role("leader", image), role("worker", image)]}
    spec = {"members": [role("router", "1"), group], "rollout": dict(rules or {})}
    return yaml.safe_dump(
        {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}, "spec": spec}
    )


async def pods(api: Api) -> dict[str, Json]:
    """By slot: those that stay."""
    found = await api.items(PODS, labelSelector=LABEL)
    return {pod["metadata"]["annotations"][SLOT]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


def image(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"].partition(":")[2])


def ready_at(pod: Json) -> datetime:
    said = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    assert said["status"] == "True"
    return datetime.fromisoformat(said["lastTransitionTime"])


def created_at(pod: Json) -> datetime:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


async def test_each_unit_waits_until_the_one_before_was_ready_for_min_ready_seconds(racks: Api, espalier: Command) -> None:
    rules = {"minReadySeconds": 4}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1", rules))
    router = (await pods(racks))["0/router/0"]["metadata"]["uid"]
    await espalier("apply", "-f", "-", "--wait", "--timeout", "120", given=manifest("2", rules))
    found = await pods(racks)
    assert found.pop("0/router/0")["metadata"]["uid"] == router
    assert {image(pod) for pod in found.values()} == {"2"}
    for unit in (1, 2):
        before = max(ready_at(found[f"0/decode/{unit - 1}/{role}/0"]) for role in ("leader", "worker"))
        made = min(created_at(found[f"0/decode/{unit}/{role}/0"]) for role in ("leader", "worker"))
        assert 3 <= (made - before).total_seconds() < 12, "by a timer: nothing happens in the cluster meanwhile"


async def updated(api: Api, espalier: Command, image_wanted: str, reason: str) -> int:
    """Units of decode with that image, once the rollout waits for that reason."""
    async with asyncio.timeout(60):
        while f": {reason}: " not in await espalier("rollout", "status", "llama"):
            pass
    return sum(image(pod) == image_wanted for slot, pod in (await pods(api)).items() if slot.endswith("leader/0"))


async def test_a_rollout_goes_on_hold_by_hold_as_it_is_approved(racks: Api, espalier: Command) -> None:
    rules = {"approval": "manual", "pauseAfter": [1]}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1", rules))
    assert "nothing of 'llama' waits" in await espalier("rollout", "approve", "llama", code=1)
    await espalier("apply", "-f", "-", given=manifest("2", rules))
    assert await updated(racks, espalier, "2", "Approval") == 0
    assert "espalier rollout approve llama" in await espalier("rollout", "status", "llama")
    assert "approve llama" in await espalier("rollout", "resume", "llama", code=1)
    await espalier("rollout", "approve", "llama")
    await espalier("apply", "-f", "-", given=manifest("2", rules))
    async with asyncio.timeout(60):
        while "holds after 1 of 3 units of decode" not in await espalier("rollout", "status", "llama"):
            pass
    assert sum(image(pod) == "2" for pod in (await pods(racks)).values()) == 2
    await espalier("apply", "-f", "-", given=manifest("3", rules))
    assert await updated(racks, espalier, "3", "Approval") == 0, "an approval is for one revision"
    await espalier("rollout", "undo", "llama", "--wait", "--timeout", "60")
    assert {image(pod) for slot, pod in (await pods(racks)).items() if "decode" in slot} == {"2"}, "to go back needs no approval"
