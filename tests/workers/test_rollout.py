"""How a rollout is held, told of and let go on, on a real control plane: commands from outside, pods counted there."""

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
