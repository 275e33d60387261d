"""How a rollout is held, told of and let go on, on a real control plane: commands from outside, pods counted there."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.nodes import condition
from tests.workers.living import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

PODS = "/api/v1/namespaces/default/pods"
LABEL = "espalier.dev/system=llama"
SLOT = "espalier.dev/slot"
ROLES = ("leader", "worker")


def manifest(image: str, rules: Mapping[str, Any] | None = None, replicas: int = 3, **asked: str) -> str:
    """One group `decode`, each of a leader and a worker, and a router that nobody changes. `asked`: of the fake kubelets."""

    def role(name: str, image: str) -> Json:
        container = {"name": "main", "image": f"example.com/server:{image}"}
        spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
        annotations = {f"sim.espalier.dev/{key.replace('_', '-')}": value for key, value in asked.items()}
        return {"role": name, "replicas": 1, "template": {"metadata": {"annotations": annotations}, "spec": spec}}

    group = {"group": "decode", "replicas": replicas, "members": [role("leader", image), role("worker", image)]}
    container = {"name": "main", "image": "example.com/server:1"}
    router = {"role": "router", "replicas": 1, "template": {"spec": {"containers": [container]}}}
    spec = {"members": [router, group], "rollout": dict(rules or {})}
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
        while f": {reason} since " not in await espalier("rollout", "status", "llama"):
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

    async def told() -> bool:
        found = await racks.get("/apis/espalier.dev/v1alpha1/namespaces/default/inferencesystems/llama")
        rollout = found["status"]["rollout"]
        lines = [(each["number"], each["units"], each["first"]) for each in rollout["revisions"]]
        older = [each["unit"] for each in rollout["olderUnits"]]
        return (lines, older) == ([(2, 2, "0/decode/0"), (1, 2, "0/decode/1")], ["0/decode/1", "0/decode/2"])

    await eventually(told)
    assert ": 2 units, the first 0/decode/1" in await espalier("rollout", "status", "llama")
    await espalier("apply", "-f", "-", given=manifest("3", rules))
    assert await updated(racks, espalier, "3", "Approval") == 0, "an approval is for one revision"
    await espalier("rollout", "undo", "llama", "--wait", "--timeout", "60")
    assert {image(pod) for slot, pod in (await pods(racks)).items() if "decode" in slot} == {"2"}, "to go back needs no approval"


async def until_told(espalier: Command, words: str) -> str:
    """What `rollout status` says, once it says this."""
    async with asyncio.timeout(60):
        while words not in (said := await espalier("rollout", "status", "llama")):
            pass
    return said


async def test_with_surge_as_many_are_ready_as_are_wanted_all_the_time(racks: Api, espalier: Command) -> None:
    rules = {"maxUnavailable": 0, "maxSurge": 1}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1", rules))
    upgrade = asyncio.create_task(espalier("apply", "-f", "-", "--wait", "--timeout", "120", given=manifest("2", rules)))
    fewest, most = 3, 3
    while not upgrade.done():
        found = await pods(racks)
        there = {slot.rpartition("/leader")[0] for slot in found if slot.endswith("leader/0")}
        ready = [unit for unit in there if all(condition(found.get(f"{unit}/{role}/0", {}), "Ready") == "True" for role in ROLES)]
        fewest, most = min(fewest, len(ready)), max(most, len(there))
        await asyncio.sleep(0.02)
    await upgrade
    assert (fewest, most) == (3, 4)
    left = {slot: image(pod) for slot, pod in (await pods(racks)).items() if "decode" in slot}
    assert left == {f"0/decode/{unit}/{role}/0": "2" for unit in range(3) for role in ROLES}


async def test_a_version_that_never_gets_ready_is_rolled_back_and_not_tried_again_as_it_was(
    racks: Api, espalier: Command
) -> None:
    rules = {"progressDeadline": "3s", "onFailure": "rollback"}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1", rules))
    before = {slot: pod["metadata"]["uid"] for slot, pod in (await pods(racks)).items()}
    await espalier("apply", "-f", "-", given=manifest("2", rules, hang="true"))
    async with asyncio.timeout(60):
        while (status := json.loads(await espalier("status", "llama", "-o", "json")))["generation"] < 3 or status[
            "phase"
        ] != "Ready":
            pass
    found = await pods(racks)
    assert {image(pod) for pod in found.values()} == {"1"}
    changed = {slot for slot, pod in found.items() if before[slot] != pod["metadata"]["uid"]}
    assert changed == {"0/decode/0/leader/0", "0/decode/0/worker/0"}, "it stopped at its first unit"
    assert "an annotation of a template will do" in await espalier(
        "apply", "-f", "-", code=1, given=manifest("2", rules, hang="true")
    )
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("2", rules))
    assert {image(pod) for slot, pod in (await pods(racks)).items() if "decode" in slot} == {"2"}


async def test_a_version_that_crashes_stops_at_its_first_unit_and_waits_for_somebody(racks: Api, espalier: Command) -> None:
    rules = {"progressDeadline": "3s", "minReadySeconds": 2}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1", rules))
    await espalier("apply", "-f", "-", given=manifest("2", rules, crash_after="100ms", crash_times="1000"))
    said = await until_told(espalier, "ProgressDeadlineExceeded")
    assert "espalier rollout resume llama" in said

    async def held() -> bool:
        told = await racks.get("/apis/espalier.dev/v1alpha1/namespaces/default/inferencesystems/llama")
        return (condition(told, "Progressing"), told["status"]["rollout"]["gate"]) == ("False", "ProgressDeadlineExceeded")

    await eventually(held)  # the object is written once a second at most
    reasons = {event["reason"] for event in await racks.items("/api/v1/namespaces/default/events")}
    assert {"RolloutStarted", "RolloutHeld"} <= reasons
    assert sum(image(pod) == "2" for pod in (await pods(racks)).values()) == 2
    await espalier("rollout", "undo", "llama", "--wait", "--timeout", "60")
    assert {image(pod) for pod in (await pods(racks)).values()} == {"1"}
