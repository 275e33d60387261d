"""Claims that pods of a PodCliqueSet share, and ComputeDomains, on a real API server with its own scheduler."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import BASE, GROUP, apply, declared, pods, ready
from tests.workers.living import SETTLED_S

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
RESOURCE = "resource.k8s.io/v1"
FABRIC, LOCAL = "fabric.example.com", "nic.example.com"
DOMAIN_CRD: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "computedomains.resource.nvidia.com"},
    "spec": {
        "group": "resource.nvidia.com",
        "scope": "Namespaced",
        "names": {"kind": "ComputeDomain", "plural": "computedomains", "singular": "computedomain"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""As NVIDIA's driver installs it, but for what its schema says."""

BINDING: Json = {
    "apiVersion": "grove.io/v1alpha1",
    "kind": "ClusterTopologyBinding",
    "metadata": {"name": "f"},
    "spec": {"levels": [{"domain": "host", "key": "kubernetes.io/hostname"}]},
}


def device_class(driver: str) -> Json:
    selector = {"cel": {"expression": f"device.driver == '{driver}'"}}
    return {"apiVersion": RESOURCE, "kind": "DeviceClass", "metadata": {"name": driver}, "spec": {"selectors": [selector]}}


def device_slice(driver: str, count: int, **where: Any) -> Json:
    name = where.get("nodeName", "all")
    pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": driver, "pool": pool, **where, "devices": [{"name": f"d-{index}"} for index in range(count)]}
    return {"apiVersion": RESOURCE, "kind": "ResourceSlice", "metadata": {"name": f"{driver}-{name}"}, "spec": spec}


def template(name: str, driver: str) -> Json:
    requests = [{"name": "one", "exactly": {"deviceClassName": driver}}]
    return {"name": name, "templateSpec": {"spec": {"devices": {"requests": requests}}}}


def claim_template(name: str, driver: str) -> Json:
    spec = template(name, driver)["templateSpec"]
    return {"apiVersion": RESOURCE, "kind": "ResourceClaimTemplate", "metadata": {"name": name}, "spec": spec}


@pytest_asyncio.fixture
async def devices(racks: Api, kubectl: Kubectl) -> AsyncIterator[Kubectl]:
    """Channels of the network, which every node reaches, and two NICs in every node."""
    nodes = [each["metadata"]["name"] for each in await racks.items("/api/v1/nodes")]
    made = [device_class(FABRIC), device_class(LOCAL), device_slice(FABRIC, 16, allNodes=True)]
    made += [device_slice(LOCAL, 2, nodeName=node) for node in nodes]
    await apply(kubectl, {"apiVersion": "v1", "kind": "List", "items": made})
    yield kubectl
    await kubectl("delete", "podcliquesets", "--all", f"--timeout={SETTLED_S}s")
    await kubectl("delete", "deviceclasses,resourceslices,resourceclaimtemplates", "--all")
    await kubectl("delete", "crd", DOMAIN_CRD["metadata"]["name"], "--ignore-not-found")


async def claims(kubectl: Kubectl) -> dict[str, Json]:
    """Those of the set by name."""
    found = json.loads(await kubectl("get", "resourceclaims", "-l", "app.kubernetes.io/part-of=llama", "-o", "json"))
    return {each["metadata"]["name"]: each for each in found["items"]}


async def says(kubectl: Kubectl, words: str) -> None:
    """The set's conditions do, soon."""
    seen = ""

    async def so() -> bool:
        nonlocal seen
        seen = await kubectl("get", "pcs/llama", "-o", "jsonpath={.status.conditions}")
        return words in seen

    try:
        await eventually(so, SETTLED_S)
    except AssertionError as error:
        raise AssertionError(seen) from error


def of(pod: Json) -> tuple[set[str], set[str]]:
    """The claims that a pod names, and those that its containers do."""
    named = {each["resourceClaimName"] for each in pod["spec"].get("resourceClaims", ())}
    return named, {each["name"] for each in pod["spec"]["containers"][0]["resources"].get("claims", ())}


