"""kill -9 of worker, agent, Temporal, API server and etcd, one and all, at seeded moments: it ends as declared.

The moment between commit and answer is hit on purpose: `LEDGER` kills the agent when the ledger head has just changed, which is
before the activity that wrote it can have answered; and when the first pod of a deletion has just been marked.
"""

import asyncio
import json
import random
from collections.abc import Awaitable
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from specs.reading import read
from specs.system import InferenceSystem
from tests.chaos.heads import LEDGER
from tests.chaos.settling import SETTLED_TIMEOUT_S, insist, nothing_left, until_pods, watched_racks
from tests.chaos.witness import Witness, watching
from tests.cluster.api import Api
from tests.cluster.components import APISERVER, ETCD
from tests.cluster.engine import Cluster
from tests.cluster.losing import reminded
from tests.running import AGENT, TEMPORAL, WORKER, Espalier
from workers.process import Process
from workflows.client import Systems

ALL = (WORKER, AGENT, TEMPORAL)
KILLED = (ETCD, APISERVER, TEMPORAL, WORKER, AGENT)
"""In the order in which they are started again."""
LONGEST_STORY_S = 4.0

MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: story, namespace: %s}
spec:
  start: explicit
  place: {within: block}
  members:
  - role: router
    replicas: 2
    template: &pod
      metadata: {annotations: {sim.espalier.dev/ready-after: 300ms}}
      spec:
        terminationGracePeriodSeconds: 1
        containers: [{name: main, image: busybox, resources: {requests: {cpu: 1}}, env: [{name: KEY, value: t0p-s3cr3t}]}]
  - group: prefill
    replicas: 2
    after: [router]
    place: {within: rack}
    members:
    - role: worker
      replicas: 4
      template: &gpu
        metadata: {annotations: {sim.espalier.dev/ready-after: 300ms}}
        spec:
          terminationGracePeriodSeconds: 1
          containers: [{name: main, image: busybox, resources: {requests: {nvidia.com/gpu: "4"}, limits: {nvidia.com/gpu: "4"}}}]
  - group: decode
    replicas: 2
    after: [router]
    place: {within: rack}
    members: [{role: worker, replicas: 4, template: *gpu}]
"""

CROWD = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: story, namespace: %s}
spec:
  members:
  - role: server
    replicas: 25
    template: {spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: busybox}]}}
"""

SECRET = "t0p-s3cr3t"
STARTED, SCALED = 2 + 8 + 8, 2 + 8 + 16


@dataclass(frozen=True)
class Servers:
    """All that may be killed."""

    house: Espalier
    control_plane: Cluster

    async def kill(self, victims: tuple[str, ...], pause_s: float) -> None:
        """kill -9, a pause, and started again on the same data."""
        processes = [self._process(name) for name in sorted(victims, key=KILLED.index)]
        for process in processes:
            process.kill()
        await asyncio.sleep(pause_s)
        for process in processes:
            process.start()

    def _process(self, name: str) -> Process:
        return (self.house if name in ALL else self.control_plane).process(name)


async def after(seconds: float) -> None:
    """A moment counted from the beginning."""
    await asyncio.sleep(seconds)


async def at_next_change(api: Api, path: str) -> None:
    """The moment at which something below this path has just changed."""
    async for _ in api.watch(path, (await api.get(path))["metadata"]["resourceVersion"]):
        return


async def scaled(systems: Systems, namespace: str) -> None:
    """The command is repeated with one request id until it is answered, as any client would."""
    await insist(lambda: systems.scale(namespace, "story", {"decode": 4}, request_id="scale-once"))


async def deleted(systems: Systems, namespace: str) -> None:
    """As `scaled`."""
    await insist(lambda: systems.delete(namespace, "story", request_id="delete-once"))


MOMENTS = [
    *((victims, seed) for seed in range(2) for victims in ((WORKER,), (AGENT,), (TEMPORAL,), ALL)),
    ((AGENT,), LEDGER),
    (ALL, LEDGER),
    *(((name,), seed) for seed in range(2) for name in (APISERVER, ETCD)),
    (KILLED, 0),
]


