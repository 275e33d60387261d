"""The stage for golden cases: thirty nodes that hold one pod each, a namespace of one's own, the product beside it."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from specs.fabric import Fabric
from tests.cluster.api import Api, Json
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.golden.script import Script
from tests.running import Espalier
from workers.simulated.fleets import grove_e2e
from workflows.client import Systems

FABRICS = "/apis/espalier.dev/v1alpha1/fabrics"
LEVELS = {"zone": "kubernetes.io/zone", "block": "kubernetes.io/block", "rack": "kubernetes.io/rack"}
FABRIC: Json = {
    "apiVersion": "espalier.dev/v1alpha1",
    "kind": "Fabric",
    "metadata": {"name": "golden"},
    "spec": {"levels": [{"name": name, "label": label} for name, label in LEVELS.items()]},
}


@pytest_asyncio.fixture
async def script(empty: Api, house: Espalier, fresh_namespace: str) -> AsyncIterator[Script]:
    Fabric.model_validate(FABRIC)
    nodes = list(grove_e2e())
    await apply_nodes(empty, nodes)
    await until_nodes_ready(empty, len(nodes))
    systems = await Systems.connect(house.address)
    await systems.until_served()
    await empty.patch(f"{FABRICS}/golden", FABRIC, kind="apply", fieldManager="tests")
    playing = Script(empty, systems, fresh_namespace, tuple(node["metadata"]["name"] for node in nodes))
    yield playing
    if playing.system:
        await systems.delete(fresh_namespace, playing.system)
        await asyncio.wait_for(playing.until_gone(), 30)
    await empty.delete(f"{FABRICS}/golden")
