"""A set as Grove leaves it is taken over: nothing is restarted, nothing renamed; then it scales and goes like any other."""

import json

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_left import ACCESS, FINALIZERS, KINDS, RUNNING, Grove
from tests.workers.grove_set import GROUP, apply, pods, ready, status, written
from tests.workers.living import SETTLED_S, Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
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


async def children(kubectl: Kubectl) -> dict[str, Json]:
    """Every object that Grove makes for a set, by kind and name: its metadata."""
    found = json.loads(await kubectl("get", KINDS, "-l", "app.kubernetes.io/part-of=llama", "-o", "json"))["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"] for each in found}


async def uids(kubectl: Kubectl) -> set[tuple[str, str]]:
    """Which object is which."""
    return {(name, metadata["uid"]) for name, metadata in (await children(kubectl)).items()}


async def test_what_grove_ran_goes_on(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await Grove(racks, kubectl).leave()
    made = await uids(kubectl)
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
    assert made <= await uids(kubectl), "nothing was made anew, or under another name"
    await kubectl("scale", GROUP, "--replicas=3")
    await ready(racks, **RUNNING, **{"0_decode_2_leader": 1, "0_decode_2_worker": 2})
    await kubectl("scale", GROUP, "--replicas=1")
    left = await ready(racks, **{name: count for name, count in RUNNING.items() if "decode_1" not in name})
    assert {pod["metadata"]["uid"] for pod in left} < set(before.values())
    await kubectl("get", *ACCESS)
    await kubectl("delete", "pcs/llama", "--timeout=60s")
    assert await pods(racks) == []
    await eventually(lambda: nothing_of_it(kubectl), SETTLED_S)


async def nothing_of_it(kubectl: Kubectl) -> bool:
    """No object of any kind is left."""
    return not await children(kubectl)


async def test_pods_that_grove_still_holds_are_made_anew_and_the_others_go_on(
    racks: Api, kubectl: Kubectl, espalier: Command
) -> None:
    await Grove(racks, kubectl).leave(held=True)
    before = {pod["metadata"]["uid"] for pod in await pods(racks) if pod["spec"].get("nodeName")}
    assert len(before) == 9
    assert "9 pods go on, 1 without a node are made anew" in await espalier("adopt", "llama")
    assert before < {pod["metadata"]["uid"] for pod in await ready(racks, **{**RUNNING, "0_router": 3})}
    await status(kubectl, "pclq/llama-0-router", replicas=3, readyReplicas=3)


async def test_what_was_taken_over_goes_back_and_no_pod_is_restarted(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await Grove(racks, kubectl).leave()
    made = await uids(kubectl)
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
    left = await children(kubectl)
    assert made <= {(name, metadata["uid"]) for name, metadata in left.items()}
    assert not [
        name for name, metadata in left.items() if "espalier" in str(metadata.get("labels")) + str(metadata.get("annotations"))
    ]
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
