"""Whoever takes the finalizer away with which an object waits until all is torn down gives nothing away: it comes back."""

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import apply, declared
from tests.workers.living import SETTLED_S

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
FINALIZER = "espalier.dev/teardown"
SERVER: Json = {"role": "server", "template": {"spec": {"containers": [{"name": "main", "image": "server:1"}]}}}
SYSTEM: Json = {
    "apiVersion": "espalier.dev/v1alpha1",
    "kind": "InferenceSystem",
    "metadata": {"name": "llama"},
    "spec": {"members": [SERVER]},
}
KINDS = {"pcs/llama": declared(), "isys/llama": SYSTEM}


@pytest.mark.parametrize(("name", "manifest"), KINDS.items(), ids=KINDS)
async def test_comes_back_and_the_end_tears_all_down(name: str, manifest: Json, racks: Api, kubectl: Kubectl) -> None:
    async def guarded() -> bool:
        return FINALIZER in await kubectl("get", name, "-o", "jsonpath={.metadata.finalizers}")

    async def uids() -> set[str]:
        found = await racks.items("/api/v1/namespaces/default/pods", labelSelector="espalier.dev/system=llama")
        return {pod["metadata"]["uid"] for pod in found}

    await apply(kubectl, manifest)
    await kubectl("wait", name, "--for=condition=Ready", "--timeout=60s")
    before = await uids()
    for taken in (("replace", "-f", "-"), ("patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')):
        await eventually(guarded, SETTLED_S)
        await kubectl(*taken, given=yaml.safe_dump(manifest))
    await eventually(guarded, SETTLED_S)
    assert await uids() == before != set()
    await kubectl("delete", name, "--timeout=60s")
    assert await uids() == set(), "it waits for its pods"
