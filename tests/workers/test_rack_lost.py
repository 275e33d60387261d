"""A zone lost with gangs on it: they are placed elsewhere as wholes, and nobody else moves."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.cluster.api import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, remove_node, until_nodes_ready
from tests.workers.test_preempting import declared, until
from workers.simulated.fleets import node

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]
ZONE = "topology.kubernetes.io/zone"
SYSTEMS = tuple(f"sys-{index}" for index in range(5))
FIRST, SECOND = 24, 40


@pytest_asyncio.fixture
async def zones(empty: Api, tenant: Kubectl) -> AsyncIterator[Kubectl]:
    """Two zones of hosts that each take one pod, beside nothing else."""
    for index in range(4):
        await remove_node(empty, f"host-{index}")
    hosts = [(f"z0-{index:02}", "z0") for index in range(FIRST)] + [(f"z1-{index:02}", "z1") for index in range(SECOND)]
    await apply_nodes(empty, [node(name, {ZONE: zone}, {"cpu": "4", "memory": "8Gi", "pods": "1"}) for name, zone in hosts])
    await until_nodes_ready(empty, FIRST + SECOND)
    yield tenant


async def where(tenant: Kubectl) -> dict[str, tuple[str, str, str]]:
    """UID of every pod that runs -> its system, copy and node."""
    found = json.loads(await tenant("get", "pods", "-o", "json"))["items"]
    return {
        pod["metadata"]["uid"]: (
            pod["metadata"]["labels"]["espalier.dev/system"],
            pod["metadata"]["annotations"]["espalier.dev/slot"].split("/")[0],
            pod["spec"]["nodeName"],
        )
        for pod in found
        if "deletionTimestamp" not in pod["metadata"] and pod["spec"].get("nodeName")
    }


async def test_a_zone_lost_with_twenty_gangs_about(empty: Api, zones: Kubectl) -> None:
    for name in SYSTEMS:
        await zones("apply", "-f", "-", given=declared(name, 2, copies=4, within="zone"))
    for name in SYSTEMS:
        await until(zones, name, "phase", "Ready")
    before = await where(zones)
    stay = {uid for uid, (_, _, host) in before.items() if host.startswith("z1")}
    assert 0 < len(stay) < len(before) == 40
    await asyncio.gather(*(remove_node(empty, f"z0-{index:02}") for index in range(FIRST)))
    for name in SYSTEMS:
        await until(zones, name, "readyPods", "8")
        await until(zones, name, "phase", "Ready")
    after = await where(zones)
    assert stay <= after.keys(), "nobody moves who has lost nothing"
    assert len(after) == 40
    assert all(host.startswith("z1") for _, _, host in after.values())
