"""PodGangs are a mirror: what a client writes into one moves no pod, and is put right."""

import json

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import BASE, GROUP, apply, declared, ready, status
from tests.workers.living import SETTLED_S

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
GANG = "podgang/llama-0"
ELSEWHERE: Json = {"packConstraint": {"required": "kubernetes.io/hostname"}}
ALONE: Json = {"name": "llama-0-router", "minReplicas": 9, "podReferences": [], "topologyConstraint": ELSEWHERE}
#               what a client writes
WRITTEN: dict[str, Json] = {
    "pods":      {"podgroups": [ALONE]},
    "a place":   {"topologyConstraint": ELSEWHERE},
    "groups":    {"topologyConstraintGroupConfigs": [{"name": "g", "podGroupNames": ["llama-0-router"]}]},
    "priority":  {"priorityClassName": "system-cluster-critical"},
    "another's": {"reuseReservationRef": {"namespace": "default", "name": "other"}},
}  # fmt: skip


async def gang(kubectl: Kubectl) -> Json:
    found: Json = json.loads(await kubectl("get", GANG, "-o", "json"))
    return found


async def test_what_a_client_writes_moves_no_pod_and_is_put_right(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared())
    before = {pod["metadata"]["uid"]: pod["spec"]["nodeName"] for pod in await ready(racks, **BASE)}
    await kubectl("wait", "--for=create", GANG, f"--timeout={SETTLED_S}s")
    await kubectl("wait", GANG, "--for=jsonpath={.status.phase}=Running", f"--timeout={SETTLED_S}s")
    right = (await gang(kubectl))["spec"]
    for what, spec in WRITTEN.items():
        await kubectl("patch", GANG, "--type=merge", "-p", json.dumps({"spec": spec}))

        async def again() -> bool:
            return bool((await gang(kubectl))["spec"] == right)

        try:
            await eventually(again, SETTLED_S)
        except AssertionError as error:
            raise AssertionError(f"{what}: {(await gang(kubectl))['spec']}") from error
    said = json.dumps({"status": {"phase": "Pending", "conditions": []}})
    await kubectl("patch", GANG, "--type=merge", "--subresource=status", "-p", said)
    assert {pod["metadata"]["uid"]: pod["spec"]["nodeName"] for pod in await ready(racks, **BASE)} == before
    await kubectl("scale", GROUP, "--replicas=1")  # the next thing that happens tells of it too
    await status(kubectl, GROUP, availableReplicas=1)
    await kubectl("wait", GANG, "--for=jsonpath={.status.phase}=Running", f"--timeout={SETTLED_S}s")
