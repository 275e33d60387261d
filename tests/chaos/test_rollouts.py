"""Rollouts while processes are killed and nodes are lost: an approval that is waited for, and a hundred copies."""

import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import pytest
import yaml

from specs.reading import read
from specs.system import InferenceSystem
from tests.activities.port import eventually
from tests.chaos.settling import insist, nothing_left, watched_racks
from tests.chaos.test_kills import KILLED, Servers
from tests.chaos.witness import Witness, watching
from tests.cluster.api import Api, ApiError, Json
from tests.cluster.engine import Cluster
from tests.cluster.losing import reminded
from tests.cluster.nodes import condition, remove_node
from tests.running import AGENT, TEMPORAL, WORKER, Espalier
from tests.workers.living import SETTLED_S, Command
from tests.workers.test_rollout import image, manifest, pods
from workflows.client import Systems

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]

COPIES, PODS_OF_COPY, AT_ONCE, LOST, RACKS = 100, 2, 5, 5, 4
PAUSE_S, END_S = 1.0, 240.0
KNOWN_S = 1.0
"""By then who decides knows of what others did: a node that is removed while a deletion is on its way is nobody's fault."""
NOT_YET = math.inf


async def told(espalier: Command, *words: str) -> bool:
    said = await espalier("rollout", "status", "llama")
    return all(word in said for word in words)


@pytest.mark.parametrize("victims", [(WORKER,), (AGENT,), (WORKER, AGENT, TEMPORAL)], ids="+".join)
async def test_an_approval_is_waited_for_whoever_dies_meanwhile(
    racks: Api, espalier: Command, house: Espalier, control_plane: Cluster, victims: tuple[str, ...]
) -> None:
    rules, servers = {"approval": "manual", "pauseAfter": [1]}, Servers(house, control_plane)
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1", rules))
    before = {slot: pod["metadata"]["uid"] for slot, pod in (await pods(racks)).items()}
    await espalier("apply", "-f", "-", given=manifest("2", rules))
    for updated, words in enumerate(("waits for an approval", "holds after 1 of 3")):
        await eventually(partial(told, espalier, words), SETTLED_S)
        await servers.kill(victims, PAUSE_S)
        await insist(lambda: espalier("rollout", "status", "llama"), answer_s=20)
        await eventually(partial(told, espalier, words), SETTLED_S)
        found = await pods(racks)
        assert sum(image(pod) == "2" for pod in found.values()) == updated * 2, "a leader and a worker of each unit"
        await espalier("rollout", "approve", "llama")
    await espalier("apply", "-f", "-", "--wait", "--timeout", "90", given=manifest("2", rules))
    after = {slot: pod["metadata"]["uid"] for slot, pod in (await pods(racks)).items()}
    assert {slot for slot, uid in after.items() if before[slot] == uid} == {"0/router/0"}


@dataclass
class Promises(Witness):
    """Those of a rollout by copies, too: no more is taken than may be, and no copy is of two versions."""

    lost: set[str] = field(default_factory=set[str])
    """Nodes that were taken away: what was on them is taken by nobody else."""
    since: dict[str, float] = field(default_factory=dict[str, float])
    """Copy that is not whole by another's doing -> when that began."""
    taken: int = 0
    """Copies that were whole until Espalier began to replace them."""
    judged: int = 0
    most_away: int = 0
    """When one was taken, with it."""

    def pod_seen(self, event: Json) -> None:
        copy = copy_of(event["object"])
        was_whole = self._is_whole(copy)
        super().pod_seen(event)
        if was_whole and not leaves(event) and not self._is_whole(copy):
            self.since[copy] = time.monotonic()
        if event.get("late"):
            return
        self.judged += 1
        if was_whole and leaves(event):
            self._taken(copy)
        versions = {image(pod) for pod in self._of(copy) if "deletionTimestamp" not in pod["metadata"]}
        self.broken += [f"change {self.changes}: copy {copy} is of {sorted(versions)}"] if len(versions) > 1 else []

    def lose(self, node: str) -> None:
        """It is being removed: nobody can know yet."""
        there = {copy_of(pod) for pod in self.pods.values() if pod["spec"].get("nodeName") == node}
        self.since.update({copy: NOT_YET for copy in there if self._is_whole(copy)})
        self.lost.add(node)

    def gone(self) -> None:
        """From now on all can know that it is."""
        self.since = {copy: min(when, time.monotonic()) for copy, when in self.since.items()}

    def _taken(self, copy: str) -> None:
        self.since.pop(copy, None)
        known = time.monotonic() - KNOWN_S
        away = sum(self.since.get(each, known) <= known for each in self._not_whole())
        self.taken, self.most_away = self.taken + 1, max(self.most_away, away)
        self.broken += [f"change {self.changes}: copy {copy} was taken, with it {away} are away"] if away > AT_ONCE else []

    def _not_whole(self) -> set[str]:
        """Those among them that have no pod at the moment."""
        return {str(copy) for copy in range(COPIES) if not self._is_whole(str(copy))}

    def _in_one_rack(self, nodes: Mapping[str, str]) -> None:
        where: dict[str, set[str]] = {}
        for slot, node in nodes.items():
            where.setdefault(slot.partition("/")[0], set()).add(self.racks[node])
        self.broken += [f"change {self.changes}: copy {copy} is in {racks}" for copy, racks in where.items() if len(racks) > 1]

    def _is_whole(self, copy: str) -> bool:
        found = [pod for pod in self._of(copy) if "deletionTimestamp" not in pod["metadata"]]
        there = [pod for pod in found if condition(pod, "Ready") == "True" and pod["spec"]["nodeName"] not in self.lost]
        return len(there) == PODS_OF_COPY

    def _of(self, copy: str) -> list[Json]:
        return [pod for pod in self.pods.values() if copy_of(pod) == copy]

    def as_declared(self, version: str) -> bool:
        """All are of this version, where they may be, and nothing leaves."""
        right = [image(pod) == version and pod["spec"].get("nodeName") not in self.lost for pod in self.pods.values()]
        whole = sum(map(self._is_whole, {copy_of(pod) for pod in self.pods.values()}))
        return all(right) and (len(right), whole) == (COPIES * PODS_OF_COPY, COPIES)


