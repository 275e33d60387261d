"""A PodCliqueSet as users of Grove run it: kubectl alone, on a real API server."""

import json
from pathlib import Path

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.running import AGENT, Espalier
from tests.workers.grove_set import BASE, GROUP, ROUTER, WORKER, apply, clique, declared, pods, ready, status, written
from tests.workers.living import SETTLED_S
from tests.workers.tenancy import is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


async def test_a_set_lives_by_kubectl_alone(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    await ready(racks, **BASE)
    await status(kubectl, "pcs/llama", replicas=1, availableReplicas=1, updatedReplicas=1)
    await status(kubectl, GROUP, replicas=2, availableReplicas=2, scheduledReplicas=2)
    await status(kubectl, WORKER, replicas=2, readyReplicas=2, scheduledReplicas=2, scheduleGatedReplicas=0)
    shown = await kubectl("get", "pcs,pclq,pcsg,podgang")
    assert all(name in shown for name in ("llama-0-router", "llama-0-decode-1-worker", "llama-0-decode-0")), shown
    await kubectl("wait", "pcs/llama", "--for=condition=TopologyLevelsUnavailable=false", "--timeout=30s")
    await kubectl("scale", GROUP, "--replicas=3")
    grown = {**BASE, "0_decode_2_leader": 1, "0_decode_2_worker": 2}
    await ready(racks, **grown)
    await kubectl("scale", WORKER, "--replicas=3")
    grown["0_decode_1_worker"] = 3
    await ready(racks, **grown)
    await kubectl("scale", "pcs/llama", "--replicas=2")
    await ready(racks, **grown, **{name.replace("0_", "1_", 1): count for name, count in BASE.items()})
    await kubectl("scale", "pcs/llama", "--replicas=1")
    await ready(racks, **grown)
    await kubectl("scale", GROUP, "--replicas=1")
    await ready(racks, **{"0_router": 1, "0_decode_0_leader": 1, "0_decode_0_worker": 2})
    await kubectl("delete", "pcs/llama", "--timeout=60s")
    assert await pods(racks) == []


async def test_what_was_scaled_outlives_an_edit_of_the_templates_counts_and_new_replicas_follow_it(
    racks: Api, kubectl: Kubectl
) -> None:
    await apply(kubectl, declared())
    await ready(racks, **BASE)
    await kubectl("scale", ROUTER, "--replicas=3")
    await ready(racks, **{**BASE, "0_router": 3})
    await apply(kubectl, declared(router=2, group={"replicas": 1}))
    await kubectl("scale", "pcs/llama", "--replicas=2")
    new = {"1_router": 2, "1_decode_0_leader": 1, "1_decode_0_worker": 2}
    await ready(racks, **{**BASE, "0_router": 3}, **new)


async def test_a_count_that_is_raised_keeps_the_minimum_and_holds_up_no_image(racks: Api, kubectl: Kubectl) -> None:
    """As of Grove's sample simple1, whose cliques leave minAvailable out."""

    def said(replicas: int, image: str) -> Json:
        made = declared()
        made["spec"]["template"]["cliques"][0] = clique("router", replicas)
        made["spec"]["template"]["cliques"][0]["spec"]["podSpec"]["containers"][0]["image"] = image
        return made

    await apply(kubectl, said(3, "server:1"))
    await ready(racks, **{**BASE, "0_router": 3})
    await apply(kubectl, said(4, "server:2"))

    async def renewed() -> bool:
        found = [each for each in await pods(racks) if each["metadata"]["labels"]["grove.io/podclique"] == "llama-0-router"]
        return [each["spec"]["containers"][0]["image"] for each in found if is_ready(each)] == ["server:2"] * 3

    await eventually(renewed, SETTLED_S)
    assert await kubectl("get", ROUTER, "-o", "jsonpath={.spec.minAvailable}") == "3"
    assert await kubectl("get", "pcs/llama", "-o", "jsonpath={.spec.template.cliques[0].spec.minAvailable}") == "3"
    await kubectl("wait", "pcs/llama", "--for=condition=Accepted=true", "--timeout=30s")
    assert "minAvailable" in await apply(kubectl, said(2, "server:2"), code=1)
    await kubectl("scale", ROUTER, "--replicas=4")
    await ready(racks, **{**BASE, "0_router": 4})


async def test_pods_have_the_words_of_grove(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    found = {pod["spec"]["hostname"]: pod for pod in await ready(racks, **BASE)}
    pod = found["llama-0-decode-1-worker-1"]
    labels, (container,) = pod["metadata"]["labels"], pod["spec"]["containers"]
    assert (
        labels.items()
        >= {
            "app": "worker",
            "app.kubernetes.io/managed-by": "grove-operator",
            "grove.io/podclique": "llama-0-decode-1-worker",
            "grove.io/podclique-pod-index": "1",
            "grove.io/podgang": "llama-0-decode-0",
            "grove.io/base-podgang": "llama-0",
            "grove.io/podcliqueset-replica-index": "0",
            "grove.io/podcliquescalinggroup": "llama-0-decode",
            "grove.io/podcliquescalinggroup-replica-index": "1",
        }.items()
    )
    assert {each["name"]: each["value"] for each in container["env"]} == {
        "GROVE_PCS_NAME": "llama", "GROVE_PCS_INDEX": "0", "GROVE_PCLQ_NAME": "llama-0-decode-1-worker",
        "GROVE_HEADLESS_SERVICE": "llama-0.default.svc.cluster.local", "GROVE_PCLQ_POD_INDEX": "1",
        "GROVE_PCSG_NAME": "llama-0-decode", "GROVE_PCSG_INDEX": "1", "GROVE_PCSG_TEMPLATE_NUM_PODS": "3",
        "GROVE_PCSG_POD_INDEX": "2", "ESPALIER_REVISION": pod["metadata"]["labels"]["espalier.dev/revision"],
    }  # fmt: skip
    assert (pod["spec"]["subdomain"], pod["spec"]["schedulerName"]) == ("llama-0", "default-scheduler")
    assert pod["metadata"]["annotations"]["espalier.dev/asked-scheduler"] == "kai-scheduler"
    router = found["llama-0-router-0"]
    assert "grove.io/base-podgang" not in router["metadata"]["labels"]
    assert [each["value"] for each in router["spec"]["containers"][0]["env"] if each["name"] == "GROVE_PCS_NAME"] == ["llama"]
    service = json.loads(await kubectl("get", "service/llama-0", "-o", "json"))
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    hash_of = "grove.io/pod-template-hash"
    names = {"app.kubernetes.io/name": "llama-0-decode-1-worker", "app.kubernetes.io/component": "pcsg-podclique"}
    clique_labels = json.loads(await kubectl("get", WORKER, "-o", "json"))["metadata"]["labels"]
    assert pod["metadata"]["labels"].items() >= {**names, hash_of: clique_labels[hash_of]}.items()
    assert clique_labels.items() >= names.items()
    labels = service["metadata"]["labels"]
    assert (labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]) == ("llama-0", "pcs-headless-service")


async def test_what_can_not_be_is_refused_and_changes_nothing(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)}
    other = declared()
    other["spec"]["template"]["cliques"][0]["name"] = "gateway"
    assert "not allowed to change clique composition" in await apply(kubectl, other, code=1)
    fewer = declared()
    fewer["spec"]["template"]["cliques"][2]["spec"]["minAvailable"] = 3
    assert "minAvailable must not be greater than replicas" in await apply(kubectl, fewer, code=1)
    unknown = declared()
    unknown["spec"]["template"]["cliques"][0]["spec"]["minAvalable"] = 1
    assert 'unknown field "spec.template.cliques[0].spec.minAvalable"' in await apply(kubectl, unknown, code=1)
    await kubectl("scale", ROUTER, "--replicas=0")
    await kubectl("wait", ROUTER, "--for=condition=Accepted=false", "--timeout=30s")
    assert "minAvailable is 1" in await kubectl("get", ROUTER, "-o", "jsonpath={.status.conditions}")
    assert {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)} == before


