"""A fleet so fragmented that a gang which must have a zone to itself waits, until pods have moved, on a real control plane."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.cluster.api import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, remove_node, until_nodes_ready
from tests.workers.living import Command
from tests.workers.test_preempting import declared, until
from tests.workers.test_rack_lost import ZONE, where
from workers.simulated.fleets import node

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]
ZONES, HOSTS = 4, 4


@pytest_asyncio.fixture
async def fragmented(empty: Api, tenant: Kubectl) -> AsyncIterator[Kubectl]:
    """Four zones of four hosts that each take one pod; two single pods in every zone."""
    for index in range(4):
        await remove_node(empty, f"host-{index}")
    names = [f"z{zone}-{index}" for zone in range(ZONES) for index in range(HOSTS)]
    await apply_nodes(empty, [node(name, {ZONE: name[:2]}, {"cpu": "4", "memory": "8Gi", "pods": "1"}) for name in names])
    await until_nodes_ready(empty, len(names))
    for name in names:
        if name[-1] in "23":
            await tenant("cordon", name)
    await tenant("apply", "-f", "-", given=declared("small", 1, copies=2 * ZONES))
    await until(tenant, "small", "phase", "Ready")
    await tenant("uncordon", *names)
    yield tenant


async def staged(espalier: Command, *stages: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = json.loads(await espalier("defragment", "status", "-o", "json"))
        if found["stage"] in stages:
            return found


async def test_a_gang_waits_until_the_moves_that_were_planned_let_it_in(fragmented: Kubectl, espalier: Command) -> None:
    await fragmented("apply", "-f", "-", given=declared("big", HOSTS, within="zone"))
    await until(fragmented, "big", "reason", "NoDomainFits")
    before = await where(fragmented)
    assert "2 moves let tenant/big-0 in (4 pods)" in await espalier("defragment", "start")
    plan = (await staged(espalier, "Approval"))["plan"]
    assert plan["least"] == len(plan["moves"]) == 2
    assert (await where(fragmented)).keys() == before.keys(), "a plan moves nothing"
    least = [2 * ZONES]

    async def watch() -> None:
        while True:
            least.append(sum(name == "small" for name, _, _ in (await where(fragmented)).values()))

    watching = asyncio.create_task(watch())
    told = await espalier("defragment", "approve", "--wait", "--timeout", "60")
    watching.cancel()
    assert "let in: tenant/big-0, by 2 moves" in told
    assert "NothingWaits" in told
    await until(fragmented, "big", "phase", "Ready")
    after = await where(fragmented)
    assert {host for name, _, host in after.values() if name == "small"} >= {move["target"] for move in plan["moves"]}
    assert len(before.keys() - after.keys()) == 2, "those that were planned, and no others"
    assert min(least) >= 2 * ZONES - 1, "one unit at a time, as its budget says"
    last = json.loads(await espalier("status", "small", "-n", "tenant", "-o", "json"))["last"]
    assert (last["kind"], last["ok"]) == ("Relocation", True)


async def test_a_plan_that_does_not_hold_any_more_moves_nothing(fragmented: Kubectl, espalier: Command) -> None:
    await fragmented("apply", "-f", "-", given=declared("big", HOSTS, within="zone"))
    await until(fragmented, "big", "reason", "NoDomainFits")
    await espalier("defragment", "start")
    before = await where(fragmented)
    await fragmented("delete", "isys/big", "--wait")
    await espalier("defragment", "approve")
    ended = await staged(espalier, "Ended")
    assert ended["reason"] == "NothingWaits"
    assert (await where(fragmented)).keys() == before.keys()
    assert "no defragmentation of cluster default is at work" in await espalier("defragment", "approve", code=1)
