"""One small system of a tenant, seen through kubectl."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from tests.activities.port import eventually
from tests.cluster.api import Json
from tests.cluster.kubectl import Kubectl
from tests.workers.living import SETTLED_S

SYSTEM = "isys/llama"


def declared(replicas: int, cpu: str = "", pod: Mapping[str, Any] | None = None, **spec: object) -> str:
    """One role of so many pods."""
    asked = {"resources": {"requests": {"cpu": cpu}}} if cpu else {}
    template = {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "server", **asked}], **(pod or {})}
    members = [{"role": "server", "replicas": replicas, "template": {"spec": template}}]
    system = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}}
    return yaml.safe_dump(system | {"spec": {"members": members, **spec}})


async def pods(kubectl: Kubectl) -> list[Json]:
    found = json.loads(await kubectl("get", "pods", "-l", "espalier.dev/system=llama", "-o", "json"))["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


async def places(kubectl: Kubectl) -> list[str]:
    """Nodes of the pods that are Ready."""
    found = [pod for pod in await pods(kubectl) if is_ready(pod)]
    return sorted(pod["spec"]["nodeName"] for pod in found)


def is_ready(pod: Json) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod.get("status", {}).get("conditions", ()))


async def says(kubectl: Kubectl, *words: str) -> None:
    """Its status holds all of these words, soon."""
    status = ""

    async def so() -> bool:
        nonlocal status
        status = await kubectl("get", SYSTEM, "-o", "jsonpath={.status}")
        return all(word in status for word in words)

    try:
        await eventually(so, SETTLED_S)
    except (AssertionError, TimeoutError) as error:
        raise AssertionError(f"{words} not in {status}") from error


async def ready(kubectl: Kubectl, wanted: int) -> None:
    async def so() -> bool:
        return len(await places(kubectl)) == wanted

    try:
        await eventually(so, SETTLED_S)
    except AssertionError as error:
        found = await kubectl("get", SYSTEM, "-o", "jsonpath={.status}") + await kubectl("get", "pods", "-o", "wide")
        raise AssertionError(f"not {wanted} Ready pods: {found}") from error
    await kubectl("wait", SYSTEM, "--for=condition=Ready", "--timeout=60s")