async def test_an_annotation_holds_an_update_and_lets_it_go_on(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)}
    await kubectl("annotate", "pcs/llama", "espalier.dev/rollout={paused: true}")
    newer = declared()
    newer["spec"]["template"]["cliques"][0]["spec"]["podSpec"]["containers"][0]["image"] = "server:2"
    await apply(kubectl, newer)
    await kubectl("wait", "pcs/llama", "--for=condition=UpdateInProgress", "--timeout=60s")

    async def paused() -> bool:
        return "the rollout is paused" in await kubectl("get", "pcs/llama", "-o", "jsonpath={.status.conditions}")

    await eventually(paused, SETTLED_S)
    assert {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)} == before
    await kubectl("annotate", "--overwrite", "pcs/llama", "espalier.dev/rollout={pausd: true}")
    await kubectl("wait", "pcs/llama", "--for=condition=Accepted=false", "--timeout=30s")
    assert "did you mean 'paused'?" in await kubectl("get", "pcs/llama", "-o", "jsonpath={.status.conditions}")
    await kubectl("annotate", "pcs/llama", "espalier.dev/rollout-")
    await kubectl("wait", "pcs/llama", "--for=condition=UpdateInProgress=false", "--timeout=60s")
    found = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)}
    assert len(before & found) == len(before) - 1


