"""The product as its users run it: real control plane, real Temporal, worker and agent as processes; commands from outside."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.cluster.api import Api, Json
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fleets import gb200
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.running import Espalier

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

RACKS = 2
MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: llama}
spec:
  start: explicit
  members:
  - role: router
    replicas: 2
    template: &pod
      spec:
        terminationGracePeriodSeconds: 1
        tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
        containers: [{name: main, image: "example.com/server:1", resources: {limits: {nvidia.com/gpu: 1}}}]
  - group: decode
    replicas: 2
    after: [router]
    place: {within: rack}
    members:
    - {role: leader, replicas: 1, template: *pod}
    - {role: worker, replicas: 3, template: *pod}
"""
LABEL = "espalier.dev/system=llama"


class Command:
    """Runs `espalier ...` as its users do."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    async def __call__(self, *words: str, code: int = 0, given: str = "") -> str:
        """What it prints. Fails unless it ends with `code`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from workers.cli import main; main()", *words,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment,
        )  # fmt: skip
        printed, _ = await process.communicate(given.encode())
        assert process.returncode == code, f"espalier {' '.join(words)} ended with {process.returncode}\n{printed.decode()}"
        return printed.decode()

    async def until(self, name: str, phase: str) -> None:
        """Return once the system is in that phase, as `status` tells it."""
        while json.loads(await self("status", name, "-o", "json"))["phase"] != phase:
            pass


@pytest.fixture(scope="module")
def house(control_plane: ControlPlane) -> Iterator[Espalier]:
    with Espalier(control_plane.access.kubeconfig) as running:
        yield running


@pytest.fixture
def espalier(house: Espalier) -> Command:
    return Command(house.environment)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cluster(control_plane: ControlPlane) -> AsyncIterator[Api]:
    async with control_plane.api() as api:
        nodes = list(gb200(RACKS))
        await apply_nodes(api, nodes)
        await until_nodes_ready(api, len(nodes))
        yield api


async def pods(api: Api) -> list[Json]:
    return await api.items("/api/v1/namespaces/default/pods", labelSelector=LABEL)


async def test_a_system_lives_and_leaves_nothing(cluster: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=MANIFEST)
    assert "Nothing is wrong." in await espalier("explain", "llama")
    assert len(await pods(cluster)) == 10
    await espalier("scale", "llama", "decode=3", "--wait", "--timeout", "60")
    assert len(await pods(cluster)) == 14
    await a_killed_pod_comes_back(cluster, espalier)
    await too_much_is_explained(espalier)
    await espalier("delete", "llama", "--wait", "--timeout", "60")
    assert await left(cluster) == []
    assert "no system 'llama'" in await espalier("status", "llama", code=1)
    assert "No systems" in await espalier("get")


async def a_killed_pod_comes_back(cluster: Api, espalier: Command) -> None:
    victim = (await pods(cluster))[0]["metadata"]
    await cluster.delete(f"/api/v1/namespaces/default/pods/{victim['name']}", gracePeriodSeconds="0")
    async with asyncio.timeout(30):
        await espalier.until("llama", "Ready")
    assert victim["uid"] not in {pod["metadata"]["uid"] for pod in await pods(cluster)}


async def too_much_is_explained(espalier: Command) -> None:
    await espalier("scale", "llama", "decode=60")
    async with asyncio.timeout(30):
        await espalier.until("llama", "Waiting")
    said = await espalier("explain", "llama")
    assert "rack" in said
    await espalier("scale", "llama", "decode=2", "--wait", "--timeout", "60")


async def left(cluster: Api) -> list[str]:
    kinds = ("/api/v1/pods", "/api/v1/services", "/apis/policy/v1/poddisruptionbudgets", "/apis/apps/v1/controllerrevisions")
    own = ("/apis/espalier.dev/v1alpha1/inferencesystems", "/apis/espalier.dev/v1alpha1/placements")
    found = [item for path in kinds for item in await cluster.items(path, labelSelector=LABEL)]
    found += [item for path in own for item in await cluster.items(path)]
    return [f"{item.get('kind')} {item['metadata']['name']}" for item in found]


async def test_a_refusal_changes_nothing(cluster: Api, espalier: Command) -> None:
    said = await espalier("apply", "-f", "-", code=2, given=MANIFEST.replace("[router]", "[ruter]"))
    assert "did you mean 'router'?" in said
    assert "no system 'llama'" in await espalier("scale", "llama", "decode=3", code=1)
    assert await left(cluster) == []
