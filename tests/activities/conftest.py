"""Fixtures of the port tests: which servers they run against, and as whom.

The real control plane is the judge. The simulated cluster must pass the same tests; it needs nothing, so they run everywhere.
"""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.cluster.credentials import Access, from_kubeconfig, with_token
from activities.cluster.http import HttpKube
from activities.cluster.kube import CRDS, NAMESPACES, Busy, Kind, Kube, NotThere
from tests.activities.port import WIDGETS, eventually, widgets_definition
from tests.cluster.controlplane import ControlPlane
from workers.simulated.cluster import Cluster
from workers.simulated.serving import running

REAL, SIMULATED = "real", "simulated"
ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")


@pytest_asyncio.fixture(params=[pytest.param(REAL, marks=pytest.mark.cluster), SIMULATED])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Access]:
    """The server under test, as its administrator."""
    if request.param == REAL:
        control_plane: ControlPlane = request.getfixturevalue("control_plane")
        yield await from_kubeconfig(str(control_plane.access.kubeconfig))
        return
    kubeconfig = tmp_path / "kubeconfig"
    async with running(Cluster(tmp_path / "cluster.db"), 0, kubeconfig):
        yield await from_kubeconfig(str(kubeconfig))


@pytest_asyncio.fixture
async def kube(server: Access) -> AsyncIterator[HttpKube]:
    """The adapter, connected to the server under test."""
    async with HttpKube(server) as connected:
        yield connected


@pytest_asyncio.fixture
async def stranger(server: Access) -> AsyncIterator[HttpKube]:
    """Somebody whom the server does not know."""
    async with HttpKube(with_token(server.server, "not-a-token-of-this-server", server.tls)) as connected:
        yield connected


@pytest_asyncio.fixture
async def room(kube: HttpKube) -> AsyncIterator[str]:
    """The name of a namespace of the test's own."""
    name = f"port-{uuid.uuid4().hex[:8]}"
    await kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await kube.delete(NAMESPACES, name)


@pytest_asyncio.fixture
async def widgets(kube: HttpKube) -> Kind:
    """A custom resource that is served."""
    await kube.apply(CRDS, widgets_definition(), manager="port-tests")
    await eventually(lambda: served(kube, WIDGETS))
    return WIDGETS


async def served(kube: Kube, kind: Kind) -> bool:
    """Whether the server knows this kind by now."""
    try:
        await kube.list(kind)
    except (NotThere, Busy):
        return False
    return True
