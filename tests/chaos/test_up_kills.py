"""kill -9 of all that `espalier up` consists of, in part and together, at seeded moments of a story: each part of it ends well.

What dies below a living `up` is started again by `up` within a quarter of a second: Temporal on its file and its port, the
simulated cluster on its own. What dies with `up` is started again here, as a user would.
"""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from examples.demo import slowly
from examples.stage import MANIFEST, NAME
from specs.reading import read
from specs.system import InferenceSystem
from tests.activities.port import eventually
from tests.chaos.bound import SLOT
from tests.chaos.settling import insist, nothing_left, until_pods
from tests.chaos.witness import Witness, watching
from tests.cluster.api import Access, Api, ApiError
from tests.workers.upping import Up, ended, parts
from workers.embedded import AGENT, SIM, TEMPORAL, WORKER
from workers.simulated.fleets import CLIQUE
from workflows.client import Systems

UP, ALL = "up", "all"
VICTIMS = (TEMPORAL, SIM, AGENT, WORKER, UP, ALL)
SEEDS = range(4)
LATEST_S = 1.5
"""A part of the story takes about so long when nothing dies."""
RACKS, GPUS_A_NODE = 4, 4
STARTED, SCALED, BY_THE_CLOCK = 28, 32, 36
DEFAULT = "default"


class Mortal(Up):
    """An `up` that can be killed, in part or as a whole."""

    async def start(self) -> asyncio.subprocess.Process:
        self.process = await super().start()
        return self.process

    async def kill(self, victim: str) -> None:
        """kill -9 of a part, which `up` starts again, or of `up` itself, alone or with all its parts, which is done here."""
        there = parts(self.process.pid)
        if victim not in {UP, ALL}:
            os.kill(there[victim], signal.SIGKILL)
            return
        for pid in (self.process.pid, *(there.values() if victim == ALL else ())):
            with suppress(ProcessLookupError):  # their warden may be quicker
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        await eventually(lambda: ended([*there.values()]))
        await self.start()

    def access(self) -> Access:
        """Of the simulated cluster."""
        found = yaml.safe_load(self.plan.access.read_text())
        server, token = found["clusters"][0]["cluster"]["server"], found["users"][0]["user"]["token"]
        return Access(server, token, Path(), self.plan.access)


class Story:
    """The demo's, told to processes that die: one kill in each part."""

    def __init__(self, up: Mortal, api: Api, witness: Witness, seed: int) -> None:
        self.up, self.api, self.witness = up, api, witness
        self._chance = random.Random(seed)
        self._deck = self._chance.sample(VICTIMS, len(VICTIMS))
        self._explained = Counter[str]()

    async def comes_up(self) -> None:
        (system,) = read(yaml.safe_dump(slowly(yaml.safe_load(MANIFEST.read_text()))), NAME)
        assert isinstance(system, InferenceSystem)
        await self._part(STARTED, self._say(lambda systems: systems.apply(system, request_id="apply")))

    async def grows(self) -> None:
        await self._part(SCALED, self._say(lambda systems: systems.scale(DEFAULT, NAME, {"decode": 5}, request_id="scale")))

    async def loses_a_pod(self) -> None:
        victim = min(name for name, pod in self.witness.pods.items() if "/decode/" in pod["metadata"]["annotations"][SLOT])
        uid = self.witness.pods[victim]["metadata"]["uid"]

        async def fail() -> None:
            if uid in {pod["metadata"]["uid"] for pod in await self.up.pods()}:
                await self.up.command("sim", "fail", victim)

        await self._part(SCALED, fail, [victim])

    async def loses_a_rack(self) -> None:
        on_rack = {rack: sorted(self._on(rack)) for rack in set(self.witness.racks.values())}
        rack = min((rack for rack in on_rack if on_rack[rack]), key=lambda rack: (len(on_rack[rack]), rack))

        async def remove() -> None:
            for node in sorted(node for node, its in self.witness.racks.items() if its == rack):
                await self._remove(node)

        await self._part(SCALED, remove, on_rack[rack])

    async def follows_the_clock(self) -> None:
        async def run() -> None:
            if "morning" not in await self.up.command("schedule", "list"):
                await self.up.command("schedule", "add", NAME, "morning", "--cron", "0 7 * * *", "--set", "decode=6")
            await self.up.command("schedule", "run", NAME, "morning")

        await self._part(BY_THE_CLOCK, run)

    async def goes(self) -> None:
        await self._part(0, self._say(lambda systems: systems.delete(DEFAULT, NAME, request_id="delete")))
        await nothing_left(self.api, DEFAULT)
        await insist(self._nothing_known)
        assert self.witness.broken == []
        more = {slot: made for slot, made in self.witness.created.items() if made != self._explained[slot]}
        assert not more, f"made more often than {[self._explained[slot] for slot in more]} losses explain"

    async def _nothing_known(self) -> None:
        assert "No schedules" in await self.up.command("schedule", "list")
        assert json.loads(await self.up.command("get", "-A", "-o", "json")) == []

    async def _part(self, pods: int, act: Callable[[], Coroutine[object, object, object]], lost: Collection[str] = ()) -> None:
        """Do something, kill something meanwhile, and see that all is as declared."""
        metadata = [self.witness.pods[name]["metadata"] for name in lost]
        gone = [each["uid"] for each in metadata]
        self._explained.update(each["annotations"][SLOT] for each in metadata)
        await asyncio.gather(insist(act), self._kill(self._deck.pop(), self._chance.uniform(0, LATEST_S)))
        await until_pods(self.witness, pods, gone)
        self._explained.update(self.witness.slots().keys() - self._explained.keys())

    async def _kill(self, victim: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.up.kill(victim)

    def _say(self, word: Callable[[Systems], Awaitable[object]]) -> Callable[[], Coroutine[object, object, object]]:
        async def say() -> None:
            await word(await Systems.connect(self.up.plan.temporal_address))

        return say

    def _on(self, rack: str) -> Iterable[str]:
        return (name for name, pod in self.witness.pods.items() if self.witness.racks[pod["spec"]["nodeName"]] == rack)

    async def _remove(self, node: str) -> None:
        try:
            await self.api.delete(f"/api/v1/nodes/{node}")
        except ApiError as error:
            if error.code != 404:
                raise


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_killed(tmp_path: Path, seed: int) -> None:
    up = Mortal(tmp_path / "house", RACKS)
    async with up.running(), Api(up.access()) as api:
        labels = {node["metadata"]["name"]: node["metadata"]["labels"] for node in await api.items("/api/v1/nodes")}
        witness = Witness(dict.fromkeys(labels, GPUS_A_NODE), {name: its[CLIQUE] for name, its in labels.items()})
        async with watching(api, DEFAULT, witness):
            story = Story(up, api, witness, seed)
            await story.comes_up()
            await story.grows()
            await story.loses_a_pod()
            await story.loses_a_rack()
            await story.follows_the_clock()
            await story.goes()
