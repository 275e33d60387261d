"""A system of high priority on a full fleet, through kubectl: who leaves, what all are told, and that they come back."""

import json

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.kubectl import Kubectl
from tests.workers.living import SETTLED_S, Command

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]


def declared(name: str, pods: int, rank: str = "", copies: int = 1, within: str = "") -> str:
    """Copies of so many pods, each as large as a host; a copy is a gang."""
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "4"}}}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container], **({"priorityClassName": rank} if rank else {})}
    members = [{"role": "server", "replicas": pods, "template": {"spec": pod}}]
    system = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": name}}
    return yaml.safe_dump(
        system | {"spec": {"replicas": copies, "members": members, **({"place": {"within": within}} if within else {})}}
    )


async def until(tenant: Kubectl, name: str, field: str, *wanted: str) -> str:
    told = ""

    async def so() -> bool:
        nonlocal told
        told = await tenant("get", f"isys/{name}", "-o", f"jsonpath={{.status.{field}}}")
        return all(word in told for word in wanted)

    try:
        await eventually(so, SETTLED_S)
    except (AssertionError, TimeoutError) as error:
        status = await tenant("get", f"isys/{name}", "-o", "jsonpath={.status}")
        raise AssertionError(f"{name}: {wanted} not in {field} {told!r} of {status}") from error
    return told


async def uids(tenant: Kubectl, name: str) -> set[str]:
    found = json.loads(await tenant("get", "pods", "-l", f"espalier.dev/system={name}", "-o", "json"))["items"]
    return {pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"] and pod["spec"].get("nodeName")}


async def test_the_fewest_leave_for_a_high_priority_and_come_back(tenant: Kubectl, espalier: Command) -> None:
    await tenant("create", "priorityclass", "urgent", "--value=1000")
    try:
        await tenant("apply", "-f", "-", given=declared("batch", 2, copies=2))
        await until(tenant, "batch", "phase", "Ready")
        before = await uids(tenant, "batch")
        await tenant("apply", "-f", "-", given=declared("chat", 2, "urgent"))
        await until(tenant, "chat", "phase", "Ready")
        assert len(before & await uids(tenant, "batch")) == 2, "the other gang of two is as it was"
        await until(tenant, "batch", "reason", "Preempted")
        told = await until(tenant, "batch", "message", "made way for gang chat-0 of tenant/chat")
        assert told in await espalier("explain", "batch", "-n", "tenant")
        assert "Preempted" in await tenant("get", "events", "--field-selector", "involvedObject.name=batch")
        await tenant("delete", "isys/chat")
        await until(tenant, "batch", "phase", "Ready")
        assert len(await uids(tenant, "batch")) == 4
    finally:
        await tenant("delete", "priorityclass", "urgent")