async def test_what_the_document_says_is_typed_and_works(racks: Api, kubectl: Kubectl, tmp_path: Path) -> None:
    file = tmp_path / "podcliqueset.yaml"
    file.write_text(yaml.safe_dump(declared()))
    after = {"apply": BASE, "scale": {**BASE, "0_decode_2_leader": 1, "0_decode_2_worker": 2}}
    commands = [words[1:] for words in written("Coming from Grove") if words[0] == "kubectl"]
    assert [words[0] for words in commands] == ["apply", "get", "scale", "delete"]
    for words in commands:
        if words[0] == "scale":
            await kubectl("wait", "--for=create", words[1], "--timeout=60s")
        await kubectl(*[str(file) if word == file.name else word for word in words])
        if words[0] in after:
            await ready(racks, **after[words[0]])
    assert await pods(racks) == []


async def test_a_client_that_writes_the_whole_object_restarts_nothing_and_nothing_is_left_of_it(
    racks: Api, kubectl: Kubectl
) -> None:
    """As controllers do that know no patches: what Espalier noted in the object is gone, its finalizer with it."""
    await apply(kubectl, declared())
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)}
    await status(kubectl, ROUTER, readyReplicas=1)
    whole = declared()
    await kubectl("replace", "-f", "-", given=yaml.safe_dump(whole))
    await kubectl("scale", ROUTER, "--replicas=2")
    assert before < {pod["metadata"]["uid"] for pod in await ready(racks, **{**BASE, "0_router": 2})}
    whole["spec"]["template"]["terminationDelay"] = "30m"
    await kubectl("replace", "-f", "-", given=yaml.safe_dump(whole))
    await status(kubectl, "pcs/llama", observedGeneration=2, availableReplicas=1)
    await kubectl("replace", "-f", "-", given=yaml.safe_dump(whole))
    await kubectl("delete", "pcs/llama", "--timeout=60s")
    kinds = "pods,services,podcliques,podcliquescalinggroups,podgangs,placements,controllerrevisions"

    async def nothing() -> bool:
        return not await kubectl("get", kinds, "-l", "espalier.dev/system=llama", "-o", "name")

    await eventually(nothing, SETTLED_S)


async def test_a_name_belongs_to_one_kind(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    await ready(racks, **BASE)
    container = {"name": "main", "image": "server:1"}
    member = {"role": "server", "template": {"spec": {"containers": [container]}}}
    system = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}}
    await apply(kubectl, {**system, "spec": {"members": [member]}})
    await kubectl("wait", "isys/llama", "--for=condition=Accepted=false", "--timeout=30s")
    assert "runs under this name already" in await kubectl("get", "isys/llama", "-o", "jsonpath={.status}")
    await kubectl("delete", "isys/llama", "--timeout=60s")
    await ready(racks, **BASE)


async def test_edits_made_while_nobody_is_there_are_taken_when_somebody_is(racks: Api, kubectl: Kubectl, house: Espalier) -> None:
    await apply(kubectl, declared())
    await status(kubectl, GROUP, availableReplicas=2)
    await status(kubectl, ROUTER, readyReplicas=1)
    house.process(AGENT).kill()
    await kubectl("scale", GROUP, "--replicas=1")
    await kubectl("scale", ROUTER, "--replicas=2")
    house.process(AGENT).start()
    await ready(racks, **{"0_router": 2, "0_decode_0_leader": 1, "0_decode_0_worker": 2})
    await status(kubectl, ROUTER, observedGeneration=2, readyReplicas=2)  # nobody has written over it
