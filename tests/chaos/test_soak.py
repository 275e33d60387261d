"""Churn: many systems, four kinds of client, and faults all the while; every promise watched, every object accounted for.

`make soak` runs a minute with 24 systems first, and then `SOAK_MINUTES` (60) with `SOAK_SYSTEMS` (200).
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

import aiohttp
import pytest

from specs.reading import read
from specs.system import InferenceSystem
from tests.chaos.settling import insist, nothing_left, watched_racks
from tests.chaos.witness import watching
from tests.cluster.api import Api, ApiError
from tests.cluster.nodes import cordon, uncordon
from tests.running import AGENT, TEMPORAL, WORKER, Espalier
from workflows.client import Systems

RACKS_FOR = 12
"""Systems to a rack of 72 GPUs, so that all of them fit at the end and not always before."""
MOST, LAST = 4, 2
PAUSE_S, CLI_SHARE = 0.6, 0.1
"""Longest pause of one life, for each system there is: some three commands a second, as two cores can carry out.

A command line takes a second of them to start.
"""
FAULT_EVERY_S, RECOVERY_S = 10.0, 0.15
"""The least between two faults, and what is added for each system: all of them are looked at again after one."""
END_S, SHOWN_S = 150.0, 60.0
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
          containers: [{name: main, image: busybox, resources: {requests: {nvidia.com/gpu: "1"}, limits: {nvidia.com/gpu: "1"}}}]
"""


def manifest(name: str, namespace: str) -> InferenceSystem:
    (system,) = read(MANIFEST % (name, namespace), name)
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
    wanted: dict[str, int] = field(default_factory=dict[str, int])
    """Replicas of `decode` of each system that is to be there."""
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
        elif self.chance.random() < 0.1:
            await self.deleted(name)
        elif self.chance.random() < 0.2:
            await self.pod_lost(name)
        else:
            await self.scaled(name, self.chance.randint(1, MOST))

    async def declared(self, name: str) -> None:
        system, request = manifest(name, self.namespace), f"{name}-{self.done.total()}"
        body = system.model_dump(mode="json", by_alias=True, exclude_unset=True)
        await self.by(
            "declared",
            {
                "kubectl": lambda: self.declared_by_kubectl(name, body),
                "client": lambda: self.systems.apply(system, request_id=request),
            },
        )
        self.wanted[name] = 2

    async def scaled(self, name: str, count: int) -> None:
        by_cli = self.chance.random() < CLI_SHARE
        await self.by(
            "scaled",
            {
                "/scale": lambda: self.scaled_by_kubectl(name, count),
                "client": lambda: self.systems.scale(self.namespace, name, {"decode": count}),
                **({"cli": partial(self.cli, "scale", name, f"decode={count}", "-n", self.namespace)} if by_cli else {}),
            },
        )
        self.wanted[name] = count

    async def deleted(self, name: str) -> None:
        del self.wanted[name]
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
            victim = self.chance.choice(found)["metadata"]["name"]
            await self.forgiving(lambda: self.api.delete(f"{path}/{victim}", gracePeriodSeconds="0"))
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


@pytest.mark.cluster
@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_minute_of_churn(empty: Api, house: Espalier, fresh_namespace: str) -> None:
    await churned(empty, house, fresh_namespace, systems=24, minutes=1)


@pytest.mark.cluster
@pytest.mark.soak
async def test_churn(empty: Api, house: Espalier, fresh_namespace: str) -> None:
    systems, minutes = int(os.environ.get("SOAK_SYSTEMS", "200")), float(os.environ.get("SOAK_MINUTES", "60"))
    await churned(empty, house, fresh_namespace, systems, minutes)


async def churned(api: Api, house: Espalier, namespace: str, systems: int, minutes: float) -> None:
    seed = int(os.environ.get("SOAK_SEED", "1"))
    witness = await watched_racks(api, -(-systems // RACKS_FOR))
    client = await Systems.connect(house.address)
    until, pause_s, fault_s = time.monotonic() + 60 * minutes, PAUSE_S * systems, FAULT_EVERY_S + RECOVERY_S * systems
    churn = Churn(api, house, client, namespace, random.Random(seed), until, pause_s, fault_s)
    async with watching(api, namespace, witness):
        async with asyncio.TaskGroup() as tasks:
            for index in range(systems):
                tasks.create_task(churn.life(f"s{index:03}"))
            tasks.create_task(churn.faults(sorted(witness.racks)))
        started = time.monotonic()
        await insist(churn.as_wanted, END_S)
        churn.done["seconds until as wanted"] = round(time.monotonic() - started)
        for name in sorted(churn.wanted):
            await insist(partial(client.delete, namespace, name, request_id=f"end-{name}"), END_S)
        await nothing_left(api, namespace, END_S)
    print(f"seed {seed}, {witness.changes} changes seen, {sum(witness.created.values())} pods made: {dict(churn.done)}")
    assert witness.broken == []