def named(value: tuple[str, ...] | int | str) -> str:
    """`agent-at-1`."""
    return "+".join(value) if isinstance(value, tuple) else f"at-{value}"


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("victims", "moment"), MOMENTS, ids=named)
async def test_killed(
    empty: Api, control_plane: Cluster, house: Espalier, fresh_namespace: str, victims: tuple[str, ...], moment: int | str
) -> None:
    witness = await watched_racks(empty, 4)
    await asyncio.to_thread(house.wait_for_temporal)  # the test before may have ended without it
    systems = await Systems.connect(house.address)
    chance, servers = random.Random(f"{victims}{moment}"), Servers(house, control_plane)
    forgetful = reminded(empty) if {*victims} - {*ALL} else nullcontext()
    async with watching(empty, fresh_namespace, witness), forgetful:
        await killed_meanwhile(empty, servers, victims, moment, chance, insist_apply(systems, fresh_namespace))
        await until_pods(witness, STARTED)
        await killed_meanwhile(empty, servers, victims, moment, chance, scaled(systems, fresh_namespace))
        await until_pods(witness, SCALED)
        assert sum(map(len, witness.nodes_of.values())) == SCALED, "every place was granted once"
        await ledger_agrees(empty, witness)
        last = f"/api/v1/namespaces/{fresh_namespace}/pods" if isinstance(moment, str) else moment
        await killed_meanwhile(empty, servers, victims, last, chance, deleted(systems, fresh_namespace))
        await until_pods(witness, 0)
        await nothing_left(empty, fresh_namespace)
        events = await empty.items(f"/api/v1/namespaces/{fresh_namespace}/events")
    assert witness.broken == []
    assert SECRET not in str(events)
    assert not [name for name in ALL if SECRET in house.process(name).log.read_text(errors="replace")]
    assert all(count == 1 for count in witness.created.values()), witness.created


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victims", [(WORKER,), (AGENT,), ALL], ids=named)
async def test_k7_killed_while_25_pods_are_made_and_there_are_exactly_25(
    empty: Api, control_plane: Cluster, house: Espalier, fresh_namespace: str, victims: tuple[str, ...]
) -> None:
    witness, systems = await watched_racks(empty, 4), await Systems.connect(house.address)
    made, servers = f"/api/v1/namespaces/{fresh_namespace}/pods", Servers(house, control_plane)
    async with watching(empty, fresh_namespace, witness):
        declared = insist_apply(systems, fresh_namespace, manifest=CROWD)
        await killed_meanwhile(empty, servers, victims, made, random.Random(str(victims)), declared)
        await until_pods(witness, 25)
        await insist(lambda: systems.delete(fresh_namespace, "story", request_id="delete-once"))
        await nothing_left(empty, fresh_namespace)
    assert sorted(witness.created.values()) == [1] * 25


async def insist_apply(systems: Systems, namespace: str, request: str = "apply-once", manifest: str = MANIFEST) -> None:
    (system,) = read(manifest % namespace, "story")
    assert isinstance(system, InferenceSystem)
    await insist(lambda: systems.apply(system, request_id=request))


async def killed_meanwhile(
    api: Api, servers: Servers, victims: tuple[str, ...], moment: int | str, chance: random.Random, story: Awaitable[None]
) -> None:
    """Carry out a part of the story, and kill in the midst of it."""
    when = at_next_change(api, moment) if isinstance(moment, str) else after(chance.uniform(0, LONGEST_STORY_S / 2))
    killing = asyncio.create_task(_kill_at(when, servers, victims, chance.uniform(0, 1)))
    await story
    await asyncio.wait_for(killing, SETTLED_TIMEOUT_S)


async def _kill_at(when: Awaitable[None], servers: Servers, victims: tuple[str, ...], pause_s: float) -> None:
    await when
    await servers.kill(victims, pause_s)


async def ledger_agrees(api: Api, witness: Witness) -> None:
    """What the last commit says is what the Placements say."""

    async def agrees() -> None:
        head = await api.get(f"{LEDGER}/espalier-ledger")
        pending = {name: nodes for _, name, _, nodes in json.loads(head["data"]["pending"])}
        granted = {name: witness.nodes_of.get(name, {}) for name in pending}
        assert all(granted[name].get(slot) == node for name, nodes in pending.items() for slot, node in nodes.items())
        assert int(head["data"]["sequence"]) > 0

    await insist(agrees)
