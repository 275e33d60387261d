"""A node, and a rack, that take twenty systems with them, on a real control plane: who was elsewhere runs on.

Times are printed, not asserted.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from temporalio.client import Client

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.losing import lose_node
from tests.cluster.nodes import apply_nodes, remove_node, until_nodes_ready
from tests.running import Espalier
from tests.workers.living import Command
from tests.workers.tenancy import is_ready
from workers.simulated.fleets import node

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(300)]
SYSTEMS, WHOLE_S = 20, 90.0
ROOM = {"cpu": "64", "memory": "64Gi", "pods": "110"}


def system(name: str, pods: int, within: str) -> Json:
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}
    role = {
        "role": "server",
        "replicas": pods,
        "template": {"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}},
    }
    gang = {"group": "model", "replicas": 1, "place": {"within": within}, "members": [role]}
    spec = {"members": [gang], "recovery": {"nodeLostAfter": "1s"}}
    return {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": name}, "spec": spec}


async def declared(kubectl: Kubectl, pods: int, within: str) -> str:
    """The manifests of all systems, applied."""
    manifests = yaml.safe_dump_all(system(f"llama-{index:02}", pods, within) for index in range(SYSTEMS))
    await kubectl("apply", "-f", "-", given=manifests)
    return str(manifests)


async def planned(espalier: Command, kubectl: Kubectl, manifests: str, gone: Sequence[str], here: Path) -> int:
    """How many pods `espalier plan --repair` says are placed anew or moved when these nodes are lost."""
    (here / "systems.yaml").write_text(manifests)
    (here / "fleet.json").write_text(await kubectl("get", "nodes,pods", "-A", "-o", "json"))
    lost = [word for name in gone for word in ("--lost", name)]
    files = ("-f", str(here / "systems.yaml"), "--nodes", str(here / "fleet.json"))
    return len(json.loads(await espalier("plan", *files, "--repair", *lost, "-o", "json"))["moves"])


async def running(api: Api, avoiding: Sequence[str] = ()) -> dict[str, str]:
    """UID and node of every Ready pod that stays, none of which is on the nodes to be avoided."""
    found = await api.items("/api/v1/namespaces/default/pods", labelSelector="espalier.dev/system")
    there = [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)]
    return {pod["metadata"]["uid"]: pod["spec"]["nodeName"] for pod in there if pod["spec"]["nodeName"] not in avoiding}


async def whole(api: Api, pods: int, avoiding: Sequence[str] = ()) -> dict[str, str]:
    async def so() -> dict[str, str]:
        found = await running(api, avoiding)
        return found if len(found) == pods else {}

    found: dict[str, str] = await eventually(so, WHOLE_S)
    return found


async def lose(api: Api, names: Sequence[str]) -> None:
    await asyncio.gather(*(lose_node(api, name, known_at_once=True) for name in names))


async def forget(api: Api, names: Sequence[str]) -> None:
    """Nobody would ever stop what is left there."""
    await asyncio.gather(*(remove_node(api, name) for name in names))


async def recoveries(house: Espalier, cause: str) -> int:
    """Executions of that type in Temporal whose cause begins so."""
    client = await Client.connect(house.environment["ESPALIER_TEMPORAL_ADDRESS"])
    found = await client.count_workflows(f'WorkflowType = "Recovery" AND OperationCause STARTS_WITH "{cause}"')
    return found.count


async def test_a_node_is_lost_under_twenty_systems(
    empty: Api, kubectl: Kubectl, espalier: Command, house: Espalier, tmp_path: Path
) -> None:
    racks = [node(f"host-{index}", {"topology.kubernetes.io/zone": "zone-0"}, ROOM) for index in range(4)]
    await apply_nodes(empty, racks)
    await until_nodes_ready(empty, len(racks))
    manifests = await declared(kubectl, 3, "zone")
    before = await whole(empty, 3 * SYSTEMS)
    places = list(before.values())
    victim = max(sorted(set(places)), key=places.count)
    moves = await planned(espalier, kubectl, manifests, [victim], tmp_path)
    started = time.monotonic()
    await lose(empty, [victim])
    after = await whole(empty, 3 * SYSTEMS, [victim])
    print(f"\n{places.count(victim)} pods of a lost node Ready elsewhere after {time.monotonic() - started:.1f} s")
    assert {uid for uid, place in before.items() if place != victim} <= set(after), "nobody else was touched"
    assert len(before.keys() - after.keys()) == moves, "as many as the plan said"
    assert await recoveries(house, f"lost node {victim} with ") >= places.count(victim) // 3 - 1
    await forget(empty, [victim])


async def test_a_rack_is_lost_with_twenty_gangs_on_it(
    empty: Api, kubectl: Kubectl, espalier: Command, house: Espalier, tmp_path: Path
) -> None:
    nodes = [
        node(f"r{rack}-n{index}", {"topology.espalier.dev/rack": f"r{rack}"}, {**ROOM, "cpu": "16"})
        for rack in range(3)
        for index in range(6)
    ]
    await apply_nodes(empty, nodes)
    await until_nodes_ready(empty, len(nodes))
    manifests = await declared(kubectl, 4, "rack")
    before = await whole(empty, 4 * SYSTEMS)
    racks = [place.partition("-")[0] for place in before.values()]
    lost = max(sorted(set(racks)), key=racks.count)
    gone = [each["metadata"]["name"] for each in nodes if each["metadata"]["name"].startswith(f"{lost}-")]
    moves = await planned(espalier, kubectl, manifests, gone, tmp_path)
    started = time.monotonic()
    await lose(empty, gone)
    after = await whole(empty, 4 * SYSTEMS, gone)
    print(f"\n{racks.count(lost)} pods of a lost rack Ready elsewhere after {time.monotonic() - started:.1f} s")
    assert {uid for uid, place in before.items() if place not in gone} <= set(after), "nobody else was touched"
    assert len(before.keys() - after.keys()) == moves, "as many as the plan said"
    by_system: dict[str, set[str]] = {}
    for pod in await empty.items("/api/v1/namespaces/default/pods", labelSelector="espalier.dev/system"):
        if pod["metadata"]["uid"] in after:
            by_system.setdefault(pod["metadata"]["labels"]["espalier.dev/system"], set()).add(pod["spec"]["nodeName"][:2])
    assert [len(racks) for racks in by_system.values()] == [1] * SYSTEMS, "every gang shares a rack again"
    await forget(empty, gone)
