"""One small PodCliqueSet, applied and watched with kubectl."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.living import SETTLED_S
from tests.workers.tenancy import is_ready

GROUP, ROUTER, WORKER = "pcsg/llama-0-decode", "pclq/llama-0-router", "pclq/llama-0-decode-1-worker"
DOCUMENT = Path(__file__).parents[2] / "docs" / "grove.md"
GPU = {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}


def written(heading: str) -> list[list[str]]:
    """The words of the commands in the first block under a heading of docs/grove.md."""
    block = DOCUMENT.read_text().partition(f"# {heading}\n")[2].split("```")[1]
    return [words for line in block.splitlines() if (words := line.partition("#")[0].split())]


def clique(name: str, replicas: int, env: Json | None = None, **spec: Any) -> Json:
    container: Json = {"name": "main", "image": "server:1", "resources": GPU, **({"env": [env]} if env else {})}
    pod = {"terminationGracePeriodSeconds": 1, "schedulerName": "kai-scheduler", "containers": [container]}
    return {"name": name, "labels": {"app": name}, "spec": {"roleName": name, "replicas": replicas, "podSpec": pod, **spec}}


def declared(router: int = 1, group: Json | None = None, name: str = "llama", **spec: Any) -> Json:
    """A router, and a group of a leader and two workers, twice."""
    user = {"name": "GROVE_PCS_NAME", "value": "the user's own"}
    template = {
        "cliques": [
            clique("router", router, env=user, minAvailable=1),
            clique("leader", 1),
            clique("worker", 2, minAvailable=1),
        ],
        "podCliqueScalingGroups": [{"name": "decode", "replicas": 2, "cliqueNames": ["leader", "worker"], **(group or {})}],
    }
    manifest = {"apiVersion": "grove.io/v1alpha1", "kind": "PodCliqueSet", "metadata": {"name": name}}
    return {**manifest, "spec": {"replicas": 1, "template": template, **spec}}


async def apply(kubectl: Kubectl, manifest: Json, code: int = 0) -> str:
    return await kubectl("apply", "-f", "-", given=yaml.safe_dump(manifest), code=code)


async def pods(api: Api) -> list[Json]:
    found = await api.items("/api/v1/namespaces/default/pods", labelSelector="app.kubernetes.io/part-of=llama")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


async def ready(api: Api, **cliques: int) -> list[Json]:
    """Exactly so many Ready pods of each clique, by its name without the set's; dashes are underscores."""
    wanted = {f"llama-{name.replace('_', '-')}": count for name, count in cliques.items()}
    seen: Counter[str] = Counter()

    async def so() -> list[Json]:
        nonlocal seen
        found = await pods(api)
        seen = Counter(pod["metadata"]["labels"]["grove.io/podclique"] for pod in found if is_ready(pod))
        return found if seen == wanted and len(found) == sum(wanted.values()) else []

    try:
        found: list[Json] = await eventually(so, SETTLED_S)
    except AssertionError as error:
        raise AssertionError(f"wanted {wanted}, saw {dict(seen)}") from error
    return found


async def status(kubectl: Kubectl, name: str, **wanted: int) -> None:
    """It is there, and its status says so, soon."""
    await kubectl("wait", "--for=create", name, f"--timeout={SETTLED_S}s")
    seen: Json = {}

    async def so() -> bool:
        nonlocal seen
        seen = json.loads(await kubectl("get", name, "-o", "json")).get("status", {})
        return all(seen.get(field) == count for field, count in wanted.items())

    try:
        await eventually(so, SETTLED_S)
    except AssertionError as error:
        raise AssertionError(f"{name}: wanted {wanted}, saw {seen}") from error


BASE = {"0_router": 1, "0_decode_0_leader": 1, "0_decode_0_worker": 2, "0_decode_1_leader": 1, "0_decode_1_worker": 2}
