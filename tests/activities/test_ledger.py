"""No grant is lost and no room is given twice, wherever an agent is killed or frozen, and with two of them at once."""

import asyncio
import copy
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.agent import Agent
from activities.cache.placements import read_placement
from activities.cluster.kube import CONFIG_MAPS, NODES, PLACEMENTS, PODS, REVISIONS, Kind, Manifest, Refused
from activities.room import bell
from activities.room.ledger import NAME, NAMESPACE
from activities.room.solver import Taken
from specs.gangs import expand
from specs.manifests import placement_object, revision
from specs.owners import Owner
from tests.activities.counting import Counting
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.pretend import node
from tests.activities.test_life import Told, system

SEATS = 2
OWNER = Owner("llama", "default", "uid-owner")
DECLARED = system(worker=2)
END_S = 10.0
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True, scope="module")
def at_once() -> Generator[None]:
    """A few milliseconds without a write are silence here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bell, "GATHER_S", 0.0)
        yield


def a_cluster(nodes: int, gangs: int) -> MemoryCluster:
    """Nodes of two seats, and so many gangs of two pods that ask for them, each in its own Placement."""
    cluster = MemoryCluster()
    for index in range(nodes):
        cluster.put(NODES, node(f"n{index}", SEATS))
    cluster.put(REVISIONS, revision(OWNER, DECLARED, 1))
    for gang in expand("llama", DECLARED.spec, {"copies": gangs}):
        cluster.put(PLACEMENTS, placement_object(OWNER, DECLARED.spec, [gang]))
    return cluster


@asynccontextmanager
async def agent(kube: MemoryKube) -> AsyncGenerator[Agent]:
    made = Agent(kube, Told(), supply=Counting)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def idle(cluster: MemoryCluster, polls: int = 20) -> None:
    """Until nobody has written for a while."""
    quiet, version = 0, cluster.version
    while quiet < polls:
        await asyncio.sleep(0.002)
        quiet = quiet + 1 if cluster.version == version else 0
        version = cluster.version


def grants(placement: Manifest) -> Counter[str]:
    return Counter(read_placement(placement).nodes.values())


def check_every_moment(cluster: MemoryCluster) -> None:
    """From the log of all writes: at no moment were more seats granted than there are."""
    now: dict[str, Counter[str]] = {}
    for _, kind, event in cluster.log:
        if kind == PLACEMENTS:
            now[event.object["metadata"]["name"]] = grants(event.object)
            given_out = sum(now.values(), Counter[str]())
            assert all(seats <= SEATS for seats in given_out.values()), given_out


def check_end(cluster: MemoryCluster, nodes: int, gangs: int) -> None:
    """As many gangs as fit are whole, none is in part, and what is left over says why."""
    found = [read_placement(placement) for placement in cluster.all(PLACEMENTS)]
    assert sum(placement.whole for placement in found) == min(nodes, gangs)
    assert all(placement.whole or not placement.nodes for placement in found)
    assert all(placement.whole or placement.waiting for placement in found)


async def story(nodes: int, gangs: int, fuses: tuple[int, int], *, freezes: bool) -> None:
    cluster = a_cluster(nodes, gangs)
    first, second = (MemoryKube(cluster, fuse, freezes=freezes) for fuse in fuses)
    async with asyncio.timeout(END_S), agent(first), agent(second):
        await idle(cluster)
        async with agent(MemoryKube(cluster)):
            await idle(cluster)
            first.fuse = second.fuse = None
            first.thawed.set()
            second.thawed.set()
            await idle(cluster)
    check_every_moment(cluster)
    check_end(cluster, nodes, gangs)


@MANY
@given(nodes=st.integers(1, 4), gangs=st.integers(1, 5), fuses=st.tuples(st.integers(0, 70), st.integers(0, 70)))
def test_killed_anywhere(nodes: int, gangs: int, fuses: tuple[int, int]) -> None:
    asyncio.run(story(nodes, gangs, fuses, freezes=False))


@MANY
@given(nodes=st.integers(1, 4), gangs=st.integers(1, 5), fuses=st.tuples(st.integers(0, 70), st.integers(0, 70)))
def test_frozen_anywhere_and_thawed_later(nodes: int, gangs: int, fuses: tuple[int, int]) -> None:
    asyncio.run(story(nodes, gangs, fuses, freezes=True))


@MANY
@given(fuse=st.integers(0, 60))
def test_what_was_taken_back_never_returns(fuse: int) -> None:
    """An agent is frozen while it grants; the other takes the room back and gives it to somebody else; the first goes on."""
    asyncio.run(taken_back(fuse))


async def taken_back(fuse: int) -> None:
    cluster = a_cluster(nodes=1, gangs=1)
    first = MemoryKube(cluster, fuse, freezes=True)
    async with asyncio.timeout(END_S), agent(first):
        await idle(cluster)
        async with agent(MemoryKube(cluster)) as second:
            await idle(cluster)
            placement = read_placement(cluster.all(PLACEMENTS)[0])
            cluster.change(NODES, "n0", {"spec": {"unschedulable": True}})
            cluster.put(NODES, node("n1", SEATS))
            await idle(cluster)
            await second.solver.withdraw([Taken(placement, placement.nodes)])
            await idle(cluster)
            first.fuse = None
            first.thawed.set()
            await idle(cluster)
    check_every_moment(cluster)
    assert set(read_placement(cluster.all(PLACEMENTS)[0]).nodes.values()) == {"n1"}


def test_a_deleted_ledger_is_made_anew_and_later() -> None:
    async def lost() -> None:
        cluster = a_cluster(nodes=2, gangs=2)
        async with asyncio.timeout(END_S), agent(MemoryKube(cluster)):
            await idle(cluster)
            cluster.remove(CONFIG_MAPS, NAME, NAMESPACE)
            for gang in expand("llama", DECLARED.spec, {"copies": 3})[2:]:
                cluster.put(PLACEMENTS, placement_object(OWNER, DECLARED.spec, [gang]))
            cluster.put(NODES, node("n9", SEATS))
            await idle(cluster)
        check_every_moment(cluster)
        check_end(cluster, nodes=3, gangs=3)

    asyncio.run(lost())


class Ruled(MemoryKube):
    """Its cluster has a rule against one Placement's answers."""

    against = ""

    async def _point(self, verb: str = "", kind: Kind = PODS, name: str = "") -> None:
        if (verb, kind, name) == ("patch", PLACEMENTS, f"{self.against}/status"):
            raise Refused("ValidatingAdmissionPolicy 'strict' denied request", status=403)
        await super()._point(verb, kind, name)


def test_a_placement_that_may_not_be_answered_keeps_no_other_waiting() -> None:
    async def ruled() -> None:
        cluster = a_cluster(nodes=2, gangs=2)
        kube, banned = Ruled(cluster), copy.deepcopy(cluster.all(PLACEMENTS)[0])
        kube.against = banned["metadata"]["name"]
        async with asyncio.timeout(END_S), agent(kube) as found:
            await idle(cluster)
            (other,) = map(read_placement, cluster.all(PLACEMENTS))
            assert other.whole
            assert "'strict' denied request" in str(found.solver.refusal(banned["metadata"]["uid"]))
            kube.against = ""
            cluster.put(PLACEMENTS, banned)
            await idle(cluster)
        check_every_moment(cluster)
        check_end(cluster, nodes=2, gangs=2)

    asyncio.run(ruled())
