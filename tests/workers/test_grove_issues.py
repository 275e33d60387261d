"""What Grove's users ask for and do not get: one test named after each of its issues, or after what was seen to go wrong."""

import json
from datetime import datetime

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import BASE, GROUP, ROUTER, apply, clique, declared, pods, ready, status
from tests.workers.living import SETTLED_S
from tests.workers.tenancy import is_ready
from workers.simulated.fleets import CLIQUE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
BINDING: Json = {"apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "racks"}}
SMALL = {"1_router": 1, "1_decode_0_leader": 1, "1_decode_0_worker": 2, "1_decode_1_leader": 1, "1_decode_1_worker": 2}


async def test_826_a_count_set_at_runtime_outlives_the_loss_of_its_pods_and_of_its_object(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    await ready(racks, **BASE)
    await kubectl("wait", "--for=create", ROUTER, "--timeout=60s")
    await kubectl("scale", ROUTER, "--replicas=3")
    await ready(racks, **{**BASE, "0_router": 3})
    await kubectl("delete", ROUTER)
    await kubectl("delete", "pods", "-l", "grove.io/podclique=llama-0-router", "--wait=false")
    await kubectl("wait", "--for=create", ROUTER, "--timeout=60s")
    await ready(racks, **{**BASE, "0_router": 3})
    await status(kubectl, ROUTER, replicas=3, readyReplicas=3)


async def test_648_a_group_replica_that_is_added_later_goes_into_the_rack_of_its_set_or_waits(
    racks: Api, kubectl: Kubectl
) -> None:
    """A rack has 18 nodes, and each pod takes one: 16 hold a router and five replicas of three, and the other rack is empty."""
    manifest = declared()
    manifest["spec"]["template"]["topologyConstraint"] = {"topologyName": "racks", "pack": {"required": "rack"}}
    manifest["spec"]["template"]["cliques"][2]["spec"]["minAvailable"] = 2
    for each in manifest["spec"]["template"]["cliques"]:
        each["spec"]["podSpec"]["containers"][0]["resources"] = {
            field: {"nvidia.com/gpu": "4"} for field in ("requests", "limits")
        }
    await apply(kubectl, {**BINDING, "spec": {"levels": [{"domain": "rack", "key": CLIQUE}]}})
    try:
        await apply(kubectl, manifest)
        await ready(racks, **BASE)
        await kubectl("wait", "--for=create", GROUP, "--timeout=60s")
        await kubectl("scale", GROUP, "--replicas=6")
        await status(kubectl, GROUP, replicas=6, availableReplicas=5)
        found = [pod for pod in await pods(racks) if is_ready(pod)]
        nodes = {pod["spec"]["nodeName"] for pod in found}
        labels = [each["metadata"]["labels"] for each in await racks.items("/api/v1/nodes") if each["metadata"]["name"] in nodes]
        assert (len(nodes), len({each[CLIQUE] for each in labels})) == (16, 1)
        told = await kubectl("get", "pcs/llama", "-o", "jsonpath={.status.conditions[?(@.type=='Placed')].message}")
        assert "rack" in told, told
    finally:
        await kubectl("delete", "clustertopologybinding/racks")


async def test_578_roles_are_paired_inside_a_rack(racks: Api, kubectl: Kubectl) -> None:
    """Two of each, of eight nodes each, on two racks of eighteen: both of a kind fit into one rack, and none is there."""
    manifest = declared()
    manifest["metadata"]["annotations"] = {"espalier.dev/together": "[{members: [prefill, decode], within: rack}]"}
    names = ("prefill", "decode")
    cliques = [clique(f"{name}-worker", 8) for name in names]
    for each in cliques:
        each["spec"]["podSpec"]["containers"][0]["resources"] = {key: {"nvidia.com/gpu": "4"} for key in ("requests", "limits")}
    groups = [{"name": name, "replicas": 2, "minAvailable": 2, "cliqueNames": [f"{name}-worker"]} for name in names]
    manifest["spec"]["template"] = {"cliques": cliques, "podCliqueScalingGroups": groups}
    await apply(kubectl, {**BINDING, "spec": {"levels": [{"domain": "rack", "key": CLIQUE}]}})
    try:
        await apply(kubectl, manifest)
        found = await ready(racks, **{f"0_{name}_{index}_{name}-worker": 8 for name in names for index in range(2)})
        rack = {each["metadata"]["name"]: each["metadata"]["labels"][CLIQUE] for each in await racks.items("/api/v1/nodes")}
        held = {(rack[pod["spec"]["nodeName"]], pod["metadata"]["labels"]["grove.io/podclique"]) for pod in found}
        pairs = {where: sorted(name for at, name in held if at == where) for where, _ in held}
        wanted = [[f"llama-0-{name}-{index}-{name}-worker" for name in sorted(names)] for index in range(2)]
        assert sorted(pairs.values()) == wanted
    finally:
        await kubectl("delete", "pcs/llama", f"--timeout={SETTLED_S}s")
        await kubectl("delete", "clustertopologybinding/racks")


async def test_511_a_pod_that_waits_says_why(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared(router=200, name="large"))
    events: list[Json] = []

    async def told() -> bool:
        nonlocal events
        found = await racks.items("/api/v1/namespaces/default/events", fieldSelector="reason=Unschedulable")
        events = [each for each in found if each["involvedObject"]["name"].startswith("large-0-router-")]
        return len({each["involvedObject"]["name"] for each in events}) >= 8

    await eventually(told, SETTLED_S)
    assert all("nvidia.com/gpu" in each["message"] or "gang" in each["message"] for each in events), events[0]["message"]
    assert "nvidia.com/gpu" in await kubectl("get", "pcs/large", "-o", "jsonpath={.status.conditions}")


async def test_a_failed_pod_is_replaced(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    victim = next(pod for pod in await ready(racks, **BASE) if pod["spec"]["hostname"] == "llama-0-router-0")
    path = f"/api/v1/namespaces/default/pods/{victim['metadata']['name']}"
    await racks.patch(f"{path}/status", {"status": {"phase": "Failed", "reason": "Evicted"}})

    async def replaced() -> bool:
        found = [pod for pod in await pods(racks) if pod["spec"]["hostname"] == "llama-0-router-0" and is_ready(pod)]
        return [pod["metadata"]["name"] != victim["metadata"]["name"] for pod in found] == [True]

    await eventually(replaced, SETTLED_S)
    await kubectl("delete", "pod", victim["metadata"]["name"], "--ignore-not-found", "--wait=false")


async def test_pods_of_a_node_that_is_gone_run_elsewhere(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    before = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in await ready(racks, **BASE)}
    lost = next(iter(before.values()))
    await kubectl("delete", "node", lost)

    async def elsewhere() -> bool:
        found = [pod for pod in await pods(racks) if is_ready(pod) and pod["spec"]["nodeName"] != lost]
        return len(found) == len(before)

    await eventually(elsewhere, SETTLED_S)
    stayed = {pod["metadata"]["name"] for pod in await pods(racks)} & before.keys()
    assert stayed == {name for name, node in before.items() if node != lost}


async def test_nothing_is_left_of_replicas_that_were_scaled_in(racks: Api, kubectl: Kubectl) -> None:
    """Of the set itself its service account stays until it goes."""
    manifest = declared(group={"scaleConfig": {"maxReplicas": 3}})
    for each in manifest["spec"]["template"]["cliques"]:
        each["spec"]["podSpec"]["serviceAccountName"] = "llama"
    manifest["spec"]["template"]["cliques"][0]["spec"]["autoScalingConfig"] = {"maxReplicas": 3}
    await apply(kubectl, manifest)
    await kubectl("scale", "pcs/llama", "--replicas=2")
    await ready(racks, **BASE, **SMALL)
    for made in ("pclq/llama-1-router", "hpa/llama-1-router", "hpa/llama-1-decode", "serviceaccount/llama"):
        await kubectl("wait", "--for=create", made, "--timeout=30s")
    await kubectl("scale", "pcs/llama", "--replicas=0")
    kinds = "pods,services,podcliques,podcliquescalinggroups,podgangs,poddisruptionbudgets,placements,hpa,resourceclaims"

    async def only(*names: str) -> bool:
        found = await kubectl("get", f"{kinds},serviceaccounts", "-l", "espalier.dev/system=llama", "-o", "name")
        return found.split() == list(names)

    await eventually(lambda: only("serviceaccount/llama"), SETTLED_S)
    await status(kubectl, "pcs/llama", replicas=0, availableReplicas=0)
    await kubectl("delete", "pcs/llama", f"--timeout={SETTLED_S}s")
    await eventually(only, SETTLED_S)


async def test_names_of_more_than_45_letters(racks: Api, kubectl: Kubectl) -> None:
    long = "a-name-of-thirty-one-characters"
    manifest = declared(name="llama")
    template = manifest["spec"]["template"]
    template["cliques"] = [clique(f"worker-{long}", 1), clique(f"leader-{long}", 1)]
    template["podCliqueScalingGroups"] = [
        {"name": f"group-{long}", "cliqueNames": [each["name"] for each in template["cliques"]]}
    ]
    await apply(kubectl, manifest)

    async def two() -> bool:
        return sum(map(is_ready, await pods(racks))) == 2

    await eventually(two, SETTLED_S)
    for pod in await pods(racks):
        assert len(pod["spec"]["hostname"]) <= 63
        assert json.loads(await kubectl("get", f"pclq/{pod['metadata']['labels']['grove.io/podclique']}", "-o", "json"))


async def test_a_name_that_ends_another_is_not_taken_for_it(racks: Api, kubectl: Kubectl) -> None:
    """`worker` starts after `prefill-worker`, and `ab` after `a`: Grove tells them apart by the ends and beginnings of names."""
    manifest = declared()
    cliques = [
        clique("worker", 1, startsAfter=["prefill-worker"]),
        clique("prefill-worker", 1),
        clique("ab", 1, startsAfter=["a"]),
    ]
    cliques += [clique("a", 1)]
    for each in cliques:
        each["annotations"] = {"sim.espalier.dev/ready-after": "2s"}
    manifest["spec"]["template"] = {"cliqueStartupType": "CliqueStartupTypeExplicit", "cliques": cliques}
    await apply(kubectl, manifest)
    found = await ready(racks, **{"0_worker": 1, "0_prefill-worker": 1, "0_ab": 1, "0_a": 1})
    at = {pod["metadata"]["labels"]["app"]: since(pod) for pod in found}
    assert at["worker"] > at["prefill-worker"]
    assert at["ab"] > at["a"]


def since(pod: Json) -> datetime:
    """When it became Ready."""
    (when,) = (each["lastTransitionTime"] for each in pod["status"]["conditions"] if each["type"] == "Ready")
    return datetime.fromisoformat(when)
