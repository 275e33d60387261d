"""Whatever is edited, lost or gone back to on the way: the end is that of the last manifest, submitted to an empty cluster."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from activities.cache.placements import read_placement
from activities.cluster.kube import BUDGETS, MEMBERS, PLACEMENTS, PODS, SERVICES
from activities.state.versions import Versions
from specs.counts import slots
from specs.revisions import revision_hash
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener, chosen
from tests.activities.memory_kube import MemoryCluster
from tests.activities.test_edits import declared, gangs, group, names, pods
from tests.activities.test_repair import running, zones
from tests.activities.test_rollout import edit


def role(name: str, replicas: int, image: int, cpus: int) -> dict[str, Any]:
    container = {"name": "main", "image": f"server:{image}", "resources": {"requests": {"cpu": str(cpus)}}}
    return {"role": name, "replicas": replicas, "template": {"spec": {"containers": [container]}}}


@st.composite
def systems(draw: st.DrawFn) -> InferenceSystem:
    """Two group replicas of workers, with or without a probe; with or without routers beside them; anywhere, or in one zone."""
    image, cpus = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 40]))
    inside = [role("probe", 1, 1, 1)] if draw(st.booleans()) else []
    worker = role("worker", draw(st.sampled_from([1, 2])), image, cpus)
    decode = group("decode", 2, worker, *inside, minAvailable=draw(st.integers(0, 2)))
    beside = [role("router", draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 2])), 1)] if draw(st.booleans()) else []
    place = {"place": {"within": "zone"}} if draw(st.booleans()) else {}
    return declared(decode, *beside, start=draw(st.sampled_from(["anyOrder", "inOrder"])), **place)


@dataclass
class Turn:
    """An edit, and what goes on until the next."""

    system: InferenceSystem
    steps: int
    lost: int | None
    """Which pod is lost then, if any."""
    workers: int | None = None
    """To how many in each replica it is scaled before, if at all."""


turns = st.builds(Turn, systems(), st.integers(0, 12), st.none() | st.integers(0, 9), st.none() | st.integers(1, 3))


def of_cpus(cpus: int, *inside: dict[str, Any], workers: int = 1) -> InferenceSystem:
    return declared(group("decode", 2, role("worker", workers, 1, cpus), *inside, minAvailable=0), start="anyOrder")


def joined_by_a_probe(steps: int) -> list[Turn]:
    """A probe joins units, one of which keeps its workers: before its turn comes they are again to be what they are."""
    probe = role("probe", 1, 1, 1)
    return [Turn(of_cpus(1, probe), steps, None), Turn(of_cpus(40, probe), 0, None)]


def scaled_to_what_starts_later() -> list[Turn]:
    """A worker is held until its unit is updated, which a lost pod puts off; then scaling asks for it."""
    wider = of_cpus(40, workers=2)
    return [Turn(wider, 4, lost=0), Turn(wider, 0, None, workers=2)]


def largest() -> InferenceSystem:
    """All that may be of one, in a zone."""
    decode, router = group("decode", 2, role("worker", 1, 1, 1), role("probe", 1, 1, 1), minAvailable=2), role("router", 2, 1, 1)
    return declared(decode, router, start="inOrder", place={"within": "zone"})


UNSHRUNK = [Phase.explicit, Phase.generate]
"""What an example does depends on timing too, and each takes a second: the time limit would end the shrinking, unsaid."""


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=UNSHRUNK)
@given(first=systems(), edits=st.lists(turns, min_size=1, max_size=4))
@example(first=of_cpus(40), edits=joined_by_a_probe(3)).via("the probe has its place, and no pod yet")
@example(first=of_cpus(40), edits=joined_by_a_probe(4)).via("the probe has its pod")
@example(first=of_cpus(1), edits=scaled_to_what_starts_later()).via("the worker has its pod, held")
@example(first=largest(), edits=[Turn(largest(), 0, None, workers=3)]).via("a zone has room for it")
def test_the_end_is_that_of_the_last_manifest(first: InferenceSystem, edits: list[Turn]) -> None:
    asyncio.run(lived(first, edits))


ROOM = 11, 11
"""Nodes by zone, for a pod each: one more than the largest system has pods, scaled as far as any."""


async def lived(first: InferenceSystem, edits: list[Turn]) -> None:
    cluster = zones(*ROOM)
    async with running(cluster) as agent:
        gardener = Gardener(agent, first)
        await ready(gardener)
        before, there = makings(cluster), started(cluster)
        for turn in edits:
            if turn.workers is not None:
                gardener.counts = {"decode/worker": turn.workers}
            await edit(gardener, turn.system)
            before, there = makings(cluster), started(cluster)
            await some_steps(gardener, turn.steps)
            if turn.lost is not None:
                lose(cluster, gardener, turn.lost)
        lost = edits[-1].lost is not None
        await ready(gardener)
        again = twice(makings(cluster) - before, there)
        assert len(again) <= lost, f"nothing is replaced twice for one edit: {again}"
        ended = told(cluster)
        spared = older(cluster)
        await made_anew(gardener, cluster, spared)
        last = told(cluster)
    assert last == await fresh(edits[-1].system, gardener.counts)
    assert mixed(cluster, [first, *(turn.system for turn in edits)]) == []
    assert {**ended, "older": []} == last, "what is spared is no other than what is made anew"
    if edits[-1].system.spec.place.within:
        assert len({pod["spec"]["nodeName"][:2] for pod in cluster.all(PODS)}) == 1


def made(cluster: MemoryCluster) -> Counter[str]:
    """Pods so far, by slot."""
    return Counter(slot for slot, _ in makings(cluster).elements())


Makings = Counter[tuple[str, str]]
"""Pods by slot and revision."""


def makings(cluster: MemoryCluster) -> Makings:
    """So far."""
    added = (event.object["metadata"] for _, kind, event in cluster.log if kind == PODS and event.type == "ADDED")
    return Counter((each["annotations"]["espalier.dev/slot"], each["labels"]["espalier.dev/revision"]) for each in added)


def started(cluster: MemoryCluster) -> frozenset[str]:
    """Slots that have a pod, but for those that start later: theirs is held until their units are updated."""
    placements = [read_placement(each) for each in cluster.all(PLACEMENTS)]
    later = (slot for each in placements for slot in each.joined if each.starts_later(slot))
    return frozenset(pods(cluster)).difference(later)


def twice(again: Makings, there: Collection[str]) -> set[str]:
    """Slots with two pods of one revision; and those of `there`, that had one, which got pods of several.

    What had none, or one that was held, may join a unit of an older revision: it starts with that, and is replaced with it.
    """
    of = Counter(slot for slot, _ in again)
    return {slot for (slot, _), count in again.items() if count > 1 or (of[slot] > 1 and slot in there)}


async def ready(gardener: Gardener) -> None:
    """All as declared: every pod Ready, all room that is too much given back, every unit of the newest revision."""
    async with asyncio.timeout(20):
        while True:
            seen = await gardener.until({"ready": len(list(slots(gardener.system.spec, gardener.counts)))})
            if (seen.surplus_gangs, seen.outdated, seen.behind, seen.support) == (0, 0, 0, 0):
                return
            await gardener.do("remove" if seen.surplus_gangs else "support")
            await asyncio.sleep(0.002)


async def some_steps(gardener: Gardener, steps: int) -> None:
    for _ in range(steps):
        step = chosen(await gardener.observe())
        if step is not None:
            await gardener.do(step)
        await asyncio.sleep(0.002)


def lose(cluster: MemoryCluster, gardener: Gardener, which: int) -> None:
    there = [pod for pod in cluster.all(PODS) if "deletionTimestamp" not in pod["metadata"]]
    if there:
        cluster.remove(PODS, there[which % len(there)]["metadata"]["name"], "default")
        gardener.versions["pods"] = cluster.version


def older(cluster: MemoryCluster) -> dict[str, str]:
    """Slots that keep an older revision."""
    return {slot: mark for each in cluster.all(PLACEMENTS) for slot, mark in each["spec"].get("revisions", {}).items()}


async def made_anew(gardener: Gardener, cluster: MemoryCluster, spared: dict[str, str]) -> None:
    """A slot keeps an older revision for a pod that is spared only: with that pod it goes."""
    for slot, mark in spared.items():
        pod = pods(cluster)[slot]
        assert pod["metadata"]["labels"]["espalier.dev/revision"] == mark, f"{slot} keeps a revision for no pod"
        cluster.remove(PODS, pod["metadata"]["name"], "default")
        gardener.versions["pods"] = cluster.version
    if spared:
        await ready(gardener)


async def fresh(system: InferenceSystem, counts: dict[str, int]) -> dict[str, object]:
    cluster = zones(*ROOM)
    async with running(cluster) as agent:
        await ready(Gardener(agent, system, counts))
        return told(cluster)


def mixed(cluster: MemoryCluster, declared: list[InferenceSystem]) -> list[str]:
    """Group replicas that ever had pods, such as had been let go, that no one revision has as they were."""
    specs = {revision_hash(each.spec): each.spec for each in declared}
    versions, there, found = Versions(declared[-1].spec, "", specs.get), dict[str, Any](), list[str]()
    for event in (event for _, kind, event in cluster.log if kind == PODS):
        name, pod = event.object["metadata"]["name"], event.object
        there.pop(name, None)
        if event.type != "DELETED" and not pod["spec"].get("schedulingGates"):
            there[name] = pod["metadata"]
        of = defaultdict[str, list[tuple[str, str]]](list)
        for each in there.values():
            slot = each["annotations"]["espalier.dev/slot"]
            of["/".join(slot.split("/")[:3])].append((slot, each["labels"]["espalier.dev/revision"]))
        found += [
            unit
            for unit, held in of.items()
            if not any(all(not versions.changed(slot, its, end) for slot, its in held) for end in specs)
        ]
    return found


def told(cluster: MemoryCluster) -> dict[str, object]:
    """All that there is of the system but names that change with every life, and nodes."""
    return {
        "pods": {slot: pod["spec"]["containers"][0]["resources"] for slot, pod in pods(cluster).items()},
        "images": {slot: pod["spec"]["containers"][0]["image"] for slot, pod in pods(cluster).items()},
        "gangs": gangs(cluster),
        "minimums": {gang["name"]: gang["minimum"] for each in cluster.all(PLACEMENTS) for gang in each["spec"]["gangs"]},
        "members": {each["metadata"]["name"]: each["spec"] for each in cluster.all(MEMBERS)},
        "budgets": {each["metadata"]["name"]: each["spec"] for each in cluster.all(BUDGETS)},
        "services": names(cluster, SERVICES),
        "older": [each["spec"]["revisions"] for each in cluster.all(PLACEMENTS) if each["spec"].get("revisions")],
    }
