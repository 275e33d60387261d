"""A HorizontalPodAutoscaler of the real controller-manager, beside a GitOps tool that applies the manifest again and again."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.controlplane import ControlPlane
from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.cluster.metrics import Metrics, metrics
from tests.workers.living import SETTLED_S, SPACE
from tests.workers.tenancy import declared

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]
AUTOSCALED_S = 60.0  # the controller-manager may need half a minute to notice a new kind


@pytest_asyncio.fixture
async def measured(empty: Api, control_plane: Cluster) -> AsyncIterator[Metrics]:
    """The metrics API."""
    if not isinstance(control_plane, ControlPlane):
        pytest.skip("k3s serves metrics of its own")
    async with metrics(empty, control_plane.layout.certificates) as served:
        yield served


def autoscaler() -> str:
    """One that wants every pod to use half of the CPU that it asks for."""
    target = {"type": "Utilization", "averageUtilization": 50}
    spec = {
        "scaleTargetRef": {"apiVersion": "espalier.dev/v1alpha1", "kind": "SystemMember", "name": "llama.server"},
        "minReplicas": 2, "maxReplicas": 4,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }  # fmt: skip
    made: Json = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "server"}, "spec": spec}
    return yaml.safe_dump(made)


async def settled(kubectl: Kubectl, wanted: int) -> None:
    """So many Ready pods, by the word of the scale object and of the system."""

    async def so() -> bool:
        member = json.loads(await kubectl("get", "ism/llama.server", "-o", "json"))
        phase = await kubectl("get", "isys/llama", "-o", "jsonpath={.status.phase}")
        return (member["spec"]["replicas"], member.get("status", {}).get("replicas"), phase) == (wanted, wanted, "Ready")

    try:
        await eventually(so, AUTOSCALED_S)
    except AssertionError as error:
        found = await kubectl("get", "hpa,ism,isys", "-o", "yaml")
        raise AssertionError(f"not {wanted} Ready: {found}") from error


async def test_an_autoscaler_scales_and_a_manifest_applied_every_second_undoes_nothing(
    tenant: Kubectl, measured: Metrics
) -> None:
    manifest = declared(2, cpu="1")
    await tenant("apply", "-f", "-", given=manifest)
    await tenant("wait", "isys/llama", "--for=condition=Ready", f"--timeout={SETTLED_S}s")
    measured.cpu = "900m"
    await tenant("apply", "-f", "-", given=autoscaler())

    async def again() -> None:
        while True:
            await tenant("apply", "--server-side", "--field-manager=gitops", "--force-conflicts", "-f", "-", given=manifest)
            await asyncio.sleep(1)

    gitops = asyncio.create_task(again())
    try:
        await settled(tenant, 4)
        measured.cpu = "100m"
        await settled(tenant, 2)
        measured.cpu = "500m"
        await asyncio.sleep(3)
        await settled(tenant, 2)
    finally:
        gitops.cancel()
        await tenant("delete", "hpa", "server")
    conditions = json.loads(await tenant("get", "isys/llama", "-n", SPACE, "-o", "jsonpath={.status.conditions}"))
    assert {each["type"]: each["status"] for each in conditions}["Accepted"] == "True"
