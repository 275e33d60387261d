"""Warm-up, on a real control plane: nodes are fetched for before pods start or are replaced there, for so long and no longer."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from specs.sections import annotation, label
from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.workers.living import SETTLED_S, Command
from tests.workers.test_rollout import LABEL, PODS, image, manifest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
WARM_UP, SLOT = "espalier.dev/warm-up", "espalier.dev/slot"


def warmed(image_wanted: str, warm_up: Mapping[str, Any]) -> str:
    found = yaml.safe_load(manifest(image_wanted))
    found["spec"]["warmUp"] = warm_up
    return yaml.safe_dump(found)


def job(**asked: str) -> Json:
    annotations = {f"sim.espalier.dev/{key.replace('_', '-')}": value for key, value in asked.items()}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "fetch", "image": "example.com/fetch:1"}]}}


class Seen:
    """Every pod event of the system, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Json]] = []

    async def listen(self, api: Api) -> None:
        async for event in api.watch(PODS, labelSelector=LABEL):
            self.events.append((event["type"], event["object"]))

    def warm(self) -> dict[str, Json]:
        """Node -> the pod that warmed it up, as last seen."""
        return {pod["spec"]["nodeName"]: pod for _, pod in self.events if label(pod, WARM_UP)}

    def ended_before_started(self, image_wanted: str) -> bool:
        """Whether on every node the warm-up had ended when the first pod of that image was bound there."""
        warm: set[str] = set()
        bound: set[str] = set()
        for _, pod in self.events:
            node = pod["spec"].get("nodeName", "")
            if label(pod, WARM_UP) and pod["status"].get("phase") == "Succeeded":
                warm.add(node)
            elif annotation(pod, SLOT) and node and image(pod) == image_wanted and node not in bound:
                bound.add(node)
                if node not in warm:
                    return False
        return bool(bound)


async def gone(api: Api) -> bool:
    return not await api.items(PODS, labelSelector=WARM_UP)


async def test_a_job_of_ones_own_ends_on_each_node_before_pods_start_there_and_before_any_is_taken_away(
    racks: Api, espalier: Command
) -> None:
    rules = {"template": job(complete_after="800ms"), "within": "60s"}
    seen = Seen()
    listening = asyncio.create_task(seen.listen(racks))
    try:
        await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=warmed("1", rules))
        assert seen.ended_before_started("1")
        fetched = {each["image"] for pod in seen.warm().values() for each in pod["spec"]["containers"]}
        assert fetched == {"example.com/fetch:1", "example.com/server:1"}
        await eventually(lambda: gone(racks), SETTLED_S)
        seen.events.clear()
        await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=warmed("2", rules))
        assert seen.ended_before_started("2")
        first_gone = next(at for at, (kind, pod) in enumerate(seen.events) if kind == "DELETED" and annotation(pod, SLOT))
        ended = [
            at for at, (_, pod) in enumerate(seen.events) if label(pod, WARM_UP) and pod["status"].get("phase") == "Succeeded"
        ]
        assert ended[0] < first_gone, "units run on while their nodes are warmed up"
        await eventually(lambda: gone(racks), SETTLED_S)
    finally:
        listening.cancel()


async def test_what_fails_or_takes_too_long_is_said_and_pods_start_without_it(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", given=warmed("1", {"images": False, "template": job(), "within": "4s"}))
    assert "warms up" in await until_status(espalier, "WarmingUp")
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=warmed("1", {"template": job(), "within": "4s"}))
    events = {event["reason"]: event["message"] for event in await racks.items("/api/v1/namespaces/default/events")}
    assert "it did not end within 4s" in events["WarmUpFailed"]
    await eventually(lambda: gone(racks), SETTLED_S)
    failing = {"template": job(fail_after="100ms"), "within": "60s"}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=warmed("2", failing))
    await eventually(lambda: gone(racks), SETTLED_S)


async def until_status(espalier: Command, reason: str) -> str:
    """The message, once that is the reason."""
    async with asyncio.timeout(30):
        while reason not in (waits := await waits_of(espalier)):
            pass
    return waits[reason]


async def waits_of(espalier: Command) -> dict[str, str]:
    """Reason -> message."""
    found = json.loads(await espalier("status", "llama", "-o", "json"))
    return {each["reason"]: each["message"] for each in found["seen"]["waits"]}
