"""A set as Grove leaves it is taken over: nothing is restarted, nothing renamed; then it scales and goes like any other."""

import json
from typing import Any

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import GROUP, apply, clique, declared, pods, ready, status, written
from tests.workers.living import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
FINALIZERS = {"PodCliqueSet": "podcliqueset", "PodClique": "podclique", "PodCliqueScalingGroup": "podcliquescalinggroup"}
PARTS = {"app.kubernetes.io/managed-by": "grove-operator", "app.kubernetes.io/part-of": "llama"}
PATHS = {
    "PodClique": "podcliques", "PodCliqueScalingGroup": "podcliquescalinggroups", "Pod": "pods", "Service": "services",
    "ServiceAccount": "serviceaccounts", "PodGang": "podgangs",
}  # fmt: skip
CLIENT: Json = {"service": {"name": "grove-operator", "namespace": "grove-system", "path": "/webhooks/validate-podcliqueset"}}
RULE: Json = {
    "apiGroups": ["grove.io"], "apiVersions": ["v1alpha1"], "operations": ["CREATE", "UPDATE"], "resources": ["podcliquesets"],
}  # fmt: skip
WEBHOOK: Json = {
    "name": "pcs.validating.webhooks.grove.io", "clientConfig": CLIENT, "rules": [RULE], "failurePolicy": "Fail",
    "sideEffects": "None", "admissionReviewVersions": ["v1"],
}  # fmt: skip
ASKED: Json = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "webhooks": [WEBHOOK],
    "metadata": {"name": "podcliqueset-validating-webhook", "labels": {"release": "grove"}},
}  # fmt: skip
"""As Grove's chart installs it."""
LEVELS: Json = {
    "apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding",
    "metadata": {"name": "racks", "finalizers": ["grove.io/clustertopologybinding.grove.io"]},
    "spec": {"levels": [{"domain": "host", "key": "kubernetes.io/hostname"}]},
}  # fmt: skip
"""Its operator would let it go."""
RUNNING = {"0_router": 2, "0_decode_0_leader": 1, "0_decode_0_worker": 2, "0_decode_1_leader": 1, "0_decode_1_worker": 3}
"""A router and a worker more than the template says; of the routers, indexes 0 and 2."""


class Grove:
    """Leaves objects behind as its operator does."""

    def __init__(self, api: Api, kubectl: Kubectl) -> None:
        self.api, self.kubectl = api, kubectl
        self.uids: dict[str, str] = {}

    async def leave(self) -> None:
        manifest = declared()
        manifest["metadata"]["finalizers"] = ["grove.io/podcliqueset.grove.io"]
        await apply(self.kubectl, manifest)
        self.uids["llama"] = await self.kubectl("get", "pcs/llama", "-o", "jsonpath={.metadata.uid}")
        await self.made("PodCliqueScalingGroup", "llama-0-decode", "llama", {"replicas": 2, "cliqueNames": ["leader", "worker"]})
        for clique_name, count in RUNNING.items():
            await self.clique(f"llama-{clique_name.replace('_', '-')}", count)
        for gang in ("llama-0", "llama-0-decode-0"):
            await self.made("PodGang", gang, "llama", {"podgroups": []}, "scheduler.grove.io/v1alpha1")
        await self.made("Service", "llama-0", "llama", {"clusterIP": "None", "selector": PARTS}, "v1")

    async def clique(self, name: str, count: int) -> None:
        role = name.rpartition("-")[2]
        owner = "llama" if role == "router" else "llama-0-decode"
        spec = clique(role, count)["spec"]
        await self.made("PodClique", name, owner, {**spec, "minAvailable": 1})
        for index in (0, 2) if role == "router" else range(count):
            labels = {
                "grove.io/podclique": name,
                "grove.io/podclique-pod-index": str(index),
                "grove.io/podcliqueset-replica-index": "0",
            }
            pod = {**spec["podSpec"], "schedulerName": "default-scheduler", "hostname": f"{name}-{index}", "subdomain": "llama-0"}
            await self.made("Pod", f"{name}-{index}xyz", name, pod, "v1", labels)

    async def made(
        self, kind: str, name: str, owner: str, spec: Any, version: str = "grove.io/v1alpha1", labels: Json | None = None
    ) -> None:
        owners = {"llama": "PodCliqueSet", "llama-0-decode": "PodCliqueScalingGroup"}
        reference = {"apiVersion": "grove.io/v1alpha1", "kind": owners.get(owner, "PodClique"), "name": owner, "controller": True}
        metadata: Json = {
            "name": name,
            "labels": {**PARTS, **(labels or {})},
            "ownerReferences": [{**reference, "uid": self.uids[owner]}],
        }
        if kind in FINALIZERS:
            metadata["finalizers"] = [f"grove.io/{FINALIZERS[kind]}.grove.io"]
        group = "/api/v1" if version == "v1" else f"/apis/{version}"
        stored = await self.api.post(
            f"{group}/namespaces/default/{PATHS[kind]}", {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        )
        self.uids[name] = stored["metadata"]["uid"]


async def test_what_grove_ran_goes_on(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await Grove(racks, kubectl).leave()
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)}
    assert len(before) == 9
    assert "llama" not in await espalier("get"), "Grove still has it"
    assert "9 pods go on, 0 without a node" in await espalier("adopt", "llama")
    await kubectl("wait", "pcs/llama", "--for=condition=Ready", "--timeout=60s")
    await status(kubectl, "pcs/llama", availableReplicas=1, replicas=1)
    await status(kubectl, GROUP, replicas=2, availableReplicas=2)
    assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)} == before
    await eventually(lambda: finalizers(kubectl, {"espalier.dev/teardown"}))
    assert "Grove has no PodCliqueSets here" in await espalier("adopt")
    await kubectl("scale", GROUP, "--replicas=3")
    await ready(racks, **RUNNING, **{"0_decode_2_leader": 1, "0_decode_2_worker": 2})
    await kubectl("scale", GROUP, "--replicas=1")
    left = await ready(racks, **{name: count for name, count in RUNNING.items() if "decode_1" not in name})
    assert {pod["metadata"]["uid"] for pod in left} < set(before.values())
    await kubectl("delete", "pcs/llama", "--timeout=60s")
    assert await pods(racks) == []


