"""In what order those that wait are served: priority, need, age, and namespaces by turns."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from activities.cache.accepted import Accepted
from activities.cache.placements import read_placement
from activities.cluster.kube import NODES, Manifest
from activities.room import demands
from activities.room.demands import Asked, Want
from activities.room.queueing import heads, in_order
from specs.gangs import Gang
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_repair import ZONE, running
from tests.activities.test_turns import tight
from tests.topology.fleets import shape
from topology.line.line import MOST


def want(text: str) -> Want:
    """`a/x 3 4`: system x of namespace a, asked for in second 3, wants 4 GPUs; then `aged`, `growth`, `p7` for priority 7."""
    name, second, gpus, *more = text.split()
    namespace, _, system = name.partition("/")
    priority = next((int(word[1:]) for word in more if word.startswith("p")), 0)
    metadata = {"namespace": namespace, "name": system, "uid": name, "resourceVersion": "1"}
    placement = read_placement({
        "metadata": {**metadata, "creationTimestamp": f"2026-01-01T00:00:{int(second):02}Z"},
        "spec": {"system": system, "priority": priority, "gangs": [{"name": system, "slots": ["0/w/0"]}]},
    })  # fmt: skip
    asked = Asked((namespace, system), system, "growth" not in more, {"0/w/0": placement})
    accepted = cast(Accepted, SimpleNamespace(shapes={"w": shape(int(gpus))}))
    return Want(asked, accepted, cast(Gang, None), {}, {}, aged="aged" in more)


def served(*texts: str) -> list[str]:
    return ["/".join(each.asked.key) for each in in_order(map(want, texts))]


#                                 who waits                                                      in this order
ORDERS: dict[str, tuple[list[str], list[str]]] = {
    "age":                       (["a/y 2 1", "a/x 1 1"],                                        ["a/x", "a/y"]),
    "priority before age":       (["a/x 1 1", "a/y 2 1 p5"],                                     ["a/y", "a/x"]),
    "base before growth":        (["a/x 1 1 growth", "a/y 2 1"],                                 ["a/y", "a/x"]),
    "namespaces by turns":       (["a/x 1 1", "a/y 2 1", "a/z 3 1", "b/v 4 1", "b/w 5 1"],  ["a/x", "b/v", "a/y", "b/w", "a/z"]),
    "a large one counts more":   (["a/x 1 8", "a/y 2 1", "b/u 3 2", "b/v 4 2", "b/w 5 9"],  ["a/x", "b/u", "b/v", "b/w", "a/y"]),
    "too long is before turns":  (["a/x 1 8 aged", "a/y 2 8 aged", "b/v 3 1"],                   ["a/x", "a/y", "b/v"]),
    "priority is before turns":  (["a/x 1 1 p1", "a/y 2 1 p1", "b/v 3 1"],                       ["a/x", "a/y", "b/v"]),
}  # fmt: skip


@pytest.mark.parametrize(("waits", "order"), ORDERS.values(), ids=ORDERS)
def test_the_order(waits: list[str], order: list[str]) -> None:
    assert served(*waits) == order
    assert served(*reversed(waits)) == order


def test_higher_priorities_do_not_push_the_aged_out_of_sight() -> None:
    urgent = [f"a/x{number} 1 1 p5" for number in range(2 * MOST)]
    aged = [f"a/z{number} {number} 1 aged" for number in range(2 * MOST)]
    minded = ["/".join(each.asked.key) for each in heads(in_order(map(want, (*urgent, *aged))))]
    assert sorted(minded) == sorted([f"a/z{number}" for number in range(MOST)] + served(*urgent)[:MOST])


def test_nobody_gets_twice_before_another_gets_once() -> None:
    """At any point of the order no namespace that still waits is behind another by more than one gang's size."""
    many = [f"a/x{number} {number} {1 + number % 4}" for number in range(30)]
    few = [f"b/y{number} {30 + number} {1 + number % 3}" for number in range(10)]
    sizes = {text.split()[0]: int(text.split()[2]) for text in (*many, *few)}
    got = {"a": 0, "b": 0}
    order = served(*many, *few)
    for place, name in enumerate(order):
        waiting = {each[0] for each in order[place:]}
        if len(waiting) == 2:
            assert abs(got["a"] - got["b"]) <= 4
        got[name[0]] += sizes[name]


def system(namespace: str, name: str, pods: int) -> InferenceSystem:
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    members = [{"role": "worker", "replicas": pods, "template": template}]
    return InferenceSystem.model_validate({"metadata": {"name": name, "namespace": namespace}, "spec": {"members": members}})


async def test_a_crowd_of_one_namespace_does_not_keep_another_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demands, "PASSED_BY_FOR", timedelta(days=10_000))  # objects of this cluster are all as old as the year
    cluster = tight()
    async with running(cluster) as agent:
        crowd = [Gardener(agent, system("crowd", f"c{number}", 6)) for number in range(3)]
        lone = Gardener(agent, system("lone", "z", 6))
        await asyncio.gather(*(each.until({"waiting": 6}) for each in (*crowd, lone)))
        for index in range(4, 12):
            cluster.put(NODES, node(f"n{index}"))
        await asyncio.gather(crowd[0].until({"ready": 6}), lone.until({"ready": 6}))


def grouped(name: str, pods: int) -> InferenceSystem:
    """One server of so many pods in one zone."""
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    group = {"group": "server", "replicas": 1, "place": {"within": "zone"}}
    members = [{**group, "members": [{"role": "worker", "replicas": pods, "template": template}]}]
    return InferenceSystem.model_validate({"metadata": {"name": name, "namespace": "team"}, "spec": {"members": members}})


def closed() -> tuple[MemoryCluster, Manifest]:
    """A cluster of one node, which is cordoned; and the node as it will be: with room for four pods."""
    cluster, room = MemoryCluster(), node("n", pods=4)
    room["metadata"]["labels"][ZONE] = "z"
    cluster.put(NODES, {**room, "spec": {"unschedulable": True}})
    return cluster, room


async def told_when_room_comes(first: int) -> str:
    """A gang that is first by name and a larger one that uses all the room: `first` gets it; what the other is told."""
    cluster, room = closed()
    async with running(cluster) as agent:
        gardeners = [Gardener(agent, grouped("a", 3)), Gardener(agent, grouped("b", 4))]
        await asyncio.gather(*(each.until({"waiting": pods}) for each, pods in zip(gardeners, (3, 4), strict=True)))
        cluster.put(NODES, room)
        await gardeners[first].until({"ready": 3 + first})
        (wait,) = (await gardeners[1 - first].until({"waiting": 4 - first})).waits
        return wait.message


async def test_those_who_asked_in_the_same_second_are_solved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demands, "PASSED_BY_FOR", timedelta(days=10_000))
    assert "solved together with 1 more of its priority that asked at the same time" in await told_when_room_comes(first=1)


async def test_who_has_waited_too_long_gives_way_to_nobody() -> None:
    """All objects of this cluster are as old as the year."""
    assert "solved together" not in await told_when_room_comes(first=0)
