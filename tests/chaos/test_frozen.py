"""Two agents, one of them frozen for a minute between its check and its write: what it writes too late does no harm."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.heads import LEDGER
from tests.chaos.settling import insist, nothing_left, until_pods, watched_racks
from tests.chaos.test_faults import connected, written
from tests.chaos.test_kills import SCALED, STARTED, insist_apply
from tests.chaos.witness import Witness, watching
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.cluster.holding import Holding
from tests.running import Espalier
from workers.process import Process
from workflows.client import Systems

pytestmark = [pytest.mark.cluster, pytest.mark.soak, pytest.mark.timeout(420)]

FROZEN_S, LATE_S = 60.0, 5.0
MOST_S = 120.0
WRITES = {
    "pod": ("POST", "/pods"),
    "grant": ("PUT", LEDGER),
    "copied grant": ("PATCH", "/placements/"),
    "removal": ("DELETE", "/pods/"),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_comes_a_minute_late(
    empty: Api, control_plane: Cluster, fresh_namespace: str, tmp_path: Path, write: str
) -> None:
    witness, holding = await watched_racks(empty, 4), Holding(control_plane.access, *WRITES[write])
    house = Espalier(control_plane.access.kubeconfig)
    async with holding.served() as access, watching(empty, fresh_namespace, witness):
        try:
            await asyncio.to_thread(house.start)
            systems = await connected(house)
            await insist_apply(systems, fresh_namespace)
            await until_pods(witness, STARTED)
            late = house.another_agent("late", written(access, tmp_path))
            await caught(systems, fresh_namespace, holding, late)
            await asyncio.gather(asyncio.sleep(FROZEN_S), meanwhile(systems, fresh_namespace, witness, empty))
            holding.released.set()
            late.thaw()
            await asyncio.sleep(LATE_S)
            await until_pods(witness, STARTED)
            await insist(lambda: systems.scale(fresh_namespace, "story", {"decode": 4}))
            await until_pods(witness, SCALED)
            await insist(lambda: systems.delete(fresh_namespace, "story"))
            await until_pods(witness, 0)
            await nothing_left(empty, fresh_namespace)
        finally:
            holding.released.set()
            house.stop()
    assert witness.broken == []


async def caught(systems: Systems, namespace: str, holding: Holding, late: Process) -> None:
    """Scale to and fro until the write is one of the agent that is to be late, and freeze it."""
    holding.armed = True
    async with asyncio.timeout(MOST_S):
        count = 2
        while not holding.caught.is_set():
            count = 6 - count
            await systems.scale(namespace, "story", {"decode": count})
            try:
                await asyncio.wait_for(holding.caught.wait(), 3)
            except TimeoutError:
                continue
    late.freeze()


async def meanwhile(systems: Systems, namespace: str, witness: Witness, api: Api) -> None:
    """The other agent brings it to an end, takes it all away, and makes a system of the same name."""
    await insist(lambda: systems.scale(namespace, "story", {"decode": 4}))
    await until_pods(witness, SCALED)
    await insist(lambda: systems.delete(namespace, "story"))
    await until_pods(witness, 0)
    await nothing_left(api, namespace)
    await insist_apply(systems, namespace, "apply-again")
    await until_pods(witness, STARTED)
