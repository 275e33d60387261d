"""A zone lost with gangs on it, and one that is evacuated: they are placed elsewhere as wholes, and nobody else moves."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, remove_node, until_nodes_ready
from tests.workers.living import Command
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


async def last_was_an_evacuation(espalier: Command, name: str) -> bool:
    """An operation ends a moment after all is as it wants it."""
    told = json.loads(await espalier("status", name, "-n", "tenant", "-o", "json"))
    return bool(told["last"]["kind"] == "Evacuation")


async def test_a_zone_lost_with_twenty_gangs_about(empty: Api, zones: Kubectl) -> None:
    for name in SYSTEMS:
        await zones("apply", "-f", "-", given=declared(name, 2, copies=4, within="zone"))
    for name in SYSTEMS:
        await until(zones, name, "phase", "Ready")
    before = await where(zones)
    stay = {uid for uid, (_, _, host) in before.items() if host.startswith("z1")}
    assert 0 < len(stay) < len(before) == 40
    await asyncio.gather(*(remove_node(empty, f"z0-{index:02}") for index in range(FIRST)))

    async def are_elsewhere() -> bool:
        found = [host for _, _, host in (await where(zones)).values()]
        return len(found) == 40 and all(host.startswith("z1") for host in found)

    await eventually(are_elsewhere, 60)  # a status is a second behind
    for name in SYSTEMS:
        await until(zones, name, "readyPods", "8")
        await until(zones, name, "phase", "Ready")
    after = await where(zones)
    assert stay <= after.keys(), "nobody moves who has lost nothing"
    assert len(after) == 40
    assert all(host.startswith("z1") for _, _, host in after.values())


async def test_a_zone_that_is_evacuated(zones: Kubectl, espalier: Command) -> None:
    for name in SYSTEMS[:2]:
        await zones("apply", "-f", "-", given=declared(name, 2, copies=4, within="zone"))
    for name in SYSTEMS[:2]:
        await until(zones, name, "phase", "Ready")
    before = await where(zones)
    zone = next(iter(before.values()))[2][:2]
    stay = {uid for uid, (_, _, host) in before.items() if host[:2] != zone}
    plan = json.loads(await espalier("evacuate", f"zone={zone}", "--dry-run", "-o", "json"))
    assert {move["from"] for move in plan["moves"]} == {host for _, _, host in before.values() if host[:2] == zone}
    assert (await where(zones)).keys() == before.keys(), "a plan moves nothing"
    least = [16]

    async def watch() -> None:
        while True:
            least.append(len(await where(zones)))

    watching = asyncio.create_task(watch())
    assert "Nothing of Espalier's is left there" in await espalier("evacuate", f"zone={zone}", "--wait", "--timeout", "90")
    watching.cancel()
    for name in SYSTEMS[:2]:
        await until(zones, name, "readyPods", "8")
        await until(zones, name, "phase", "Ready")
        await eventually(partial(last_was_an_evacuation, espalier, name))
    after = await where(zones)
    assert stay <= after.keys()
    assert all(host[:2] != zone for _, _, host in after.values())
    assert min(least) >= 12, "one copy of two pods of each system at a time"
    await espalier("evacuate", f"zone={zone}", "--cancel")
    assert "No node is being evacuated" in await espalier("evacuate")
