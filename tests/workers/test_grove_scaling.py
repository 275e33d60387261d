"""Autoscalers of the real controller-manager on Grove's objects, and a planner that patches `/scale` every second."""

import asyncio
import json
import time
from itertools import cycle
from typing import Any

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.metrics import Metrics
from tests.workers.grove_set import BASE, ROUTER, apply, declared, ready, status
from tests.workers.test_autoscaling import AUTOSCALED_S, measured
from tests.workers.test_recovery import hang

__all__ = ["measured"]
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]
SCALE = "/apis/grove.io/v1alpha1/namespaces/default/podcliques/llama-0-router/scale"
TARGET = {"type": "Utilization", "averageUtilization": 50}
HALF = [{"type": "Resource", "resource": {"name": "cpu", "target": TARGET}}]
PLANNED = (2, 4, 3, 1, 4, 2)
"""What the planner wants, one after the other."""


async def scaled(kubectl: Kubectl, name: str, wanted: int) -> None:
    """An autoscaler has set the count of this object."""

    async def so() -> bool:
        return await kubectl("get", name, "-o", "jsonpath={.spec.replicas}") == str(wanted)

    try:
        await eventually(so, AUTOSCALED_S)
    except AssertionError as error:
        raise AssertionError(await kubectl("get", "hpa,pclq,pcsg", "-o", "yaml")) from error


@pytest.mark.long
async def test_autoscalers_of_a_clique_and_of_a_group_scale_them(racks: Api, measured: Metrics, kubectl: Kubectl) -> None:
    manifest = declared(group={"scaleConfig": {"maxReplicas": 3, "metrics": HALF}})
    cliques: list[dict[str, Any]] = manifest["spec"]["template"]["cliques"]
    for each in cliques:
        each["spec"]["podSpec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    cliques[0]["spec"]["autoScalingConfig"] = {"maxReplicas": 3, "metrics": HALF}
    measured.cpu = "500m"
    await apply(kubectl, manifest)
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)}
    measured.cpu = "900m"
    await scaled(kubectl, ROUTER, 3)
    await scaled(kubectl, "pcsg/llama-0-decode", 3)
    grown = await ready(racks, **{**BASE, "0_router": 3, "0_decode_2_leader": 1, "0_decode_2_worker": 2})
    assert before <= {pod["metadata"]["uid"] for pod in grown}
    await apply(kubectl, manifest)  # the template says 1 and 2, for those to come
    await status(kubectl, ROUTER, replicas=3, readyReplicas=3)
    conditions = json.loads(await kubectl("get", "hpa/llama-0-router", "-o", "jsonpath={.status.conditions}"))
    assert {each["type"]: each["status"] for each in conditions}["AbleToScale"] == "True"


async def test_a_clique_that_is_scaled_in_loses_what_is_not_ready_first_and_fills_the_hole_later(
    racks: Api, kubectl: Kubectl
) -> None:
    """Grove's order; whose index is lost is another matter."""

    async def routers(count: int) -> dict[str, Json]:
        found = await ready(racks, **{**BASE, "0_router": count})
        return {pod["spec"]["hostname"][-1]: pod for pod in found if "router" in pod["spec"]["hostname"]}

    def uids(found: dict[str, Json]) -> dict[str, str]:
        return {index: pod["metadata"]["uid"] for index, pod in found.items()}

    await apply(kubectl, declared(router=3))
    before = await routers(3)
    await status(kubectl, ROUTER, readyReplicas=3)
    await hang(kubectl, before.pop("1"))
    await status(kubectl, ROUTER, replicas=3, readyReplicas=2)
    await kubectl("scale", ROUTER, "--replicas=2")
    assert uids(await routers(2)) == uids(before)
    await status(kubectl, ROUTER, replicas=2, readyReplicas=2)
    await kubectl("scale", ROUTER, "--replicas=3")
    after = uids(await routers(3))
    assert after.items() > uids(before).items()
    assert after.keys() == {"0", "1", "2"}


@pytest.mark.parametrize("minutes", [pytest.param(1, marks=pytest.mark.long), pytest.param(5, marks=pytest.mark.soak)])
async def test_a_planner_that_patches_the_count_every_second_is_followed(racks: Api, kubectl: Kubectl, minutes: int) -> None:
    await apply(kubectl, declared())
    others = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE) if "decode" in pod["metadata"]["name"]}
    await status(kubectl, ROUTER, readyReplicas=1)
    end, counts, patched, refused = time.monotonic() + 60 * minutes, cycle(PLANNED), 0, ""
    wanted = 1
    while time.monotonic() < end:
        wanted = next(counts)
        await racks.patch(SCALE, {"spec": {"replicas": wanted}})
        patched += 1
        await asyncio.sleep(1)
        refused += await kubectl("get", ROUTER, "-o", "jsonpath={.status.conditions[?(@.type=='Accepted')].message}")
    assert (patched > 20 * minutes, refused) == (True, "")
    found = await ready(racks, **{**BASE, "0_router": wanted})
    assert others <= {pod["metadata"]["uid"] for pod in found}
    await status(kubectl, ROUTER, replicas=wanted, readyReplicas=wanted)
    await status(kubectl, "pcs/llama", replicas=1, availableReplicas=1)
