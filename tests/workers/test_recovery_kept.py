"""What is lost comes back, and nothing else is touched, whoever is killed meanwhile: on a real control plane."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Json
from tests.cluster.kubectl import Kubectl
from tests.running import AGENT, WORKER, Espalier
from tests.workers.living import SETTLED_S, SPACE, Command
from tests.workers.tenancy import SYSTEM, declared, is_ready, pods, ready, says
from tests.workers.test_recovery import hang

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
SLOT = "espalier.dev/slot"


def of_roles(roles: Mapping[str, int], **spec: Any) -> Json:
    """Each role after the one before."""
    manifest: Json = yaml.safe_load(declared(1, start="inOrder", **spec))
    (role,) = manifest["spec"]["members"]
    manifest["spec"]["members"] = [{**role, "role": name, "replicas": count} for name, count in roles.items()]
    return manifest


async def apply(kubectl: Kubectl, manifest: Json) -> None:
    await kubectl("apply", "-f", "-", given=yaml.safe_dump(manifest))


async def by_slot(kubectl: Kubectl) -> dict[str, Json]:
    return {pod["metadata"]["annotations"][SLOT]: pod for pod in await pods(kubectl)}


async def whole(kubectl: Kubectl, without: Mapping[str, Json], slots: set[str]) -> dict[str, Json]:
    """Exactly these slots, all Ready, none of them with the pod that it had before."""
    found: dict[str, Json] = {}

    async def so() -> bool:
        nonlocal found
        found = await by_slot(kubectl)
        gone = {pod["metadata"]["uid"] for pod in without.values()}
        anew = not any(pod["metadata"]["uid"] in gone for pod in found.values())
        return anew and found.keys() == slots and all(is_ready(pod) for pod in found.values())

    await eventually(so, SETTLED_S)
    return found


def uids(found: Mapping[str, Json]) -> dict[str, str]:
    return {slot: pod["metadata"]["uid"] for slot, pod in found.items()}


async def test_r16_what_is_evicted_and_what_has_failed_is_replaced(tenant: Kubectl) -> None:
    await apply(tenant, of_roles({"server": 3}))
    await ready(tenant, 3)
    before = await by_slot(tenant)
    name = before["0/server/0"]["metadata"]["name"]
    status = json.dumps({"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}})
    await tenant("patch", "pod", name, "--subresource=status", "--type=merge", "-p", status)
    again = await whole(tenant, {"0/server/0": before["0/server/0"]}, {*before})
    await eventually(lambda: evicted(tenant, before["0/server/1"]["metadata"]["name"]), SETTLED_S)
    after = await whole(tenant, {"0/server/1": before["0/server/1"]}, {*before})
    assert uids(after) == uids({**again, "0/server/1": after["0/server/1"]})


async def evicted(kubectl: Kubectl, name: str) -> bool:
    """Once its budget has seen that the others are there."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": SPACE}}
    path = f"/api/v1/namespaces/{SPACE}/pods/{name}/eviction"
    try:
        await kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
    except AssertionError:
        return False
    return True


async def test_r23_a_role_that_is_removed_goes_and_one_that_is_added_starts_in_order_and_others_stay(tenant: Kubectl) -> None:
    await apply(tenant, of_roles({"router": 1, "server": 2}))
    await ready(tenant, 3)
    before = await by_slot(tenant)
    await apply(tenant, of_roles({"server": 2}))
    await ready(tenant, 2)
    assert uids(await by_slot(tenant)) == {slot: uid for slot, uid in uids(before).items() if "server" in slot}
    await apply(tenant, of_roles({"server": 2, "cache": 1, "judge": 1}))
    await ready(tenant, 4)
    after = await by_slot(tenant)
    assert {slot: uid for slot, uid in uids(after).items() if "server" in slot} == uids(
        {slot: pod for slot, pod in before.items() if "server" in slot}
    )
    assert turned(after["0/cache/0"], "Ready") <= turned(after["0/judge/0"], "PodScheduled")


