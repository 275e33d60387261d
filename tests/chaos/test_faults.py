"""One call in twenty to the API server is refused, fails or is never answered, and watches are cut: all ends as declared."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.settling import insist, nothing_left, until_pods, watched_racks
from tests.chaos.test_kills import SCALED, STARTED, insist_apply, ledger_agrees, scaled
from tests.chaos.witness import watching
from tests.cluster.api import Access, Api
from tests.cluster.credentials import User, kubeconfig
from tests.cluster.engine import Cluster
from tests.cluster.faulty import FAULTS, Faulty
from tests.running import Espalier
from workflows.client import Systems

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(300)]


@pytest.mark.parametrize("seed", range(3))
async def test_a_story_through_a_hostile_api_server(
    empty: Api, control_plane: Cluster, fresh_namespace: str, tmp_path: Path, seed: int
) -> None:
    witness = await watched_racks(empty, 4)
    faulty = Faulty(control_plane.access, seed)
    async with faulty.served() as access, watching(empty, fresh_namespace, witness):
        house = Espalier(written(access, tmp_path))
        try:
            await asyncio.to_thread(house.start)
            systems = await connected(house)
            await insist_apply(systems, fresh_namespace)
            await until_pods(witness, STARTED)
            await scaled(systems, fresh_namespace)
            await until_pods(witness, SCALED)
            victim, pod = next(iter(witness.pods.items()))
            await empty.delete(f"/api/v1/namespaces/{fresh_namespace}/pods/{victim}", gracePeriodSeconds="0")
            await until_pods(witness, SCALED, without={pod["metadata"]["uid"]})
            await ledger_agrees(empty, witness)
            await insist(lambda: systems.delete(fresh_namespace, "story", request_id="delete-once"))
            await until_pods(witness, 0)
            await nothing_left(empty, fresh_namespace)
        finally:
            house.stop()
    assert witness.broken == []
    assert sum(witness.created.values()) == SCALED + 1, "every pod was made once, and the lost one again"
    assert min(faulty.faults["watch cut"], sum(faulty.faults[each] for each in FAULTS)) > 0, faulty.faults
    print(f"{faulty.calls} calls, {dict(faulty.faults)}")


def written(access: Access, folder: Path) -> Path:
    """A kubeconfig that leads through the proxy."""
    file = folder / "kubeconfig"
    file.write_text(kubeconfig(access.server, access.ca_file, User("admin", token=access.token)))
    return file


async def connected(house: Espalier) -> Systems:
    """A client, once its server is well."""
    found: list[Systems] = []

    async def connect() -> None:
        found.append(await Systems.connect(house.address))

    await insist(connect)
    return found[-1]
