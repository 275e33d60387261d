"""Nodes that are evacuated, on a cluster in memory: units leave within their budget, and only for places that they have."""

from activities.cluster.kube import NODES
from specs.names import EVACUATE
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.port import eventually
from tests.activities.test_preempting import broken_rules, fleet, garden, nodes_of, of, system


def mark(cluster: MemoryCluster, *names: str) -> None:
    for name in names:
        cluster.change(NODES, name, {"spec": {"taints": [{"key": EVACUATE, "value": "alice", "effect": "NoSchedule"}]}})


def unmark(cluster: MemoryCluster, *names: str) -> None:
    for name in names:
        cluster.change(NODES, name, {"spec": {"taints": []}})


async def left(cluster: MemoryCluster, name: str, *marked: str) -> bool:
    return nodes_of(cluster, name).isdisjoint(marked)


async def test_units_leave_a_zone_one_by_one_and_each_stays_in_one_zone() -> None:
    cluster = fleet(4, 4)
    async with garden(cluster) as made:
        made.plant(system("llama", "", copies=2, pods=2, within="zone"))
        await made.until_ready(llama=4)
        zone = min(nodes_of(cluster, "llama"))[:2]
        least = 4
        mark(cluster, *(f"{zone}n{index}" for index in range(4)))
        while not await left(cluster, "llama", *(f"{zone}n{index}" for index in range(4))):
            await made.pause()
            least = min(least, made.ready().get("llama", 0))
        await made.until_ready(llama=4)
        assert least == 2, "one copy at a time: the other serves meanwhile"
        assert not broken_rules(cluster)


async def test_it_is_told_which_zones_a_system_is_in() -> None:
    cluster = fleet(2, 2)
    async with garden(cluster) as made:
        llama = made.plant(system("llama", "", pods=2, within="zone"))
        await made.until_ready(llama=2)
        assert set((await llama.observe()).domains) == {min(nodes_of(cluster, "llama"))[:2]}


async def test_what_need_not_move_stays() -> None:
    cluster = fleet(4)
    async with garden(cluster) as made:
        made.plant(system("llama", "", pods=3, within="zone"))
        await made.until_ready(llama=3)
        stay = {pod["metadata"]["uid"] for pod in of(cluster, "llama") if pod["spec"]["nodeName"] != "z0n0"}
        mark(cluster, "z0n0")
        await eventually(lambda: left(cluster, "llama", "z0n0"))
        await made.until_ready(llama=3)
        assert stay <= {pod["metadata"]["uid"] for pod in of(cluster, "llama")}


async def test_without_room_a_unit_runs_on_until_there_is_some() -> None:
    cluster = fleet(2)
    async with garden(cluster) as made:
        grown = made.plant(system("llama", "", pods=2, within="zone"))
        await made.until_ready(llama=2)
        before = {pod["metadata"]["uid"] for pod in of(cluster, "llama")}
        mark(cluster, "z0n0")
        await eventually(lambda: told(grown, "stays until there is room for it elsewhere"))
        assert {pod["metadata"]["uid"] for pod in of(cluster, "llama")} == before
        more = {**cluster.objects["nodes", "", "z0n1"]}
        cluster.put(NODES, {**more, "metadata": {**more["metadata"], "name": "z0n9", "labels": {**more["metadata"]["labels"]}}})
        await eventually(lambda: left(cluster, "llama", "z0n0"))
        await made.until_ready(llama=2)


async def test_withdrawn_before_its_turn_a_unit_stays() -> None:
    cluster = fleet(2)
    async with garden(cluster) as made:
        grown = made.plant(system("llama", "", pods=2, within="zone"))
        await made.until_ready(llama=2)
        before = {pod["metadata"]["uid"] for pod in of(cluster, "llama")}
        mark(cluster, "z0n0")
        await eventually(lambda: told(grown, "stays until"))
        unmark(cluster, "z0n0")
        await eventually(lambda: nothing_told(grown))
        assert {pod["metadata"]["uid"] for pod in of(cluster, "llama")} == before


async def told(gardener: Gardener, words: str) -> bool:
    seen = await gardener.observe()
    return any(words in wait.message for wait in seen.waits)


async def nothing_told(gardener: Gardener) -> bool:
    seen = await gardener.observe()
    return not seen.waits and not seen.evacuating
