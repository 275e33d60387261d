"""Preemption by priority, on a cluster in memory: who leaves, when the room changes hands, and who comes back."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from activities.agent import Agent
from activities.cluster.kube import NODES, PLACEMENTS, PODS, PRIORITIES
from activities.room.demands import PASSED_BY_FOR, Demands
from activities.room.queueing import queue
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.port import eventually
from tests.activities.pretend import Kubelets, foreign
from tests.activities.test_life import Told
from tests.activities.test_repair import zones
from tests.chaos.witness import Witness


def fleet(*sizes: int) -> MemoryCluster:
    cluster = zones(*sizes)
    for name, value, policy in (("low", 1, ""), ("high", 100, ""), ("meek", 100, "Never")):
        made = {"metadata": {"name": name}, "value": value, **({"preemptionPolicy": policy} if policy else {})}
        cluster.put(PRIORITIES, {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", **made})
    return cluster


def system(name: str, rank: str, copies: int = 1, pods: int = 1, within: str = "", least: int | None = None) -> InferenceSystem:
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}
    template = {"spec": {"containers": [container], **({"priorityClassName": rank} if rank else {})}}
    member = {"role": "worker", "replicas": pods, "template": template, **({} if least is None else {"minAvailable": least})}
    spec = {"replicas": copies, "members": [member], **({"place": {"within": within}} if within else {})}
    return InferenceSystem.model_validate({"metadata": {"name": name, "namespace": "default"}, "spec": spec})


class Garden:
    """Several systems on one cluster, each kept as declared."""

    def __init__(self, cluster: MemoryCluster, agent: Agent, kubelets: Kubelets) -> None:
        self.cluster, self.agent, self.kubelets = cluster, agent, kubelets
        self.kept: list[asyncio.Task[None]] = []

    def plant(self, declared: InferenceSystem) -> Gardener:
        gardener = Gardener(self.agent, declared)
        self.kept.append(asyncio.create_task(keep(gardener)))
        return gardener

    async def until_ready(self, **systems: int) -> None:
        """Until so many pods of these systems are Ready, and no others."""
        try:
            async with asyncio.timeout(20):
                while self.ready() != {name: pods for name, pods in systems.items() if pods}:
                    for task in self.kept:
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{self.ready()}, not {systems}: {self.told()}") from None

    async def pause(self) -> None:
        await asyncio.sleep(0.002)

    def ready(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for pod in self.cluster.all(PODS):
            owner = pod["metadata"].get("labels", {}).get("espalier.dev/system", "")
            if owner and pod.get("status", {}).get("phase") == "Running":
                found[owner] = found.get(owner, 0) + 1
        return found

    def told(self) -> dict[str, list[tuple[str, str]]]:
        """Reason and sentence of every gang that waits, by system."""
        found: dict[str, list[tuple[str, str]]] = {}
        for each in self.cluster.all(PLACEMENTS):
            says = [(why["reason"], why["message"]) for why in each.get("status", {}).get("waiting", ())]
            found.setdefault(each["spec"]["system"], []).extend(says)
        return {name: says for name, says in found.items() if says}

    async def until_told(self, name: str, reason: str) -> str:
        async with asyncio.timeout(20):
            while True:
                for known, sentence in self.told().get(name, ()):
                    if known == reason:
                        return sentence
                await asyncio.sleep(0.01)


async def keep(gardener: Gardener) -> None:
    while True:
        await gardener.settle()
        await asyncio.sleep(0.01)


async def begun(made: Garden) -> None:
    """One of low priority gives up its two places for one of high priority, and nobody stops its pods yet."""
    made.plant(system("batch", "low", pods=2))
    await made.until_ready(batch=2)
    made.kubelets.finishing = False
    made.plant(system("urgent", "high", pods=2))
    assert "2 pods of default/batch have left" in await made.until_told("urgent", "Preempting")


@asynccontextmanager
async def garden(cluster: MemoryCluster) -> AsyncGenerator[Garden]:
    agent, kubelets = Agent(MemoryKube(cluster), Told()), Kubelets(cluster)
    tasks = [asyncio.create_task(agent.run()), asyncio.create_task(kubelets.run())]
    await agent.ready()
    made = Garden(cluster, agent, kubelets)
    try:
        yield made
    finally:
        for task in (*tasks, *made.kept):
            task.cancel()
        await asyncio.gather(*tasks, *made.kept, return_exceptions=True)


def broken_rules(cluster: MemoryCluster) -> list[str]:
    """What a witness has against all that happened."""
    names = [each["metadata"]["name"] for each in cluster.all(NODES)]
    witness = Witness(dict.fromkeys(names, 0), {name: name[:2] for name in names})
    for _, kind, event in cluster.log:
        seen = {"type": event.type, "object": event.object}
        if kind == PLACEMENTS or (kind == PODS and "annotations" in event.object["metadata"]):
            (witness.pod_seen if kind == PODS else witness.placement_seen)(seen)
    return list(witness.broken)


def victims(cluster: MemoryCluster) -> set[str]:
    """Systems of which pods were deleted."""
    return {
        event.object["metadata"]["labels"]["espalier.dev/system"]
        for event in cluster.since(PODS, 0)
        if "deletionTimestamp" in event.object["metadata"]
    }


async def test_the_fewest_leave_for_a_higher_priority_and_come_back_when_there_is_room() -> None:
    cluster = fleet(4)
    async with garden(cluster) as made:
        made.plant(system("batch", "low", copies=2, pods=2))
        await made.until_ready(batch=4)
        urgent = made.plant(system("urgent", "high", pods=2))
        await made.until_ready(batch=2, urgent=2)
        sentence = await made.until_told("batch", "Preempted")
        assert "made way for gang urgent-0 of default/urgent, whose pods have the higher priority 100" in sentence
        deleted = [each for each in cluster.since(PODS, 0) if each.type == "DELETED"]
        assert len(deleted) == 2, "one gang of two pods is enough"
        made.kept.pop().cancel()
        await urgent.until_gone()
        await made.until_ready(batch=4)
        assert all(not each.get("status", {}).get("displaced") for each in cluster.all(PLACEMENTS))


async def test_who_was_preempted_is_as_old_as_its_waiting_and_not_as_its_placement() -> None:
    """All objects of this cluster are as old as the year."""
    cluster = fleet(2)
    async with garden(cluster) as made:
        made.plant(system("batch", "low", pods=2))
        await made.until_ready(batch=2)
        made.plant(system("urgent", "high", pods=2))
        await made.until_ready(urgent=2)
        await made.until_told("batch", "Preempted")
        assert (aged(made.agent, timedelta()), aged(made.agent, PASSED_BY_FOR)) == ([False], [True])


def aged(agent: Agent, later: timedelta) -> list[bool]:
    """Of all who wait, by then."""
    demands = Demands(agent.census, agent.cases.acceptances, lambda: datetime.now(UTC) + later)
    return [want.aged for want in queue(agent.census, demands)]


async def test_what_is_above_a_minimum_goes_first() -> None:
    cluster = fleet(4)
    async with garden(cluster) as made:
        made.plant(system("grown", "low", pods=2, least=1))
        made.plant(system("least", "low", pods=2))
        await made.until_ready(grown=2, least=2)
        made.plant(system("urgent", "high"))
        await made.until_ready(grown=1, least=2, urgent=1)


async def test_room_changes_hands_only_when_it_is_free() -> None:
    cluster = fleet(2)
    async with garden(cluster) as made:
        await begun(made)
        made.plant(system("small", "low"))
        await made.until_told("small", "InsufficientCapacity")
        granted = [each for each in cluster.all(PLACEMENTS) if each["spec"]["system"] == "urgent"]
        assert not any(each.get("status", {}).get("nodes") for each in granted)
        made.kubelets.finishing = True
        await made.until_ready(urgent=2)


async def test_nobody_leaves_for_an_equal_priority_or_for_one_that_says_never() -> None:
    cluster = fleet(2)
    async with garden(cluster) as made:
        made.plant(system("first", "high", pods=2))
        await made.until_ready(first=2)
        made.plant(system("second", "high"))
        await made.until_told("second", "InsufficientCapacity")
    cluster = fleet(2)
    async with garden(cluster) as made:
        made.plant(system("first", "low", pods=2))
        await made.until_ready(first=2)
        made.plant(system("meek", "meek"))
        await made.until_told("meek", "InsufficientCapacity")
        assert victims(cluster) == set()


async def test_the_cheapest_domain_is_cleared_and_foreign_pods_stay() -> None:
    cluster = fleet(2, 2)
    cluster.put(PODS, foreign("daemon", "z0n0"))
    async with garden(cluster) as made:
        made.plant(system("batch", "low", copies=3))
        await made.until_ready(batch=3)
        made.plant(system("urgent", "high", pods=2, within="zone"))
        await made.until_ready(batch=1, urgent=2)
        assert {pod["spec"]["nodeName"][:2] for pod in of(cluster, "urgent")} == {"z1"}
        assert cluster.objects.get(("pods", "default", "daemon"))
        assert not broken_rules(cluster)


async def test_a_new_agent_takes_up_what_was_begun() -> None:
    cluster = fleet(2)
    async with garden(cluster) as made:
        await begun(made)
    async with garden(cluster) as made:
        made.plant(system("batch", "low", pods=2))
        made.plant(system("urgent", "high", pods=2))
        await made.until_ready(urgent=2)
        await made.until_told("batch", "Preempted")


def of(cluster: MemoryCluster, name: str) -> Iterable[dict[str, dict[str, str]]]:
    return [pod for pod in cluster.all(PODS) if pod["metadata"].get("labels", {}).get("espalier.dev/system") == name]


async def test_two_gangs_that_lost_a_node_each_move_as_few_pods_as_can_be() -> None:
    """In turn, the three would go elsewhere and two pods move; together, the one that is left of two goes, and the three stay."""
    cluster = fleet(5, 3)
    for index in range(3):
        cluster.put(PODS, foreign(f"other-{index}", f"z1n{index}"))
    async with garden(cluster) as made:
        made.plant(system("three", "", pods=3, within="zone"))
        await made.until_ready(three=3)
        made.plant(system("two", "", pods=2, within="zone"))
        await made.until_ready(two=2, three=3)
        assert {node[:2] for node in nodes_of(cluster, "two") | nodes_of(cluster, "three")} == {"z0"}
        stay = {pod["metadata"]["uid"] for pod in of(cluster, "three")}
        for index in range(3):
            cluster.remove(PODS, f"other-{index}", "default", at_once=True)
        lost = {min(nodes_of(cluster, "three")), min(nodes_of(cluster, "two"))}
        for name in lost:
            cluster.remove(NODES, name)
        await eventually(lambda: left(cluster, lost))
        await made.until_ready(two=2, three=3)
        assert {node[:2] for node in nodes_of(cluster, "two")} == {"z1"}
        assert {node[:2] for node in nodes_of(cluster, "three")} == {"z0"}
        assert len(stay & {pod["metadata"]["uid"] for pod in of(cluster, "three")}) == 2
        assert not broken_rules(cluster)


async def left(cluster: MemoryCluster, lost: set[str]) -> bool:
    """Whether none of their pods is on these nodes any more."""
    return not lost & (nodes_of(cluster, "three") | nodes_of(cluster, "two"))


def nodes_of(cluster: MemoryCluster, name: str) -> set[str]:
    return {pod["spec"]["nodeName"] for pod in of(cluster, name) if "nodeName" in pod["spec"]}
