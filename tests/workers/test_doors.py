"""One system and all its doors at once, at random: whatever the order, each field ends at its last change that was accepted.

What that is, Temporal's history and a watch of the objects tell (tests/workers/accepted.py), not the product.
"""

import asyncio
import json
import random
from collections import ChainMap, Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from specs.names import ROLE
from specs.reading import read
from specs.sections import label
from specs.system import InferenceSystem
from tests.chaos.witness import follow
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import condition
from tests.running import AGENT, TEMPORAL, WORKER, Espalier
from tests.workers.accepted import Accepted, Wanted, Watched, accepted, said
from tests.workers.living import Command
from workflows.client import Systems, new_id
from workflows.requests import Scheduled
from workflows.schedules import Schedules
from workflows.timetables import Timetable
from workflows.wiring import DATA_CONVERTER

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
NAMESPACE, NAME = "default", "doors"
OBJECTS = f"/apis/espalier.dev/v1alpha1/namespaces/{NAMESPACE}"
CHANGES, WITHIN_S, SETTLED_S = 16, 6.0, 120.0
KILLED = ((), (AGENT,), (WORKER, AGENT), (TEMPORAL,))
NIGHT = 3
"""Servers, by the schedule."""
MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: doors, namespace: default}
spec:
  priority: %d
  members:
  - {role: router, replicas: 1, minAvailable: 1, template: {spec: {terminationGracePeriodSeconds: 1, containers: [
      {name: main, image: busybox, resources: {requests: {cpu: 10m}}}]}}}
  - {role: server, replicas: 2, minAvailable: 1, template: {spec: {terminationGracePeriodSeconds: 1, containers: [
      {name: main, image: "busybox:%d", resources: {requests: {cpu: 10m}}}]}}}
"""
Door = Callable[[], Awaitable[object]]


@dataclass
class Doors:
    """The ways to change one system."""

    kubectl: Kubectl
    espalier: Command
    systems: Systems
    schedules: Schedules
    chance: random.Random
    asked: list[str] = field(default_factory=list[str])
    """Request ids of commands that were answered, of those that carry one."""
    refused: list[str] = field(default_factory=list[str])

    @property
    def all(self) -> Sequence[Door]:
        edits = (self.kubectl_apply, self.kubectl_scale, self.kubectl_scale, self.kubectl_edit)
        return (*edits, self.client_scale, self.client_scale, self.client_apply, self.cli, self.schedule, self.mistake)

    def count(self) -> str:
        return str(self.chance.randint(1, 4))

    def manifest(self) -> str:
        return MANIFEST % (self.chance.randint(0, 2), self.chance.randint(1, 2))

    async def kubectl_apply(self) -> None:
        """A GitOps tool: the manifest, which says no copies."""
        await self.kubectl("apply", "-f", "-", given=self.manifest())

    async def kubectl_scale(self) -> None:
        """An autoscaler, or `kubectl scale`."""
        part = self.chance.choice(("isys/doors", "ism/doors.router", "ism/doors.server"))
        await self.kubectl("scale", part, "--replicas", str(self.chance.randint(1, 2)) if "isys" in part else self.count())

    async def kubectl_edit(self) -> None:
        """One field."""
        patch = {"spec": {"priority": self.chance.randint(0, 2)}}
        await self.kubectl("patch", "isys", NAME, "--type=merge", "-p", json.dumps(patch))

    async def client_scale(self) -> None:
        path, known = self.chance.choice(("router", "server", "copies")), new_id()
        count = self.chance.randint(1, 2 if path == "copies" else 4)
        await self.systems.scale(NAMESPACE, NAME, {path: count}, request_id=known)
        self.asked.append(known)

    async def client_apply(self) -> None:
        (system,), known = read(self.manifest(), "a test"), new_id()
        assert isinstance(system, InferenceSystem)
        await self.systems.apply(system, request_id=known)
        self.asked.append(known)

    async def cli(self) -> None:
        await self.espalier("scale", NAME, f"{self.chance.choice(('router', 'server'))}={self.count()}")

    async def schedule(self) -> None:
        """It is time."""
        await self.schedules.run(self.systems.ref(NAMESPACE, NAME), "night")

    async def mistake(self) -> None:
        """Half of it could be done."""
        known = new_id()
        with pytest.raises(WorkflowUpdateFailedError):
            await self.systems.scale(NAMESPACE, NAME, {"server": 4, "nobody": 1}, request_id=known)
        self.refused.append(known)


@pytest_asyncio.fixture
async def versions(racks: Api, kubectl: Kubectl) -> AsyncIterator[Watched]:
    """Of the system's objects, every one."""
    del kubectl  # from then on they are served
    found = Watched()
    paths = [f"{OBJECTS}/{plural}" for plural in ("inferencesystems", "systemmembers")]
    tasks = [asyncio.create_task(follow(racks, path, found.seen)) for path in paths]
    yield found
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest_asyncio.fixture
async def doors(house: Espalier, kubectl: Kubectl, espalier: Command, versions: Watched) -> AsyncIterator[Doors]:
    """All open."""
    del versions
    systems = await Systems.connect(house.address, who="tests")
    schedules = await Schedules.connect(house.address, who="tests")
    made = Doors(kubectl, espalier, systems, schedules, random.Random())
    await made.kubectl("apply", "-f", "-", given=MANIFEST % (0, 1))
    await kubectl("wait", "isys", NAME, "--for=condition=Ready", "--timeout=60s")
    counts = {"server": NIGHT}
    await schedules.add(
        Timetable(scheduled=Scheduled(ref=systems.ref(NAMESPACE, NAME), name="night", counts=counts), cron="0 22 29 2 *")
    )
    yield made


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "victims", [(), (AGENT,), (WORKER, AGENT), (TEMPORAL,)], ids=lambda names: "+".join(names) or "nobody dies"
)
@pytest.mark.long
async def test_any_order_of_changes_ends_with_the_last_that_was_accepted(
    doors: Doors, house: Espalier, racks: Api, versions: Watched, seed: int, victims: tuple[str, ...]
) -> None:
    chance = doors.chance = random.Random(f"{seed}{victims}")
    changing = asyncio.gather(*(later(chance.uniform(0, WITHIN_S), chance.choice(doors.all)) for _ in range(CHANGES)))
    await asyncio.sleep(chance.uniform(0, WITHIN_S))
    for name in victims:
        house.process(name).kill()
    for name in victims:
        house.process(name).start()
    await changing
    client = await Client.connect(house.address, data_converter=DATA_CONVERTER)
    found = await settled(client, doors.systems, racks, versions)
    print(f"{len(found.told)} accepted, {len(doors.refused)} refused; wanted: {found.wanted}")
    assert set(found.times.values()) == {1}, found.told
    assert not [each for each in doors.asked if each not in found.times], "a command that was answered is in the history"
    assert not [each for each in doors.refused if each in found.times]