async def test_what_was_taken_over_goes_back_and_no_pod_is_restarted(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await Grove(racks, kubectl).leave()
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)}
    await espalier("adopt", "llama")
    await kubectl("wait", "pcs/llama", "--for=condition=Ready", "--timeout=60s")
    await kubectl("scale", GROUP, "--replicas=3")
    grown = {**RUNNING, "0_decode_2_leader": 1, "0_decode_2_worker": 2}
    running = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in await ready(racks, **grown)}
    assert "12 pods go on" in await espalier("give-back", "llama")
    found = {pod["metadata"]["name"]: pod for pod in await ready(racks, **grown)}
    assert {name: pod["metadata"]["uid"] for name, pod in found.items()} == running
    assert before.items() < running.items()
    for pod in found.values():
        await as_groves(kubectl, pod)
    assert await finalizers(kubectl, {f"grove.io/{each}.grove.io" for each in FINALIZERS.values()})
    assert not await kubectl("get", "placements,poddisruptionbudgets,controllerrevisions", "-o", "name", "--ignore-not-found")
    assert "llama" not in await espalier("get")
    gone = next(name for name in found if "router" in name)
    await kubectl("delete", "pod", gone)
    assert "11 pods go on, 0 without a node" in await espalier("adopt", "llama"), "nobody has replaced it meanwhile"
    await ready(racks, **grown)


async def test_the_commands_of_the_document_lead_there_and_back(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    async def typed(heading: str) -> None:
        for program, *words in written(heading):
            here = ["default" if word == "serving" else word for word in words]  # where this test's set is
            await (kubectl if program == "kubectl" else espalier)(*here)

    operator = ("deployment", "grove-operator", "-n", "grove-system")
    await kubectl("create", "namespace", "grove-system")
    await kubectl("create", *operator, "--image=grove", "--replicas=1")
    await kubectl("label", *operator, "app.kubernetes.io/name=grove-operator")
    await Grove(racks, kubectl).leave()
    await apply(kubectl, LEVELS)
    await apply(kubectl, ASKED)
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)}
    await typed("Taking over")
    await kubectl("delete", "clustertopologybinding/racks", "--timeout=30s")
    await kubectl("wait", "pcs/llama", "--for=condition=Ready", "--timeout=60s")
    assert await kubectl("get", *operator, "-o", "jsonpath={.spec.replicas}") == "0"
    await typed("Going back")
    assert await kubectl("get", *operator, "-o", "jsonpath={.spec.replicas}") == "1"
    assert await finalizers(kubectl, {f"grove.io/{each}.grove.io" for each in FINALIZERS.values()})
    await typed("Taking over")
    assert {pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)} == before
    await kubectl("delete", "namespace", "grove-system", "--wait=false")


async def as_groves(kubectl: Kubectl, pod: Json) -> None:
    """It is its clique's, which is its group's or the set's, and nothing about it says Espalier."""
    assert not [key for field in ("labels", "annotations") for key in pod["metadata"].get(field, {}) if "espalier" in key]
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("PodClique", pod["metadata"]["labels"]["grove.io/podclique"])
    clique = json.loads(await kubectl("get", f"pclq/{owner['name']}", "-o", "json"))["metadata"]
    assert clique["uid"] == owner["uid"]
    wanted = ("PodCliqueSet", "llama") if "router" in owner["name"] else ("PodCliqueScalingGroup", "llama-0-decode")
    assert [(each["kind"], each["name"]) for each in clique["ownerReferences"]] == [wanted]


async def finalizers(kubectl: Kubectl, wanted: set[str]) -> bool:
    """Of all its objects."""
    found = json.loads(await kubectl("get", "pcs,pclq,pcsg", "-o", "json"))["items"]
    return {each for item in found for each in item["metadata"].get("finalizers", ())} == wanted


async def test_while_grove_runs_nothing_is_taken(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await kubectl("create", "deployment", "grove-operator", "--image=grove", "--replicas=0")
    await kubectl("label", "deployment", "grove-operator", "app.kubernetes.io/name=grove-operator")
    await kubectl("scale", "deployment", "grove-operator", "--replicas=1")
    said = await espalier("adopt", code=1)
    assert "Grove's operator runs" in said
    assert "kubectl scale deployment grove-operator" in said
    await kubectl("scale", "deployment", "grove-operator", "--replicas=0")
    await apply(kubectl, ASKED)
    said = await espalier("adopt", code=1)
    assert "nobody to answer" in said
    remedy = "kubectl delete validatingwebhookconfigurations/podcliqueset-validating-webhook"
    assert remedy in " ".join(said.split())
    await kubectl(*remedy.split()[1:])
    assert "no PodCliqueSet 'other'" in await espalier("adopt", "other", code=1)
    await kubectl("delete", "deployment", "grove-operator")
