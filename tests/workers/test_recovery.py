"""Pods and nodes that are lost, on a real control plane, and what becomes of the systems that had them."""

import json

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.losing import lose_node, return_node
from tests.workers.living import SETTLED_S
from tests.workers.tenancy import declared, places, ready

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
FENCED = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"


async def named(kubectl: Kubectl) -> dict[str, str]:
    """Every pod that there is, those that are leaving too, with its node."""
    found = json.loads(await kubectl("get", "pods", "-o", "json"))["items"]
    return {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in found}


async def test_pods_of_a_node_that_does_not_answer_are_placed_elsewhere_and_forced_once_it_is_fenced(
    empty: Api, tenant: Kubectl
) -> None:
    await tenant("apply", "-f", "-", given=declared(2, cpu="3", recovery={"nodeLostAfter": "2s"}))
    await ready(tenant, 2)
    before = await named(tenant)
    lost = min(before.values())
    await lose_node(empty, lost, known_at_once=True)

    async def elsewhere() -> bool:
        there = await places(tenant)
        return len(there) == 2 and lost not in there

    await eventually(elsewhere, SETTLED_S)
    (gone,) = (name for name, node in before.items() if node == lost)
    kept = {name for name, node in (await named(tenant)).items() if node != lost}
    assert set(before) & kept == set(before) - {gone}, "whoever was elsewhere runs on, and a lost name is not used again"
    await tenant("taint", "node", lost, FENCED)

    async def forced() -> bool:
        return gone not in await named(tenant)

    await eventually(forced, SETTLED_S)
    await tenant("taint", "node", lost, f"{FENCED.partition('=')[0]}-")
    await return_node(empty, lost)
    await ready(tenant, 2)
