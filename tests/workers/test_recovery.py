"""Pods and nodes that are lost, on a real control plane, and what becomes of the systems that had them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.losing import lose_node, return_node
from tests.workers import grove_set
from tests.workers.living import SETTLED_S, SPACE, Command
from tests.workers.tenancy import SYSTEM, declared, places, ready, says

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
SCALED = {
    "0_router": 2,
    **{f"0_decode_{each}_{role}": 1 + (role == "worker") for each in (0, 1) for role in ("leader", "worker")},
}
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


async def test_what_fails_too_often_is_given_up_and_tried_again_when_told(tenant: Kubectl, espalier: Command) -> None:
    failing = {"metadata": {"annotations": {"sim.espalier.dev/fail-after": "500ms"}}}
    manifest = yaml.safe_load(declared(1, recovery={"restarts": 1}))
    manifest["spec"]["members"][0]["template"] |= failing
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await says(tenant, "GivenUp", "replaced once in a row", "espalier recover llama")
    (first,) = await named(tenant)
    assert (await tenant("get", SYSTEM, "-o", "jsonpath={.status.phase}")) == "Degraded"
    await espalier("recover", "llama", "-n", SPACE)

    async def again() -> bool:
        return first not in await named(tenant)

    await eventually(again, SETTLED_S)
    manifest["spec"]["members"][0]["template"].pop("metadata")
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await ready(tenant, 1)


async def test_a_replica_that_is_not_whole_again_is_restarted_as_a_whole(tenant: Kubectl) -> None:
    template = yaml.safe_load(declared(1))["spec"]["members"][0]["template"]
    slow = {**template, "metadata": {"annotations": {"sim.espalier.dev/ready-after": "4s"}}}
    group = {"group": "prefill", "replicas": 2, "members": [{"role": "rank", "replicas": 2, "template": slow}]}
    manifest = yaml.safe_load(declared(1, recovery={"scope": "group", "delay": "1s"}))
    manifest["spec"]["members"] = [group]
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await ready(tenant, 4)
    before = set(await named(tenant))
    await tenant("delete", "pod", min(before), "--wait=false")

    async def whole_again() -> bool:
        return len(set(await named(tenant)) - before) == 2

    await eventually(whole_again, SETTLED_S)
    await ready(tenant, 4)
    assert len(set(await named(tenant)) & before) == 2, "the other replica runs on"


async def test_gang_termination_of_a_set_keeps_what_was_scaled(racks: Api, kubectl: Kubectl) -> None:
    """Both replicas lose their leader: the whole set's replica begins anew. Then one does: only that replica."""
    set_ = grove_set.declared()
    set_["spec"]["template"] |= {"terminationDelay": "2s"}
    await grove_set.apply(kubectl, set_)
    await grove_set.ready(racks, **{**SCALED, "0_router": 1})
    await kubectl("scale", grove_set.ROUTER, "--replicas=2")
    before = await grove_set.ready(racks, **SCALED)
    for each in before:
        if each["metadata"]["labels"]["grove.io/podclique"].endswith("leader"):
            await hang(kubectl, each)
    after = await anew(racks, before, len(before))
    assert len(after) == 8
    again = await grove_set.ready(racks, **SCALED)
    await hang(
        kubectl, next(each for each in again if each["metadata"]["labels"]["grove.io/podclique"] == "llama-0-decode-1-leader")
    )
    replaced = await anew(racks, again, 3)
    cliques = {each["metadata"]["labels"]["grove.io/podclique"] for each in replaced}
    assert cliques == {"llama-0-decode-1-leader", "llama-0-decode-1-worker"}
    await grove_set.ready(racks, **SCALED)


async def hang(kubectl: Kubectl, found: Json) -> None:
    """Ready no more, after it had been so for some seconds."""
    at = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = found["status"]["containerStatuses"][0]
    dead = {**said, "ready": False, "started": False}
    conditions = [{"type": "Ready", "status": "False", "lastTransitionTime": at}]
    status = json.dumps({"status": {"conditions": conditions, "containerStatuses": [dead]}})
    await kubectl("patch", "pod", found["metadata"]["name"], "--subresource=status", "--type=strategic", "-p", status)


async def anew(api: Api, before: list[Json], count: int) -> list[Json]:
    """The pods that came instead of so many of these."""
    known = {each["metadata"]["uid"] for each in before}

    async def so() -> list[Json]:
        found = [each for each in await grove_set.pods(api) if each["metadata"]["uid"] not in known]
        return found if len(found) >= count else []

    fresh: list[Json] = await eventually(so, SETTLED_S)
    return fresh
