"""The control plane itself: ready, kept over a kill, breakable piece by piece, and not alone on its machine."""

import pytest

from tests.cluster.api import Api, ApiError
from tests.cluster.components import APISERVER, ETCD, SCHEDULER, Tuning
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.cluster.pods import is_ready, pod, until
from workers.simulated.fleets import plain

pytestmark = pytest.mark.cluster


async def test_nodes_become_ready(empty: Api) -> None:
    await apply_nodes(empty, plain(20))
    await until_nodes_ready(empty, 20)


@pytest.mark.parametrize("name", [APISERVER, ETCD])
async def test_a_killed_server_comes_back_with_its_data(
    control_plane: ControlPlane, api: Api, fresh_namespace: str, name: str
) -> None:
    control_plane.restart(name)
    assert (await api.get(f"/api/v1/namespaces/{fresh_namespace}"))["metadata"]["name"] == fresh_namespace


async def test_nothing_is_bound_while_the_scheduler_is_frozen(
    control_plane: ControlPlane, empty: Api, fresh_namespace: str
) -> None:
    await apply_nodes(empty, plain(1))
    await until_nodes_ready(empty, 1)
    control_plane.process(SCHEDULER).freeze()
    path = f"/api/v1/namespaces/{fresh_namespace}/pods"
    await empty.post(path, pod("waiting"))
    assert "nodeName" not in (await empty.get(f"{path}/waiting"))["spec"]
    control_plane.process(SCHEDULER).thaw()
    await until(empty, f"{path}/waiting", is_ready)


async def test_another_user_may_do_nothing(control_plane: ControlPlane) -> None:
    async with Api(control_plane.access, acting_as="somebody") as client:
        with pytest.raises(ApiError, match=r'403 Forbidden: .*"somebody" cannot list'):
            await client.items("/api/v1/nodes")


async def test_two_control_planes_stand_side_by_side_and_one_writes_an_audit_log(api: Api, fresh_namespace: str) -> None:
    with ControlPlane(Tuning(audit=True)) as other:
        async with other.api() as its_api:
            with pytest.raises(ApiError) as refusal:
                await its_api.get(f"/api/v1/namespaces/{fresh_namespace}")
        assert refusal.value.code == 404
        assert "espalier-tests" in (other.layout.folder / "audit.log").read_text()
    assert await api.get(f"/api/v1/namespaces/{fresh_namespace}")