async def later(seconds: float, door: Door) -> None:
    """A change at some time; who is overtaken or meets nobody tries again, as any client would."""
    await asyncio.sleep(seconds)
    while True:
        try:
            await asyncio.wait_for(door(), 30)
        except Exception:  # noqa: BLE001 - whatever a killed server makes of it
            await asyncio.sleep(0.2)
        else:
            return


async def settled(client: Client, systems: Systems, api: Api, versions: Watched) -> Accepted:
    """Once the workflow, the objects and the pods are as the last accepted change of each field has it."""
    found, wrong = Accepted(), ["nothing was heard"]
    deadline = asyncio.get_running_loop().time() + SETTLED_S
    while wrong:
        told = "\n".join([*wrong, f"wanted: {found.wanted}", *found.told])
        assert asyncio.get_running_loop().time() < deadline, told
        await asyncio.sleep(0.3)
        try:
            found = await accepted(client, systems.ref(NAMESPACE, NAME).workflow_id, versions)
            wrong = [*(f"not judged: {each}" for each in versions.unjudged), *await differing(systems, api, found.wanted)]
        except (RPCError, StopIteration) as error:  # Temporal is coming back, or the watch is behind
            wrong = [repr(error)]
    return found


async def differing(systems: Systems, api: Api, wanted: Wanted) -> list[str]:
    """What is not as it is to be: workflow, objects, pods."""
    status = await systems.status(NAMESPACE, NAME)
    declared = await api.get(f"{OBJECTS}/inferencesystems/{NAME}")
    members = await api.items(f"{OBJECTS}/systemmembers")
    pods = await api.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
    copies = wanted["copies"]
    due = {
        ("router", "busybox", "True"): copies * wanted["router"],
        ("server", wanted["image"], "True"): copies * wanted["server"],
    }
    unanswered = [each["metadata"]["name"] for each in (declared, *members) if not is_answered(each)]
    checks: dict[str, tuple[object, object]] = {
        "phase": (status.phase, "Ready"),
        "counts": (status.counts, {path: wanted[path] for path in ("copies", "router", "server")}),
        "objects": (dict(ChainMap(*(said(each["spec"]) for each in (declared, *members)))), wanted),
        "pods": (dict(Counter(map(running, pods))), due),
        "without an answer": (unanswered, []),
    }
    return [f"{what}: {there}, and not {meant}" for what, (there, meant) in checks.items() if there != meant]


def is_answered(found: Json) -> bool:
    return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])


def running(pod: Json) -> tuple[str, str, str]:
    """Its role, its image, and whether it is Ready."""
    return label(pod, ROLE), pod["spec"]["containers"][0]["image"], condition(pod, "Ready")