async def test_pods_share_claims_at_every_level_and_none_outlives_who_had_it(racks: Api, devices: Kubectl) -> None:
    await apply(devices, claim_template("outside", FABRIC))
    manifest = declared(group={"resourceSharing": [{"name": "outside", "scope": "PerReplica"}]})
    whole = {"name": "channel", "scope": "AllReplicas", "filter": {"childScalingGroupNames": ["decode"]}}
    manifest["spec"]["template"] |= {"resourceClaimTemplates": [template("channel", FABRIC)], "resourceSharing": [whole]}
    manifest["spec"]["template"]["cliques"][0]["resourceSharing"] = [{"name": "channel", "scope": "PerReplica"}]
    await apply(devices, manifest)
    found = {pod["spec"]["hostname"]: of(pod) for pod in await ready(racks, **BASE)}
    everywhere, first, second = "llama-all-channel", "llama-0-decode-0-outside", "llama-0-decode-1-outside"
    assert found["llama-0-router-0"] == ({"llama-0-router-0-channel"}, {"llama-0-router-0-channel"})
    assert found["llama-0-decode-0-leader-0"] == ({everywhere, first}, {everywhere, first})
    assert found["llama-0-decode-1-worker-1"] == ({everywhere, second}, {everywhere, second})
    there = await claims(devices)
    assert there.keys() == {everywhere, first, second, "llama-0-router-0-channel"}
    assert len(there[everywhere]["status"]["reservedFor"]) == 6, "the scheduler has given one device to all that share it"
    labels = there[second]["metadata"]["labels"]
    assert (labels["app.kubernetes.io/component"], labels["app.kubernetes.io/name"]) == ("resource-claim", second)
    assert labels["grove.io/podcliquescalinggroup-replica-index"] == "1"
    await devices("scale", GROUP, "--replicas=1")

    async def gone() -> bool:
        return second not in await claims(devices)

    await eventually(gone, SETTLED_S)
    await devices("scale", "pcs/llama", "--replicas=0")

    async def none() -> bool:
        return await claims(devices) == {}

    await eventually(none, SETTLED_S)
    await devices("scale", "pcs/llama", "--replicas=1")
    await devices("wait", "--for=create", f"resourceclaim/{first}", f"--timeout={SETTLED_S}s")
    await devices("delete", "pcs/llama", f"--timeout={SETTLED_S}s")
    assert await none()


async def test_devices_of_nodes_are_shared_on_one_host_or_not_at_all(racks: Api, devices: Kubectl) -> None:
    manifest = declared()
    part = manifest["spec"]["template"]
    part["resourceClaimTemplates"] = [template("nic", LOCAL)]
    part["cliques"][2]["resourceSharing"] = [{"name": "nic", "scope": "AllReplicas"}]
    await apply(devices, manifest)

    await says(devices, "pack: {required: host}")
    assert not [pod for pod in await pods(racks) if pod["spec"].get("nodeName")]
    await devices("delete", "pcs/llama", f"--timeout={SETTLED_S}s")
    await apply(devices, BINDING)
    part["cliques"][2]["spec"]["minAvailable"] = 2
    part["cliques"][2]["topologyConstraint"] = {"topologyName": "f", "pack": {"required": "host"}}
    await apply(devices, manifest)
    found = await ready(racks, **BASE)
    nodes = Counter((pod["metadata"]["labels"]["grove.io/podclique"], pod["spec"]["nodeName"]) for pod in found)
    assert sorted(count for (clique, _), count in nodes.items() if clique.endswith("worker")) == [2, 2]
    await devices("delete", "clustertopologybinding/f")


async def test_a_compute_domain_for_each_replica_and_pods_wait_for_its_driver(racks: Api, devices: Kubectl) -> None:
    manifest = declared(group={"annotations": {"grove.io/mnnvl-group": "nvl"}})
    await apply(devices, manifest)

    await says(devices, "ComputeDomain llama-0-nvl")
    assert not [pod for pod in await pods(racks) if pod["spec"].get("nodeName")]
    await apply(devices, DOMAIN_CRD)
    await devices("wait", "--for=create", "computedomain/llama-0-nvl", f"--timeout={SETTLED_S}s")
    made = json.loads(await devices("get", "computedomain/llama-0-nvl", "-o", "json"))
    assert made["spec"] == {"numNodes": 0, "channel": {"resourceClaimTemplate": {"name": "llama-0-nvl"}}}
    assert made["metadata"]["labels"]["grove.io/mnnvl-group"] == "nvl"
    await says(devices, "NVIDIA's DRA driver has not made ResourceClaimTemplate llama-0-nvl")
    await apply(devices, claim_template("llama-0-nvl", FABRIC))  # as the driver does
    found = await ready(racks, **BASE)
    claimed = {pod["spec"]["hostname"]: pod["spec"]["resourceClaims"] for pod in found if pod["spec"].get("resourceClaims")}
    wanted = [{"name": "mnnvl-claim", "resourceClaimTemplateName": "llama-0-nvl"}]
    assert claimed == {pod["spec"]["hostname"]: wanted for pod in found if "decode" in pod["spec"]["hostname"]}
    await devices("scale", "pcs/llama", "--replicas=0")

    async def no_domain() -> bool:
        return not await devices("get", "computedomains", "-o", "name")

    await eventually(no_domain, SETTLED_S)  # Grove leaves them behind
    await devices("scale", "pcs/llama", "--replicas=1")
    await devices("wait", "--for=create", "computedomain/llama-0-nvl", f"--timeout={SETTLED_S}s")
    await devices("delete", "pcs/llama", f"--timeout={SETTLED_S}s")
    assert await no_domain()
