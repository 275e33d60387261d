"""Fixtures for tests that need a real Kubernetes; `pytest_plugins = ["tests.cluster.plugin"]` in the root conftest.

One cluster per pytest process (so one per xdist worker), started when the first test asks for it. Where it cannot be had,
such tests are skipped with the reason; ESPALIER_REQUIRE_CLUSTER=1 makes that a failure.
"""

import os
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from typing import NoReturn

import pytest
import pytest_asyncio

from tests.cluster import engine
from tests.cluster.api import Api
from tests.cluster.binary import Unavailable, built
from tests.cluster.cleaning import empty_cluster
from tests.cluster.engine import Cluster

_KEPT: pytest.StashKey[Cluster] = pytest.StashKey()


def pytest_report_header() -> str:
    """Say which cluster the tests would use."""
    return f"kubernetes: {engine.kind()}, started when the first test needs it"


def excuse(reason: Unavailable) -> NoReturn:
    """Skip, with what this machine lacks; or fail, where that is not to be."""
    if os.environ.get("ESPALIER_REQUIRE_CLUSTER") == "1":
        raise reason
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The session's cluster, ready and empty: no nodes."""
    try:
        built()
        cluster = engine.start()
    except Unavailable as reason:
        excuse(reason)
    pytestconfig.stash[_KEPT] = cluster
    yield cluster
    cluster.stop()


@pytest_asyncio.fixture
async def api(control_plane: Cluster) -> AsyncIterator[Api]:
    """The administrator's client."""
    async with control_plane.api() as client:
        yield client


@pytest_asyncio.fixture
async def fresh_namespace(api: Api) -> AsyncIterator[str]:
    """The name of a new namespace, deleted (in the background) after the test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    await api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    await api.delete(f"/api/v1/namespaces/{name}")


@pytest_asyncio.fixture
async def empty(api: Api) -> AsyncIterator[Api]:
    """The client of a cluster without nodes and pods; whatever the test leaves of them is removed again."""
    await empty_cluster(api)
    yield api
    await empty_cluster(api)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the cluster's logs to the report of a test that failed on it, and keep its folder."""
    report = yield
    cluster = item.config.stash.get(_KEPT, None)
    if report.failed and cluster is not None and "control_plane" in getattr(item, "fixturenames", ()):
        cluster.keep = True
        report.sections.append((f"control plane, kept in {cluster.access.kubeconfig.parent}", cluster.logs()))
    return report
