"""Churn: systems that are declared, edited, scaled, broken and deleted by four kinds of client, and faults all the while."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from specs.reading import read
from specs.system import InferenceSystem
from tests.chaos.bound import slot_of
from tests.chaos.settling import insist
from tests.chaos.takings import Takings
from tests.cluster.api import Api, ApiError
from tests.cluster.nodes import cordon, uncordon
from tests.running import AGENT, TEMPORAL, WORKER, Espalier
from workflows.client import Systems

MOST, LAST = 4, 2
ACTS = (1, 2, 2, 5)
"""How often a system is deleted, loses a pod, is edited, is scaled."""
PAUSE_S, CLI_SHARE = 0.6, 0.1
"""Longest pause of one life, for each system there is: some three commands a second, as two cores can carry out.

A command line takes a second of them to start.
"""
FAULT_EVERY_S, RECOVERY_S = 10.0, 0.15
"""The least between two faults, and what is added for each system: all of them are looked at again after one."""
END_S, SHOWN_S = 150.0, 60.0
ROUTER = "busybox"
MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: %s, namespace: %s}
spec:
  start: inOrder
  services: none
  members:
  - role: router
    template: &pod
      metadata: {annotations: {sim.espalier.dev/ready-after: 200ms}}
      spec:
        terminationGracePeriodSeconds: 1
        containers: [{name: main, image: busybox, resources: {requests: {cpu: 100m}}}]
  - group: decode
    replicas: 2
    minAvailable: 1
    place: {within: rack}
    members:
    - role: worker
      replicas: 2
      template:
        metadata: {annotations: {sim.espalier.dev/ready-after: 200ms}}
        spec:
          terminationGracePeriodSeconds: 1
          containers: [{name: main, image: "%s", resources: {requests: {nvidia.com/gpu: "1"}, limits: {nvidia.com/gpu: "1"}}}]
"""


def manifest(name: str, namespace: str, image: str) -> InferenceSystem:
    (system,) = read(MANIFEST % (name, namespace, image), name)
    assert isinstance(system, InferenceSystem)
    return system


