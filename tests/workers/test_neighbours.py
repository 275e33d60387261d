"""What else lives in a cluster: drains, quotas, limits, policies, webhooks, volumes, other schedulers' wishes. All of it real."""

import asyncio

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes
from tests.running import AGENT, Espalier
from tests.workers.living import SETTLED_S, SPACE
from tests.workers.tenancy import SYSTEM, declared, places, ready, says
from workers.simulated.fleets import node

PODS_MADE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
HERE = {"matchLabels": {"kubernetes.io/metadata.name": SPACE}}
"""What admission rules of these tests are about."""

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]


async def test_a_drain_ends_with_every_pod_elsewhere_and_never_takes_two(tenant: Kubectl) -> None:
    await tenant("apply", "-f", "-", given=declared(3, cpu="1"))
    await ready(tenant, 3)
    (host,) = set(await places(tenant))
    least = [3]

    async def watch() -> None:
        while True:
            least.append(len(await places(tenant)))

    watching = asyncio.create_task(watch())
    await tenant("drain", host, "--timeout=60s")
    watching.cancel()
    await ready(tenant, 3)
    assert host not in await places(tenant)
    assert min(least) >= 2


async def test_a_quota_is_told_and_room_in_it_is_used(tenant: Kubectl) -> None:
    await tenant("create", "quota", "small", "--hard=pods=2")
    await tenant("apply", "-f", "-", given=declared(3))
    await says(tenant, "exceeded quota", "Raise the namespace's ResourceQuota")
    await tenant("patch", "quota", "small", "-p", '{"spec": {"hard": {"pods": "3"}}}')
    await ready(tenant, 3)


async def test_pod_security_is_told(tenant: Kubectl) -> None:
    await tenant("label", "namespace", SPACE, "pod-security.kubernetes.io/enforce=restricted")
    await tenant("apply", "-f", "-", given=declared(1))
    await says(tenant, "violates PodSecurity", "the namespace's label")
    await tenant("label", "namespace", SPACE, "pod-security.kubernetes.io/enforce-")
    await ready(tenant, 1)


async def test_what_a_limit_range_adds_counts(tenant: Kubectl) -> None:
    limits = {"limits": [{"type": "Container", "defaultRequest": {"cpu": "2"}, "default": {"cpu": "2"}}]}
    made = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "defaults"}, "spec": limits}
    await tenant("apply", "-f", "-", given=yaml.safe_dump(made))
    await tenant("apply", "-f", "-", given=declared(6))
    await ready(tenant, 6)
    found = await places(tenant)
    assert max(found.count(each) for each in found) == 2


