"""What is made for a PodCliqueSet is kept: what somebody deletes or edits is as it was a moment later, and no pod is touched."""

import json
from typing import Any

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import BASE, GROUP, ROUTER, WORKER, apply, declared, ready, status
from tests.workers.living import SETTLED_S

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
GANG, AUTOSCALER, SERVICE = "podgang/llama-0", "hpa/llama-0-router", "service/llama-0"
CHILDREN = (ROUTER, WORKER, GROUP, GANG, "podgang/llama-0-decode-0", AUTOSCALER, SERVICE)
OURS: Json = {"controller": True, "kind": "PodCliqueSet", "name": "llama"}
#         of what                    edited to
EDITED: dict[str, Json] = {
    ROUTER:     {"spec": {"minAvailable": 2, "podSpec": {"terminationGracePeriodSeconds": 7}}},
    GROUP:      {"spec": {"minAvailable": 2, "cliqueNames": ["leader"]}},
    GANG:       {"spec": {"podgroups": []}},
    AUTOSCALER: {"spec": {"maxReplicas": 9}},
    SERVICE:    {"spec": {"publishNotReadyAddresses": False}},
}  # fmt: skip


async def spec_of(kubectl: Kubectl, name: str) -> Json:
    """As it is stored."""
    found: Json = json.loads(await kubectl("get", name, "-o", "json"))
    return found


async def set_up(racks: Api, kubectl: Kubectl) -> set[str]:
    """A set at rest whose router has an autoscaler; UIDs of its pods."""
    manifest = declared(router=2)
    cliques: list[dict[str, Any]] = manifest["spec"]["template"]["cliques"]
    cliques[0]["spec"]["autoScalingConfig"] = {"maxReplicas": 3}
    await apply(kubectl, manifest)
    found = await ready(racks, **{**BASE, "0_router": 2})
    for name in CHILDREN:
        await kubectl("wait", "--for=create", name, f"--timeout={SETTLED_S}s")
    await status(kubectl, ROUTER, readyReplicas=2)
    return {pod["metadata"]["uid"] for pod in found}


async def test_what_is_deleted_comes_back_with_its_counts(racks: Api, kubectl: Kubectl) -> None:
    before = await set_up(racks, kubectl)
    pods = {**BASE, "0_router": 2}
    await kubectl("scale", GROUP, "--replicas=1")
    await ready(racks, **{name: count for name, count in pods.items() if "decode_1" not in name})
    await kubectl("scale", GROUP, "--replicas=2")
    kept = {pod["metadata"]["uid"] for pod in await ready(racks, **pods)}
    old = {name: await spec_of(kubectl, name) for name in CHILDREN}
    await kubectl("delete", *CHILDREN, "--wait=false")
    for name, found in old.items():

        async def back(name: str = name, found: Json = found) -> bool:
            said = await kubectl("get", name, "-o", "json", "--ignore-not-found")
            new: Json = json.loads(said) if said else {}
            return bool(new) and bool(new["metadata"]["uid"] != found["metadata"]["uid"])

        await eventually(back, SETTLED_S)
        new = await spec_of(kubectl, name)
        (owner,) = new["metadata"]["ownerReferences"]
        assert owner.items() >= OURS.items(), name
        assert new["metadata"]["labels"] == found["metadata"]["labels"], name
        assert new["spec"].get("replicas") == found["spec"].get("replicas"), name
    assert {pod["metadata"]["uid"] for pod in await ready(racks, **pods)} == kept
    assert before & kept


async def test_what_is_edited_by_hand_is_put_back_but_for_counts(racks: Api, kubectl: Kubectl) -> None:
    before = await set_up(racks, kubectl)
    for name, patch in EDITED.items():
        right = (await spec_of(kubectl, name))["spec"]
        await kubectl("patch", name, "--type=merge", "-p", json.dumps(patch))

        async def again(name: str = name, right: Json = right) -> bool:
            return bool((await spec_of(kubectl, name))["spec"] == right)

        await eventually(again, SETTLED_S)
    await kubectl("scale", ROUTER, "--replicas=3")
    found = {pod["metadata"]["uid"] for pod in await ready(racks, **{**BASE, "0_router": 3})}
    assert before < found