@dataclass
class Churn:
    """What is wanted of every system, and who may want it."""

    api: Api
    house: Espalier
    systems: Systems
    namespace: str
    chance: random.Random
    until: float
    longest_pause_s: float
    fault_every_s: float
    takings: Takings
    wanted: dict[str, int] = field(default_factory=dict[str, int])
    """Replicas of `decode` of each system that is to be there."""
    images: dict[str, str] = field(default_factory=dict[str, str])
    """What they are to run."""
    objects: dict[str, int] = field(default_factory=dict[str, int])
    """Kind -> how many there were when all was as wanted."""
    done: Counter[str] = field(default_factory=Counter[str])
    terminal: asyncio.Lock = field(default_factory=asyncio.Lock)
    """There is one: on two cores that are busy a command line takes longer to start than to be answered."""

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    async def life(self, name: str) -> None:
        """One system, edited by one client after the other."""
        while not self.over:
            await asyncio.sleep(self.chance.uniform(0, self.longest_pause_s))
            await self.step(name)
        if name not in self.wanted:
            await self.declared(name)
        await self.scaled(name, self.chance.randint(1, LAST))

    async def step(self, name: str) -> None:
        if name not in self.wanted:
            await self.declared(name)
            return
        acts = (self.deleted, self.pod_lost, self.edited, partial(self.scaled, count=self.chance.randint(1, MOST)))
        (act,) = self.chance.choices(acts, ACTS)
        await act(name)

    async def declared(self, name: str) -> None:
        await self.applied("declared", name, 2)

    async def edited(self, name: str) -> None:
        """A template that makes all replicas of `decode` anew."""
        await self.applied("edited", name, self.wanted[name])

    async def applied(self, what: str, name: str, count: int) -> None:
        image = f"busybox:{self.chance.randint(1, 9)}"
        system, request = manifest(name, self.namespace, image), f"{name}-{self.done.total()}"
        body = system.model_dump(mode="json", by_alias=True, exclude_unset=True)
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "kubectl": lambda: self.declared_by_kubectl(name, body),
            "client": lambda: self.systems.apply(system, request_id=request),
        }
        await self.wished(name, count, image, self.by(what, ways))

    async def wished(self, name: str, count: int, image: str, asked: Awaitable[None]) -> None:
        """The takings are judged by what may be wanted: before and after it is answered."""
        self.takings.asks(name, {"decode": count, "router": 1}, {"decode": image, "router": ROUTER})
        await asked
        self.takings.accepted(name)
        self.wanted[name], self.images[name] = count, image

    async def scaled(self, name: str, count: int) -> None:
        by_cli = self.chance.random() < CLI_SHARE
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "/scale": lambda: self.scaled_by_kubectl(name, count),
            "client": lambda: self.systems.scale(self.namespace, name, {"decode": count}),
            **({"cli": partial(self.cli, "scale", name, f"decode={count}", "-n", self.namespace)} if by_cli else {}),
        }
        await self.wished(name, count, self.images[name], self.by("scaled", ways))

    async def deleted(self, name: str) -> None:
        del self.wanted[name]
        self.takings.goes(name)
        request = f"{name}-{self.done.total()}"
        await self.by(
            "deleted",
            {
                "kubectl": lambda: self.api.delete(self.path(name)),
                "client": lambda: self.systems.delete(self.namespace, name, request_id=request),
            },
        )
        await insist(lambda: self.gone(name), END_S)

    async def pod_lost(self, name: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        found = await self.api.items(path, labelSelector=f"espalier.dev/system={name}")
        if found:
            victim = self.chance.choice(found)["metadata"]
            self.takings.hand(victim["uid"])
            await self.forgiving(lambda: self.api.delete(f"{path}/{victim['name']}", gracePeriodSeconds="0"))
            self.done["pod lost"] += 1

    async def by(self, what: str, ways: dict[str, Callable[[], Awaitable[object]]]) -> None:
        """One of these ways, until it is answered."""
        way = self.chance.choice(sorted(ways))

        async def ask() -> None:
            await ways[way]()

        async with self.terminal if way == "cli" else nullcontext():  # who waits for the terminal has not asked yet
            await insist(ask, END_S, END_S)
        self.done[f"{what} by {way}"] += 1

    async def scaled_by_kubectl(self, name: str, count: int) -> None:
        """Once it shows what was accepted last: to write what an object shows is to write nothing."""
        path = f"/apis/espalier.dev/v1alpha1/namespaces/{self.namespace}/systemmembers/{name}.decode"

        async def shown() -> None:
            if (await self.api.get(path))["spec"]["replicas"] != self.wanted[name]:
                raise RuntimeError(f"{path} does not show {self.wanted[name]} yet")

        await insist(shown, SHOWN_S)
        await insist(lambda: self.api.patch(f"{path}/scale", {"spec": {"replicas": count}}))
        await self.answered(path)

    async def declared_by_kubectl(self, name: str, body: object) -> None:
        await insist(lambda: self.api.patch(self.path(name), body, "apply", fieldManager="kubectl", force="true"))
        await self.answered(self.path(name))

    async def answered(self, path: str) -> None:
        """What is written while nobody is there counts as said when somebody is, which may be later."""

        async def look() -> None:
            found = await self.api.get(path)
            if found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
                raise RuntimeError(f"{path} is not answered yet")

        await insist(look, SHOWN_S)

    async def cli(self, *words: str) -> None:
        program = (sys.executable, "-c", "from workers.cli import main; main()", *words)
        quiet = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*program, env=self.house.environment, stdout=quiet, stderr=quiet)
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise RuntimeError(said.decode())

    async def gone(self, name: str) -> None:
        try:
            await self.api.get(self.path(name))
        except ApiError as error:
            if error.code == 404:
                return
            raise
        raise RuntimeError(f"{name} is still there")

    async def faults(self, nodes: list[str]) -> None:
        """Processes are killed, nodes are cordoned, one thing after the other."""
        while not self.over:
            await asyncio.sleep(self.chance.uniform(0, 2 * self.fault_every_s))
            node, name = self.chance.choice(nodes), self.chance.choice((WORKER, AGENT, AGENT, TEMPORAL, "node", "node"))
            if name == "node":
                await self.forgiving(partial(cordon, self.api, node))
                await asyncio.sleep(self.chance.uniform(0, FAULT_EVERY_S))
                await insist(partial(uncordon, self.api, node))
            else:
                self.house.process(name).kill()
                await asyncio.sleep(self.chance.uniform(0, 2))
                self.house.process(name).start()
            self.done[f"fault: {name}"] += 1

    async def forgiving(self, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except (ApiError, aiohttp.ClientError):
            self.done["not answered"] += 1

    def path(self, name: str) -> str:
        return f"/apis/espalier.dev/v1alpha1/namespaces/{self.namespace}/inferencesystems/{name}"

    async def as_wanted(self) -> None:
        """Every system is Ready with the count that was accepted last."""
        items = await self.api.items(self.path("").rstrip("/"))
        said = {each["metadata"]["name"]: (each["status"]["phase"], each["status"]["readyPods"]) for each in items}
        due = {name: ("Ready", 1 + 2 * count) for name, count in self.wanted.items()}
        wrong = {name: (said.get(name), due.get(name)) for name in said | due if said.get(name) != due.get(name)}
        if wrong:
            raise RuntimeError(f"{len(wrong)} are not as wanted, such as {dict(list(wrong.items())[:3])}")
        pods = await self.api.items(f"/api/v1/namespaces/{self.namespace}/pods")
        runs = {(slot_of(each), each["spec"]["containers"][0]["image"]) for each in pods}
        if other := sorted(each for each in runs if each[1] not in (ROUTER, self.images[each[0][0]])):
            raise RuntimeError(f"{len(other)} run something else than they are to, such as {other[:3]}")
