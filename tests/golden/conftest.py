"""The stage for golden cases: thirty nodes that hold one pod each, a namespace of one's own, the product beside it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest_asyncio
from temporalio.service import RPCError

from specs.fabric import Fabric
from tests.cluster.api import Api, Json
from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.golden.grove_script import GroveScript
from tests.golden.script import Script
from tests.running import Espalier
from workers.simulated.fleets import grove_e2e
from workflows.client import Systems

FABRICS = "/apis/espalier.dev/v1alpha1/fabrics"
BINDINGS = "/apis/grove.io/v1alpha1/clustertopologybindings"
LEVELS = {"zone": "kubernetes.io/zone", "block": "kubernetes.io/block", "rack": "kubernetes.io/rack"}
FABRIC: Json = {
    "apiVersion": "espalier.dev/v1alpha1",
    "kind": "Fabric",
    "metadata": {"name": "golden"},
    "spec": {"levels": [{"name": name, "label": label} for name, label in LEVELS.items()]},
}


BINDING: Json = {
    "apiVersion": "grove.io/v1alpha1",
    "kind": "ClusterTopologyBinding",
    "metadata": {"name": "grove-topology"},
    "spec": {"levels": [{"domain": name, "key": label} for name, label in {**LEVELS, "host": "kubernetes.io/hostname"}.items()]},
}


@pytest_asyncio.fixture
async def stage(empty: Api, house: Espalier, fresh_namespace: str) -> Script:
    """Nodes and the product; nobody has said which levels there are."""
    nodes = list(grove_e2e())
    await apply_nodes(empty, nodes)
    await until_nodes_ready(empty, len(nodes))
    systems = await Systems.connect(house.address)
    await systems.until_served()
    return Script(empty, systems, fresh_namespace, tuple(node["metadata"]["name"] for node in nodes))


@pytest_asyncio.fixture
async def script(stage: Script) -> AsyncIterator[Script]:
    """For a client of Temporal, with a Fabric."""
    Fabric.model_validate(FABRIC)
    async with levels(stage.api, f"{FABRICS}/golden", FABRIC):
        yield stage
        await cleared(stage)


@pytest_asyncio.fixture
async def grove(stage: Script, control_plane: Cluster) -> AsyncIterator[GroveScript]:
    """For whoever has nothing but kubectl and Grove's manifests."""
    kubectl = Kubectl(control_plane.access.kubeconfig)
    playing = GroveScript(stage.api, stage.systems, stage.namespace, stage.nodes, kubectl=kubectl)
    async with levels(stage.api, f"{BINDINGS}/grove-topology", BINDING):
        yield playing
        await cleared(playing)


@asynccontextmanager
async def levels(api: Api, path: str, manifest: Json) -> AsyncGenerator[None]:
    """Declared meanwhile."""
    await api.patch(path, manifest, kind="apply", fieldManager="tests")
    yield
    await api.delete(path)


async def cleared(script: Script) -> None:
    """No pod is left, so that the next case has the room."""
    with suppress(RPCError):  # it is gone already
        if script.system:
            await script.systems.delete(script.namespace, script.system)
    await asyncio.wait_for(script.until_gone(), 30)
