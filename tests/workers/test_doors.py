"""One system, four doors at once, at random: whatever the order, all of them end at the last change that was accepted."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio
import yaml

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import MEMBERS, PODS, SYSTEMS, Manifest, NotThere, Overtaken
from activities.reports.edits import is_edited
from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.running import AGENT, WORKER, Espalier
from workflows.client import Systems
from workflows.requests import Status

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
NAMESPACE, NAME = "default", "doors"
CHANGES, SETTLED_S = 12, 90.0
MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: doors, namespace: default}
spec:
  members:
  - {role: router, replicas: 1, minAvailable: 1, template: &pod {spec: {terminationGracePeriodSeconds: 1, containers: [
      {name: main, image: busybox, resources: {requests: {cpu: 10m}}}]}}}
  - {role: server, replicas: 2, minAvailable: 1, template: *pod}
"""
Door = Callable[[], Awaitable[object]]


class Doors:
    """The ways to change one system."""

    def __init__(self, kube: HttpKube, systems: Systems, chance: random.Random) -> None:
        self.kube, self.systems, self.chance = kube, systems, chance
        self.all: Sequence[Door] = (self.client, self.scale, self.scale, self.manifest, self.copies)

    def count(self) -> int:
        return self.chance.randint(1, 4)

    async def client(self) -> None:
        """A Temporal client, or the command line."""
        await self.systems.scale(NAMESPACE, NAME, {self.chance.choice(("router", "server")): self.count()})

    async def scale(self) -> None:
        """An autoscaler."""
        member = f"{NAME}.{self.chance.choice(('router', 'server'))}"
        await self.kube.patch(MEMBERS, member, {"spec": {"replicas": self.count()}}, NAMESPACE, subresource="scale")

    async def copies(self) -> None:
        """`kubectl scale isys`."""
        patch = {"spec": {"replicas": self.chance.randint(1, 2)}}
        await self.kube.patch(SYSTEMS, NAME, patch, NAMESPACE, subresource="scale")

    async def manifest(self) -> None:
        """A GitOps tool that applies what it has, a label changed."""
        found = yaml.safe_load(MANIFEST)
        found["metadata"]["labels"] = {"version": str(self.count())}
        await self.kube.apply(SYSTEMS, found, manager="gitops")


@pytest_asyncio.fixture
async def kube(control_plane: Cluster, racks: Api) -> AsyncIterator[HttpKube]:
    del racks
    async with HttpKube(await from_kubeconfig(str(control_plane.access.kubeconfig))) as connected:
        yield connected


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("victims", [(), (AGENT,), (WORKER, AGENT)], ids=lambda names: "+".join(names) or "nobody dies")
@pytest.mark.long
async def test_any_order_of_changes_ends_in_one_state(
    kube: HttpKube, house: Espalier, seed: int, victims: tuple[str, ...]
) -> None:
    chance = random.Random(f"{seed}{victims}")
    systems = await Systems.connect(house.address, who="tests")
    doors = Doors(kube, systems, chance)
    await eventually(lambda: declared(kube), SETTLED_S)
    await eventually(lambda: agreed(kube, systems), SETTLED_S)
    changing = asyncio.gather(*(later(chance.uniform(0, 3), chance.choice(doors.all)) for _ in range(CHANGES)))
    await asyncio.sleep(chance.uniform(0, 3))
    for name in victims:
        house.process(name).kill()
    for name in victims:
        house.process(name).start()
    await changing
    await eventually(lambda: agreed(kube, systems), SETTLED_S)
    await kube.delete(SYSTEMS, NAME, NAMESPACE)
    await eventually(lambda: gone(kube), SETTLED_S)


async def declared(kube: HttpKube) -> bool:
    """Whether it could be declared: the kinds are served by then."""
    try:
        await kube.apply(SYSTEMS, yaml.safe_load(MANIFEST), manager="gitops")
    except (NotThere, Overtaken):
        return False
    return True


async def later(seconds: float, door: Door) -> None:
    """A change at some time; who is overtaken or meets nobody tries again, as any client would."""
    await asyncio.sleep(seconds)
    while True:
        try:
            await asyncio.wait_for(door(), 20)
        except Exception:  # noqa: BLE001 - whatever a killed server makes of it
            await asyncio.sleep(0.2)
        else:
            return


async def agreed(kube: HttpKube, systems: Systems) -> bool:
    """Whether the objects, the workflow and the pods all say the same, and no edit is left without an answer."""
    try:
        status = await systems.status(NAMESPACE, NAME)
        system = await kube.get(SYSTEMS, NAME, NAMESPACE)
        members = (await kube.list(MEMBERS, NAMESPACE)).items
        pods = (await kube.list(PODS, NAMESPACE)).items
    except Exception:  # noqa: BLE001 - somebody is not there yet
        return False
    counts = {each["spec"]["path"]: each["spec"]["replicas"] for each in members} | {"copies": system["spec"]["replicas"]}
    return (
        status.phase == "Ready"
        and counts == status.counts
        and not any(map(is_edited, (system, *members)))
        and wanted(status) == len([pod for pod in pods if ready(pod)]) == len(pods)
    )


def wanted(status: Status) -> int:
    counts = status.counts
    return counts["copies"] * (counts["router"] + counts["server"])


def ready(pod: Manifest) -> bool:
    conditions: list[dict[str, Any]] = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def gone(kube: HttpKube) -> bool:
    return not [*(await kube.list(SYSTEMS, NAMESPACE)).items, *(await kube.list(PODS, NAMESPACE)).items]