def copy_of(pod: Json) -> str:
    return str(pod["metadata"]["labels"]["espalier.dev/copy"])


def leaves(event: Json) -> bool:
    return event["type"] == "DELETED" or "deletionTimestamp" in event["object"]["metadata"]


def hundred(namespace: str, version: str) -> InferenceSystem:
    """A hundred copies of a router and a server, each in one rack."""
    gpu = {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}

    def role(name: str, **container: object) -> Json:
        main = {"name": "main", "image": f"example.com/server:{version}", **container}
        metadata = {"annotations": {"sim.espalier.dev/ready-after": "300ms"}}
        return {
            "role": name,
            "template": {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 1, "containers": [main]}},
        }

    members = [role("router"), role("server", resources=gpu)]
    rollout = {"unit": "copy", "maxUnavailable": AT_ONCE}
    spec = {"replicas": COPIES, "place": {"within": "rack"}, "services": "none", "members": members, "rollout": rollout}
    kind = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem"}
    (system,) = read(yaml.safe_dump({**kind, "metadata": {"name": "hundred", "namespace": namespace}, "spec": spec}), "hundred")
    assert isinstance(system, InferenceSystem)
    return system


@dataclass
class Story:
    """Two edits, and all that happens meanwhile, each act once so many pods have been made."""

    api: Api
    systems: Systems
    servers: Servers
    namespace: str
    seen: Promises
    chance: random.Random
    log: list[str] = field(default_factory=list[str])
    started: float = field(default_factory=time.monotonic)

    async def play(self) -> None:
        acts: list[Callable[[], Awaitable[None]]] = [partial(self.kill, victim) for victim in KILLED for _ in range(2)]
        acts += [self.lose] * LOST
        self.chance.shuffle(acts)
        acts.insert(len(acts) // 2, partial(self.edit, "3"))
        made = COPIES * PODS_OF_COPY
        moments = sorted(self.chance.sample(range(made + 4, 2 * made), len(acts)))
        await self.edit("2")
        for act, moment in zip(acts, moments, strict=True):
            await eventually(partial(self.has_made, moment), END_S)
            await act()
        await insist(self.ended, END_S)
        self.told("all as declared")

    async def edit(self, version: str) -> None:
        await insist(lambda: self.systems.apply(hundred(self.namespace, version), request_id=f"edit-{version}"))
        self.told(f"version {version} is declared")

    async def kill(self, victim: str) -> None:
        await self.servers.kill((victim,), self.chance.uniform(0, PAUSE_S))
        self.told(f"{victim} was killed")

    async def lose(self) -> None:
        used = {pod["spec"].get("nodeName") for pod in self.seen.pods.values()} - self.seen.lost - {None}
        node = self.chance.choice(sorted(used))
        self.seen.lose(node)
        await insist(partial(self.removed, node))
        self.seen.gone()
        self.told(f"{node} is lost")

    async def removed(self, node: str) -> None:
        try:
            await remove_node(self.api, node)
        except ApiError as error:
            if error.code != 404:
                raise

    async def has_made(self, pods_made: int) -> bool:
        return sum(self.seen.created.values()) >= pods_made

    async def ended(self) -> None:
        assert self.seen.as_declared("3"), self.seen.told()
        assert (await self.systems.status(self.namespace, "hundred")).phase == "Ready"

    def told(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self.started:6.1f} s, {sum(self.seen.created.values()):4} pods made: {what}")


async def test_a_hundred_copies_through_all_of_it(
    empty: Api, control_plane: Cluster, house: Espalier, fresh_namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    racks = await watched_racks(empty, RACKS)
    seen, systems = Promises(racks.capacity, racks.racks), await Systems.connect(house.address)
    seed = int(os.environ.get("SEED", "1"))
    async with watching(empty, fresh_namespace, seen), reminded(empty):
        await insist(lambda: systems.apply(hundred(fresh_namespace, "1"), request_id="start"))
        await eventually(partial(started, seen), END_S)
        story = Story(empty, systems, Servers(house, control_plane), fresh_namespace, seen, random.Random(seed))
        try:
            await story.play()
        finally:
            with capsys.disabled():
                print("", *story.log, *promises(seen), sep="\n")
        assert seen.broken == []
    await insist(lambda: systems.delete(fresh_namespace, "hundred", request_id="delete-once"))
    await nothing_left(empty, fresh_namespace)


async def started(seen: Promises) -> bool:
    return seen.as_declared("1")


def promises(seen: Promises) -> list[str]:
    """What was watched, and how it was kept."""
    broken = seen.broken or ["none"]
    return [
        f"{seen.changes} changes of pods and Placements seen, {seen.judged} of pods judged in order, {len(seen.lost)} nodes lost",
        f"budget: {seen.taken} whole copies taken, never with more than {seen.most_away} of {COPIES} away ({AT_ONCE} may be)",
        "versions: no copy of two, GPUs: none granted or bound twice, gangs: none in part, racks: no copy in two",
        f"broken: {'; '.join(broken[:10])}",
    ]
