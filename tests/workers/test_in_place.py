"""Changes in place, on a real control plane: pods stay, containers restart one unit at a time, and undo goes the same way."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import yaml

from specs.sections import label
from tests.cluster.api import Api, Json
from tests.cluster.nodes import condition
from tests.workers.living import Command
from tests.workers.test_rollout import image, manifest, pods

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
IN_PLACE = {"inPlace": True}


def changed(image_wanted: str, template: Mapping[str, Any] | None = None, **container: Any) -> str:
    """Restarts take half a second. `template`: labels and annotations of both roles."""
    found = yaml.safe_load(manifest(image_wanted, IN_PLACE, ready_after="500ms"))
    for role in found["spec"]["members"][1]["members"]:
        role["template"]["spec"]["containers"][0] |= container
        role["template"]["metadata"]["annotations"] |= (template or {}).get("annotations", {})
        role["template"]["metadata"] |= {"labels": (template or {}).get("labels", {})}
    return yaml.safe_dump(found)


def uids(found: Mapping[str, Json]) -> dict[str, str]:
    return {slot: pod["metadata"]["uid"] for slot, pod in found.items()}


def restarts(found: Mapping[str, Json]) -> set[int]:
    return {pod["status"]["containerStatuses"][0]["restartCount"] for slot, pod in found.items() if "decode" in slot}


async def fewest_ready(api: Api, until: "asyncio.Task[str]", new: str) -> int:
    """Units that run as they should all the while: what has the new image and has not restarted for it does not."""
    fewest = 3
    while not until.done():
        found = await pods(api)
        units = {slot.rpartition("/leader")[0] for slot in found if slot.endswith("leader/0")}
        well = [unit for unit in units if all(runs(found[f"{unit}/{role}/0"], new) for role in ("leader", "worker"))]
        fewest = min(fewest, len(well))
        await asyncio.sleep(0.02)
    await until
    return fewest


def runs(pod: Json, new: str) -> bool:
    running = pod["status"]["containerStatuses"][0]["image"].partition(":")[2]
    return condition(pod, "Ready") == "True" and (image(pod) != new or running == new)


async def test_an_image_is_changed_where_the_pods_run_one_unit_at_a_time_and_undone_in_the_same_way(
    racks: Api, espalier: Command
) -> None:
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=changed("1"))
    before = uids(await pods(racks))
    upgrade = asyncio.create_task(espalier("apply", "-f", "-", "--wait", "--timeout", "90", given=changed("2")))
    assert await fewest_ready(racks, upgrade, "2") == 2
    found = await pods(racks)
    assert uids(found) == before
    assert {image(pod) for slot, pod in found.items() if "decode" in slot} == {"2"}
    assert restarts(found) == {1}
    revision = str(json.loads(await espalier("status", "llama", "-o", "json"))["revision"])
    assert {label(pod, "espalier.dev/revision") for pod in found.values()} == {revision}, "the router too: it is the same in both"
    turned = sorted({ready_at(found[f"0/decode/{unit}/leader/0"]) for unit in range(3)})
    assert turned[-1] > turned[0], "one after the other"
    back = asyncio.create_task(espalier("rollout", "undo", "llama", "--wait", "--timeout", "90"))
    assert await fewest_ready(racks, back, "1") == 2
    found = await pods(racks)
    assert (uids(found), restarts(found)) == (before, {2})
    assert {image(pod) for pod in found.values()} == {"1"}


def ready_at(pod: Json) -> datetime:
    return datetime.fromisoformat(
        next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")["lastTransitionTime"]
    )


async def test_labels_and_annotations_restart_nothing_and_all_else_makes_pods_anew(racks: Api, espalier: Command) -> None:
    first = {"labels": {"tier": "a", "old": "x"}, "annotations": {"example.com/note": "1"}}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=changed("1", first))
    before = await pods(racks)
    second = {"labels": {"tier": "b"}, "annotations": {"example.com/note": "2"}}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=changed("1", second))
    found = await pods(racks)
    leader = found["0/decode/1/leader/0"]["metadata"]
    assert (uids(found), restarts(found)) == (uids(before), {0})
    assert (leader["labels"]["tier"], "old" in leader["labels"], leader["annotations"]["example.com/note"]) == ("b", False, "2")
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=changed("1", second, command=["serve"]))
    after = uids(await pods(racks))
    assert {slot for slot in after if after[slot] != uids(found)[slot]} == {slot for slot in after if "decode" in slot}
