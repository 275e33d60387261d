"""Surge where one copy fills its rack, on a real control plane: the other copy goes on, and it is said what is missing."""

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.workers.filming import filming, now
from tests.workers.tenancy import SYSTEM
from tests.workers.test_golden_rollouts import apply, declared, settled
from workers.simulated.fleets import node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

RULES = {"maxUnavailable": 0, "maxSurge": 1}


def host(rack: str, index: int) -> Json:
    return node(f"{rack}-{index}", {"topology.espalier.dev/rack": rack}, {"pods": "110", "cpu": "4", "memory": "64Gi"})


def served(image: str) -> Json:
    """Two copies, each of two servers that fill a host, in a rack of its own."""
    return declared(image, {"server": 2}, RULES, {"cpu": "3"}, replicas=2, place={"within": "rack"})


async def test_a_copy_without_room_for_surge_does_not_hold_the_other(empty: Api, kubectl: Kubectl) -> None:
    hosts = [host("r0", 0), host("r0", 1), host("r1", 0), host("r1", 1), host("r1", 2)]
    await apply_nodes(empty, hosts)
    await until_nodes_ready(empty, len(hosts))
    await apply(kubectl, served("1"))
    await settled(kubectl, empty, {"server": "11", "1/server": "11"})

    async def told() -> bool:
        said = await kubectl("get", SYSTEM, "-o", "jsonpath={.status.rollout.message}")
        found = {slot: each.image for slot, each in (await now(empty)).items() if each.ready}
        others = {slot: image for slot, image in found.items() if slot.startswith("1/")}
        return "what comes instead, 0/server/2, has no room: " in said and set(others.values()) == {"2"} and len(found) == 4

    async with filming(empty) as film:
        await apply(kubectl, served("2"))
        await eventually(told, 60)
        await apply_nodes(empty, [host("r0", 2)])
        await settled(kubectl, empty, {"server": "22", "1/server": "22"})
    assert [min(film.ready(member)) for member in ("server", "1/server")] == [2, 2]