async def test_a_policy_that_refuses_pods_is_told(tenant: Kubectl) -> None:
    checks = [{"expression": "'team' in object.metadata.labels", "message": "pods need a team"}]
    policy = {"matchConstraints": {"resourceRules": [PODS_MADE]}, "validations": checks}
    only = {"namespaceSelector": HERE}
    binding = {"policyName": "strict", "validationActions": ["Deny"], "matchResources": only}
    api = "admissionregistration.k8s.io/v1"
    named = {"apiVersion": api, "metadata": {"name": "strict"}}
    made = [
        named | {"kind": "ValidatingAdmissionPolicy", "spec": policy},
        named | {"kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]
    await tenant("apply", "-f", "-", given=yaml.safe_dump_all(made))
    try:
        await asyncio.sleep(2)  # the API server takes a moment to heed it
        await tenant("apply", "-f", "-", given=declared(1))
        await says(tenant, "pods need a team")
    finally:
        await tenant("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "strict")
    await ready(tenant, 1)


async def test_a_webhook_that_does_not_answer_is_told_and_waited_for(tenant: Kubectl) -> None:
    hook = {
        "name": "down.example.com", "clientConfig": {"url": "https://127.0.0.1:9/"}, "rules": [PODS_MADE], "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
        "namespaceSelector": HERE,
    }  # fmt: skip
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    await tenant("apply", "-f", "-", given=yaml.safe_dump(kind | {"metadata": {"name": "down"}, "webhooks": [hook]}))
    try:
        await asyncio.sleep(2)
        await tenant("apply", "-f", "-", given=declared(1))
        await says(tenant, "down.example.com")
    finally:
        await tenant("delete", "validatingwebhookconfiguration", "down")
    await ready(tenant, 1)


async def test_pods_that_must_be_apart_are_placed_apart(tenant: Kubectl) -> None:
    term = {"labelSelector": {"matchLabels": {"espalier.dev/system": "llama"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    await tenant("apply", "-f", "-", given=declared(3, cpu="1", pod=apart))
    await ready(tenant, 3)
    assert len(set(await places(tenant))) == 3


async def test_a_volume_that_is_elsewhere_is_followed(tenant: Kubectl) -> None:
    await tenant("apply", "-f", "-", given=yaml.safe_dump_all(volume_on("host-2")))
    await tenant("patch", "pvc", "weights", "--subresource=status", "-p", '{"status": {"phase": "Bound"}}')
    mounted = {"volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}]}
    await tenant("apply", "-f", "-", given=declared(2, cpu="1", pod=mounted))
    await ready(tenant, 2)
    assert set(await places(tenant)) == {"host-2"}
    await tenant("delete", SYSTEM, "--timeout=60s")
    await tenant("delete", "pvc,pv", "--all", "--wait=false")


def volume_on(host: str) -> list[Json]:
    """A volume that only one host can mount, and a claim that has it."""
    where = {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}
    size, name = {"storage": "1Gi"}, {"name": "weights", "namespace": SPACE}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    there = {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}}
    volume = {"capacity": size, "nodeAffinity": there, "local": {"path": "/weights"}, "claimRef": name, **shared}
    claim = {"resources": {"requests": size}, "volumeName": "weights", **shared}
    bound = {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "weights"}, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": name | bound, "spec": claim},
    ]


async def test_a_higher_priority_takes_room_and_what_it_took_from_waits_and_comes_back(tenant: Kubectl) -> None:
    await tenant("create", "priorityclass", "urgent", "--value=1000")
    await tenant("apply", "-f", "-", given=declared(4, cpu="4"))
    await ready(tenant, 4)
    intruder = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"},
        "spec": {
            "priorityClassName": "urgent", "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "other", "resources": {"requests": {"cpu": "3"}}}],
        },
    }  # fmt: skip
    try:
        await tenant("apply", "-f", "-", given=yaml.safe_dump(intruder))
        await tenant("wait", "pod/intruder", "--for=condition=Ready", "--timeout=30s")
        await says(tenant, "Waiting")
        await tenant("delete", "pod", "intruder")
        await ready(tenant, 4)
    finally:
        await tenant("delete", "priorityclass", "urgent")


async def test_a_namespace_that_is_deleted_takes_its_systems_along(tenant: Kubectl, empty: Api) -> None:
    await tenant("apply", "-f", "-", given=declared(3, cpu="1"))
    await ready(tenant, 3)
    await tenant("delete", "namespace", SPACE, "--timeout=90s")
    assert await empty.items("/api/v1/pods") == []


async def test_what_waits_asks_a_node_autoscaler(tenant: Kubectl, empty: Api, house: Espalier) -> None:
    group, plural = "autoscaling.x-k8s.io", "provisioningrequests"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "ProvisioningRequest", "plural": plural, "singular": "provisioningrequest"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    await tenant("apply", "-f", "-", given=yaml.safe_dump(kind | {"metadata": {"name": f"{plural}.{group}"}, "spec": spec}))
    await tenant("wait", f"crd/{plural}.{group}", "--for=condition=Established")
    try:
        house.process(AGENT).restart()  # else it would look for this API in some minutes
        await tenant("apply", "-f", "-", given=declared(5, cpu="4"))
        await says(tenant, "InsufficientCapacity")
        await until(tenant, plural, "5")
        await apply_nodes(empty, [node("host-9", {}, {"cpu": "4", "memory": "8Gi", "pods": "20"})])
        await ready(tenant, 5)
        await until(tenant, plural, "")
    finally:
        await tenant("delete", "crd", f"{plural}.{group}")


async def until(kubectl: Kubectl, plural: str, counts: str) -> None:
    """So many pods are asked for."""

    async def so() -> bool:
        return await kubectl("get", plural, "-o", "jsonpath={.items[*].spec.podSets[*].count}") == counts

    await eventually(so, SETTLED_S)


async def test_devices_that_are_claimed_count_and_what_is_not_understood_is_refused(tenant: Kubectl) -> None:
    await tenant("apply", "-f", "-", given=yaml.safe_dump_all([*two_devices_on("host-1"), *two_devices_on("host-3"), *claims()]))
    try:
        await tenant("apply", "-f", "-", given=declared(4, pod=claiming("one")))
        await ready(tenant, 4)
        assert await places(tenant) == ["host-1", "host-1", "host-3", "host-3"]
        await tenant("scale", "ism/llama.server", "--replicas=5")
        await says(tenant, "InsufficientCapacity", "devices/gpu.example.com")
        await tenant("delete", SYSTEM, "--timeout=60s")
        await tenant("apply", "-f", "-", given=declared(1, pod=claiming("all")))
        await says(tenant, "ClaimNotUnderstood", "ask for deviceClassName and count alone")
        await tenant("delete", SYSTEM, "--timeout=60s")
    finally:
        await tenant("delete", "deviceclass,resourceslice", "--all")


def two_devices_on(host: str) -> list[Json]:
    """As a driver would say it."""
    pool = {"name": host, "generation": 1, "resourceSliceCount": 1}
    there = {"driver": "gpu.example.com", "nodeName": host, "pool": pool, "devices": [{"name": "gpu-0"}, {"name": "gpu-1"}]}
    return [{"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": host}, "spec": there}]


def claims() -> list[Json]:
    """A class; a claim that can be counted, and one that can't."""
    chosen = {"selectors": [{"cel": {"expression": "device.driver == 'gpu.example.com'"}}]}
    made: list[Json] = [
        {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu.example.com"}, "spec": chosen}
    ]
    for name, more in (("one", {"count": 1}), ("all", {"allocationMode": "All"})):
        exactly = {"deviceClassName": "gpu.example.com", **more}
        spec = {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}}}
        kind = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate"}
        made.append({**kind, "metadata": {"name": name, "namespace": SPACE}, "spec": spec})
    return made


def claiming(template: str) -> Json:
    """Part of a pod spec."""
    container = {"name": "main", "image": "server", "resources": {"claims": [{"name": "gpus"}]}}
    return {"containers": [container], "resourceClaims": [{"name": "gpus", "resourceClaimTemplateName": template}]}
