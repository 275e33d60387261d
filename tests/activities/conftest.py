"""Fixtures of the port tests: which server they run against, and as whom."""

import uuid
from collections.abc import AsyncIterator

import pytest_asyncio

from activities.credentials import Access, from_kubeconfig, with_token
from activities.http import HttpKube
from activities.kube import CRDS, NAMESPACES, Busy, Kind, Kube, NotThere
from tests.activities.port import WIDGETS, eventually, widgets_definition
from tests.cluster.controlplane import ControlPlane

ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")


@pytest_asyncio.fixture
async def server(control_plane: ControlPlane) -> Access:
    """The server under test, as its administrator. To run the port's tests against another one, override this."""
    return await from_kubeconfig(str(control_plane.access.kubeconfig))


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
