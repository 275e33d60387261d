"""A third of a fleet is drained, and a high priority comes to a full fleet: what moves is what was planned, on a real API."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.cluster.api import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.workers.living import Command
from tests.workers.test_preempting import declared, until
from tests.workers.test_rack_lost import where
from workers.simulated.fleets import node

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]
SYSTEMS = ("a", "b", "c")
PODS, HOSTS = 3, 15


async def test_a_drain_of_a_third_of_the_fleet(empty: Api, tenant: Kubectl) -> None:
    """Fifteen hosts, nine pods as large as a host; five of the hosts that have one are drained at once."""
    names = [f"more-{index:02}" for index in range(HOSTS - 4)]
    await apply_nodes(empty, [node(name, {}, {"cpu": "4", "memory": "8Gi", "pods": "20"}) for name in names])
    await until_nodes_ready(empty, HOSTS)
    for name in SYSTEMS:
        await tenant("apply", "-f", "-", given=declared(name, PODS))
    for name in SYSTEMS:
        await until(tenant, name, "phase", "Ready")
    before = await where(tenant)
    drained = sorted(host for _, _, host in before.values())[:5]
    least = dict.fromkeys(SYSTEMS, PODS)

    async def watch() -> None:
        while True:
            found = [name for name, _, _ in (await where(tenant)).values()]
            least.update({name: min(least[name], found.count(name)) for name in SYSTEMS})

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(tenant("drain", host, "--timeout=90s", "--ignore-daemonsets") for host in drained))
    for name in SYSTEMS:
        await until(tenant, name, "phase", "Ready")
        await until(tenant, name, "readyPods", str(PODS))
    watching.cancel()
    after = await where(tenant)
    assert {host for _, _, host in after.values()}.isdisjoint(drained)
    assert after.keys() & before.keys() == {uid for uid, (_, _, host) in before.items() if host not in drained}
    assert min(least.values()) >= PODS - 1, "one pod of each system at a time, as their budgets say"
    await tenant("uncordon", *drained)


async def test_a_high_priority_on_a_full_fleet_displaces_whom_the_plan_names(
    tenant: Kubectl, espalier: Command, tmp_path: Path
) -> None:
    await tenant("create", "priorityclass", "urgent", "--value=1000")
    try:
        for name, pods in (("batch", 2), ("solo", 1), ("other", 1)):
            await tenant("apply", "-f", "-", given=declared(name, pods))
            await until(tenant, name, "phase", "Ready")
        before = await where(tenant)
        (tmp_path / "chat.yaml").write_text(declared("chat", 2, "urgent"))
        (tmp_path / "snapshot.json").write_text(await tenant("get", "nodes,pods,priorityclasses", "-A", "-o", "json"))
        words = ("-f", str(tmp_path / "chat.yaml"), "--nodes", str(tmp_path / "snapshot.json"), "--preempt", "-o", "json")
        (planned,) = json.loads(await espalier("plan", *words))["preemptions"]
        leaving = {pod["node"] for victim in planned["victims"] for pod in victim["pods"]}
        assert planned["pods"] == len(leaving) == 2
        await tenant("apply", "-f", str(tmp_path / "chat.yaml"))
        await until(tenant, "chat", "phase", "Ready")
        after = await where(tenant)
        assert {host for name, _, host in after.values() if name == "chat"} == leaving
        assert {before[uid][2] for uid in before.keys() - after.keys()} == leaving, "those that the plan names, and no others"
    finally:
        await tenant("delete", "priorityclass", "urgent")
