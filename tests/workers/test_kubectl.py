"""Systems declared, scaled, refused and deleted with kubectl alone, on a real API server."""

import asyncio
import json

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.cluster.kubectl import Kubectl
from tests.running import AGENT, WORKER, Espalier
from tests.workers.living import SETTLED_S, Command
from tests.workers.test_end_to_end import MANIFEST, left, pods

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
SYSTEM, DECODE, ROUTER = "isys/llama", "systemmember/llama.decode", "systemmember/llama.router"


async def ready(kubectl: Kubectl, api: Api, wanted: int) -> None:
    """Ready with so many pods."""

    async def so() -> bool:
        status = json.loads(await kubectl("get", SYSTEM, "-o", "json")).get("status", {})
        return bool(status.get("phase") == "Ready" and status.get("readyPods") == wanted == len(await pods(api)))

    await eventually(so, SETTLED_S)


async def test_a_system_lives_by_kubectl_alone(racks: Api, kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", given=MANIFEST)
    await kubectl("wait", SYSTEM, "--for=condition=Ready", "--timeout=60s")
    await ready(kubectl, racks, 10)
    assert "decode" in await kubectl("get", "ism")
    await kubectl("scale", DECODE, "--replicas=3")
    await ready(kubectl, racks, 14)
    await kubectl("scale", SYSTEM, "--replicas=2")
    await ready(kubectl, racks, 28)
    await kubectl("apply", "-f", "-", given=MANIFEST.replace("replicas: 2", "replicas: 2", 1))
    await ready(kubectl, racks, 28)
    await kubectl("delete", SYSTEM, "--timeout=60s")
    assert await left(racks) == []


async def test_who_watches_sees_each_phase_once(racks: Api, kubectl: Kubectl) -> None:
    async with kubectl.watching("get", "isys", "-w", "-o", "custom-columns=PHASE:.status.phase", "--no-headers") as phases:
        await kubectl("apply", "-f", "-", given=MANIFEST)
        await ready(kubectl, racks, 10)
        await kubectl("delete", SYSTEM, "--timeout=60s")
    seen = [phase for place, phase in enumerate(phases) if place == 0 or phase != phases[place - 1]]
    assert [phase for phase in seen if phase != "<none>"] in (["Starting", "Ready", "Deleting"], ["Starting", "Ready"]), phases
    assert len(phases) <= 12, "a status that did not change is not written"


async def test_what_can_not_be_accepted_says_so_and_changes_nothing(racks: Api, kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", given=MANIFEST)
    await ready(kubectl, racks, 10)
    before = {pod["metadata"]["uid"] for pod in await pods(racks)}
    await kubectl("apply", "-f", "-", given=MANIFEST.replace("spec:\n", "spec:\n  services: none\n", 1))
    await kubectl("wait", SYSTEM, "--for=condition=Accepted=false", "--timeout=30s")
    assert "because its pods are made by them" in await kubectl("get", SYSTEM, "-o", "jsonpath={.status.conditions}")
    assert "TemplateChangeNotSupported" in await kubectl("events", "--for", SYSTEM)
    await kubectl("scale", DECODE, "--replicas=0")
    await kubectl("wait", DECODE, "--for=condition=Accepted=false", "--timeout=30s")
    await kubectl("apply", "-f", "-", given=MANIFEST)
    await kubectl("wait", SYSTEM, "--for=condition=Accepted", "--timeout=30s")
    await kubectl("scale", DECODE, "--replicas=2")
    await kubectl("wait", DECODE, "--for=condition=Accepted", "--timeout=30s")
    assert {pod["metadata"]["uid"] for pod in await pods(racks)} == before


async def test_every_door_at_once(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=MANIFEST)
    await asyncio.gather(
        kubectl("scale", ROUTER, "--replicas=3"), espalier("scale", "llama", "decode=3"), kubectl("label", SYSTEM, "team=a")
    )
    await ready(kubectl, racks, 15)
    assert (await counts(kubectl)) == {"router": 3, "decode": 3, "decode/leader": 1, "decode/worker": 3}
    await espalier("scale", "llama", "router=2", "copies=2")
    await ready(kubectl, racks, 28)
    assert (await counts(kubectl))["router"] == 2
    assert await kubectl("get", SYSTEM, "-o", "jsonpath={.spec.replicas}") == "2"


async def test_partners_follow_whoever_scales_one_of_them_within_limits(racks: Api, kubectl: Kubectl) -> None:
    rules = "spec:\n  scaling: {ratios: [{router: 2, decode: 1}], limits: [{path: decode, max: 3}]}\n"
    await kubectl("apply", "-f", "-", given=MANIFEST.replace("spec:\n", rules, 1))
    await ready(kubectl, racks, 10)
    await kubectl("scale", DECODE, "--replicas=3")
    await ready(kubectl, racks, 18)
    assert {"router": 6, "decode": 3}.items() <= (await counts(kubectl)).items()
    await kubectl("scale", DECODE, "--replicas=4")
    await kubectl("wait", DECODE, "--for=condition=Accepted=false", "--timeout=30s")
    assert "its limits are 0 and 3" in await kubectl("get", DECODE, "-o", "jsonpath={.status.conditions}")
    await kubectl("scale", ROUTER, "--replicas=4")
    await ready(kubectl, racks, 12)


async def test_edits_made_while_nobody_is_there_are_taken_when_somebody_is(racks: Api, kubectl: Kubectl, house: Espalier) -> None:
    await kubectl("apply", "-f", "-", given=MANIFEST)
    await ready(kubectl, racks, 10)
    house.process(AGENT).kill()
    await kubectl("scale", DECODE, "--replicas=3")
    victim = (await pods(racks))[0]["metadata"]["name"]
    await kubectl("delete", "pod", victim, "--force")
    house.process(AGENT).start()
    await ready(kubectl, racks, 14)
    for name in (AGENT, WORKER):
        house.process(name).kill()
    await kubectl("delete", SYSTEM, "--wait=false")
    for name in (WORKER, AGENT):
        house.process(name).start()
    await kubectl("wait", SYSTEM, "--for=delete", "--timeout=60s")
    assert await left(racks) == []


async def counts(kubectl: Kubectl) -> dict[str, int]:
    """Replicas by path, as the scale objects say."""
    items = json.loads(await kubectl("get", "ism", "-o", "json"))["items"]
    return {each["spec"]["path"]: each["spec"]["replicas"] for each in items}
