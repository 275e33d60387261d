"""Scaling inside copies that a rollout has not come to yet, on a real control plane: none mixes versions, or has to wait."""

import asyncio
from collections.abc import Mapping

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.workers.living import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

PODS = "/api/v1/namespaces/default/pods"
LABEL = "espalier.dev/system=llama"
CACHE = {"0/cache/0", "1/cache/0"}


def declared(image: str, *more: str, **rules: object) -> str:
    """Two copies, each with prefill and decode, and what else is named."""

    def role(name: str) -> Json:
        container = {"name": "main", "image": f"example.com/server:{image if name != 'decode' else '1'}"}
        spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
        return {"role": name, "replicas": 1, "template": {"spec": spec}}

    spec = {"replicas": 2, "members": [role(each) for each in ("prefill", "decode", *more)], "rollout": {"unit": "copy", **rules}}
    return yaml.safe_dump(
        {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}, "spec": spec}
    )


async def pods(api: Api) -> dict[str, Json]:
    """By slot: those that stay."""
    found = await api.items(PODS, labelSelector=LABEL)
    return {
        pod["metadata"]["annotations"]["espalier.dev/slot"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]
    }


def revision(pod: Json) -> str:
    return str(pod["metadata"]["labels"]["espalier.dev/revision"])


def is_ready(pod: Json) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))


def waits(pod: Json) -> bool:
    """It has its place, and has not started."""
    return bool(pod["spec"].get("schedulingGates")) and "nominatedNodeName" in pod["status"]


def started(found: Mapping[str, Json]) -> dict[str, Json]:
    return {slot: pod for slot, pod in found.items() if not pod["spec"].get("schedulingGates")}


async def test_a_copy_that_is_not_updated_yet_grows_at_its_own_version_and_is_updated_once(racks: Api, espalier: Command) -> None:
    async def has_grown() -> bool:
        found = await pods(racks)
        return sum(map(is_ready, found.values())) == 6 and all(each in found and waits(found[each]) for each in CACHE)

    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=declared("1"))
    old = revision((await pods(racks))["0/prefill/0"])
    await espalier("apply", "-f", "-", given=declared("2", "cache", paused=True))
    await espalier("scale", "llama", "decode=2")
    await eventually(has_grown, 40)
    held = await pods(racks)
    assert {revision(pod) for pod in started(held).values()} == {old}, "it grows though the rollout is paused"
    system = await racks.get("/apis/espalier.dev/v1alpha1/namespaces/default/inferencesystems/llama")
    assert (system["status"]["readyCopies"], system["status"]["reason"]) == (2, "Paused")
    seen: dict[str, set[str]] = {}
    resumed = asyncio.create_task(espalier("apply", "-f", "-", "--wait", "--timeout", "90", given=declared("2", "cache")))
    while not resumed.done():
        running = started(await pods(racks))
        for copy in "01":
            assert len({revision(pod) for slot, pod in running.items() if slot[0] == copy}) <= 1, "no copy mixes versions"
        for slot, pod in running.items():
            seen.setdefault(slot, set()).add(pod["metadata"]["uid"])
    await resumed
    last = await pods(racks)
    assert (len(last), {revision(pod) == old for pod in last.values()}) == (8, {False})
    assert {each: last[each]["metadata"]["uid"] for each in CACHE} == {each: held[each]["metadata"]["uid"] for each in CACHE}
    assert max(map(len, seen.values())) == 2, "each was replaced once"
