"""The control plane itself: ready, kept over a kill, and not alone on its machine."""

import pytest

from tests.cluster.api import Api
from tests.cluster.components import APISERVER
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fleets import plain
from tests.cluster.nodes import apply_nodes, until_nodes_ready

pytestmark = pytest.mark.cluster


async def test_nodes_become_ready(empty: Api) -> None:
    await apply_nodes(empty, plain(20))
    await until_nodes_ready(empty, 20)


async def test_killed_api_server_comes_back_with_its_data(control_plane: ControlPlane, api: Api, fresh_namespace: str) -> None:
    control_plane.restart(APISERVER)
    assert (await api.get(f"/api/v1/namespaces/{fresh_namespace}"))["metadata"]["name"] == fresh_namespace