async def test_what_depends_on_a_part_is_restarted_with_it_where_the_scope_says_so_and_only_there(tenant: Kubectl) -> None:
    await apply(tenant, of_roles({"router": 1, "decode": 2}))
    await ready(tenant, 3)
    before = await by_slot(tenant)
    await hang(tenant, before["0/router/0"])
    await tenant("wait", SYSTEM, "--for=condition=Ready=false", "--timeout=60s")
    await tenant("delete", "pod", before["0/router/0"]["metadata"]["name"])
    await ready(tenant, 3)
    alone = await by_slot(tenant)
    assert {slot for slot, uid in uids(alone).items() if uid != uids(before)[slot]} == {"0/router/0"}
    await apply(tenant, of_roles({"router": 1, "decode": 2}, recovery={"scope": "copy", "delay": "1s"}))
    await hang(tenant, alone["0/router/0"])
    after = await whole(tenant, alone, {*before})
    assert turned(after["0/router/0"], "Ready") <= min(turned(after[f"0/decode/{each}"], "PodScheduled") for each in (0, 1))


def turned(pod: Json, condition: str) -> str:
    return str(next(each["lastTransitionTime"] for each in pod["status"]["conditions"] if each["type"] == condition))


async def test_a_pause_before_a_restart_is_neither_skipped_nor_begun_anew_by_who_is_killed_meanwhile(
    tenant: Kubectl, espalier: Command, house: Espalier
) -> None:
    manifest = of_roles({"server": 1})
    manifest["spec"]["members"][0]["template"]["metadata"] = {"annotations": {"sim.espalier.dev/fail-after": "100ms"}}
    await apply(tenant, manifest)
    await says(tenant, "2 times in a row, again at")
    before = await by_slot(tenant)
    status = await tenant("get", SYSTEM, "-o", "jsonpath={.status}")
    due = moment(re.findall(r"2 times in a row, again at (\d\d:\d\d:\d\d) UTC", status)[0])

    async def soon() -> bool:
        return datetime.now(UTC) > due - timedelta(seconds=5)

    await eventually(soon, SETTLED_S)
    for name in (WORKER, AGENT):
        house.process(name).kill()
    for name in (WORKER, AGENT):
        house.process(name).start()
    await says(tenant, "3 times in a row, again at")
    (after,) = (await by_slot(tenant)).values()
    assert after["metadata"]["uid"] not in uids(before).values()
    created = datetime.fromisoformat(after["metadata"]["creationTimestamp"])
    assert timedelta(0) <= created - due <= timedelta(seconds=10)
    assert after["metadata"]["annotations"]["espalier.dev/incarnation"] == "3"


def moment(text: str) -> datetime:
    """Today's, or that of a day that has just begun."""
    now = datetime.now(UTC)
    found = datetime.fromisoformat(f"{now.date()}T{text}+00:00")
    return found if found > now - timedelta(hours=12) else found + timedelta(days=1)


async def test_a_budget_of_ones_own_keeps_a_pod_where_it_is_until_it_allows_a_move(tenant: Kubectl, espalier: Command) -> None:
    await tenant("apply", "-f", "-", given=declared(2, cpu="3"))
    await ready(tenant, 2)
    before = await by_slot(tenant)
    await tenant("create", "pdb", "mine", "--selector=espalier.dev/system=llama", "--min-available=2")
    await tenant("wait", "pdb/mine", "--for=jsonpath={.status.currentHealthy}=2", "--timeout=60s")
    node = before["0/server/0"]["spec"]["nodeName"]
    await espalier("evacuate", node)
    try:
        await says(tenant, "DisruptionBudget", "PodDisruptionBudget mine does not allow that of 0/server/0 to go")
        assert uids(await by_slot(tenant)) == uids(before)
        await tenant("patch", "pdb", "mine", "--type=merge", "-p", '{"spec": {"minAvailable": 1}}')
        after = await whole(tenant, {"0/server/0": before["0/server/0"]}, {*before})
        assert after["0/server/0"]["spec"]["nodeName"] != node
        assert uids(after)["0/server/1"] == uids(before)["0/server/1"]
    finally:
        await espalier("evacuate", node, "--cancel")
