"""Grove's rolling updates, RU7-RU12, with its own manifest and kubectl, on a real API server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from specs.sections import section
from tests.activities.port import eventually
from tests.cluster.api import Json
from tests.golden.grove_script import MANIFESTS, GroveScript
from tests.workers.tenancy import is_ready

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not MANIFESTS.is_dir(), reason="ESPALIER_DATA names no folder that holds Grove's own manifests"),
]
ALL = ("pc-a", "pc-b", "pc-c")
COPY, GROUP, INDEX = (f"grove.io/podclique{word}" for word in ("set-replica-index", "scalinggroup", "scalinggroup-replica-index"))
NEW = "registry.local/new:2"
DONE_S = 120
UNDERWAY = "{.status.updateProgress.currentlyUpdating[0].replicaIndex}"


@dataclass
class Watched:
    """What was seen of pods since, event by event."""

    pods: dict[str, Json]
    most: dict[str, int] = field(default_factory=dict[str, int])
    """Most pods of a clique, replicas of a group, and replicas of the set that were not whole at once."""
    added: list[str] = field(default_factory=list[str])
    deleted: list[str] = field(default_factory=list[str])

    def take(self, kind: str, pod: Json) -> None:
        name = pod["metadata"]["name"]
        if kind == "DELETED":
            self.deleted.append(name)
            self.pods.pop(name, None)
        else:
            self.added += [name] if kind == "ADDED" else []
            self.pods[name] = pod

    async def second_has_begun(self) -> bool:
        """A pod of copy 1 was taken."""
        return any(name.startswith("workload1-1-") for name in self.deleted)

    def count(self, wanted: dict[str, str]) -> None:
        """`wanted`: host name of each pod -> the part that it is counted in; only these count."""
        whole = {pod["spec"]["hostname"] for pod in self.pods.values() if is_ready(pod)}
        lacking = {host for host in wanted if host not in whole}
        units = {unit_of(host, wanted[host]) for host in lacking}
        for part in {wanted[host] for host in lacking}:
            self.most[part] = max(self.most.get(part, 0), sum(each.startswith(f"{part}:") for each in units))
        self.most["copies"] = max(self.most.get("copies", 0), len({wanted[host].split("-")[1] for host in lacking}))


def unit_of(host: str, part: str) -> str:
    """`workload1-0-sg-x:1` for any pod of that replica, `workload1-0-pc-a:0` for a pod by itself."""
    return f"{part}:{host.removeprefix(f'{part}-').partition('-')[0]}"


def part_of(pod: Json) -> str:
    labels = pod["metadata"]["labels"]
    return str(labels.get(GROUP) or labels["grove.io/podclique"])


@asynccontextmanager
async def watching(grove: GroveScript) -> AsyncGenerator[Watched]:
    """Counts over the pods that are there now."""
    path = f"/api/v1/namespaces/{grove.namespace}/pods"
    listed = await grove.api.get(path)
    seen = Watched({pod["metadata"]["name"]: pod for pod in listed["items"]})
    wanted = {pod["spec"]["hostname"]: part_of(pod) for pod in listed["items"]}

    async def listen() -> None:
        async with aclosing(grove.api.watch(path, listed["metadata"]["resourceVersion"])) as events:
            async for event in events:
                seen.take(event["type"], event["object"])
                seen.count(wanted)

    listening = asyncio.create_task(listen())
    try:
        yield seen
    finally:
        listening.cancel()


async def running(grove: GroveScript, copies: int = 1) -> None:
    await grove.apply("workload1")
    if copies > 1:
        await grove.scale(copies=copies)
    await grove.until(ready=10 * copies, pending=0)


async def change(grove: GroveScript, *cliques: str, **also: Any) -> None:
    """A new image for these, as a user edits and applies the manifest."""
    found = yaml.safe_load((MANIFESTS / "workload1.yaml").read_text())
    for clique in found["spec"]["template"]["cliques"]:
        if clique["name"] in cliques:
            clique["spec"]["podSpec"]["containers"][0]["image"] = NEW
    found["spec"] |= {"replicas": grove.copies, **also}
    await grove.kubectl("apply", "-n", grove.namespace, "-f", "-", given=yaml.safe_dump(found))


async def done(grove: GroveScript, copies: int = 1) -> Json:
    """As Grove's own tests take an update to be over."""
    path = f"/apis/grove.io/v1alpha1/namespaces/{grove.namespace}/podcliquesets/{grove.system}"
    status: Json = {}
    async with asyncio.timeout(DONE_S):
        while status.get("updatedReplicas") != copies or not section(status, "updateProgress").get("updateEndedAt"):
            await asyncio.sleep(0.2)
            status = (await grove.api.get(path))["status"]
    return status


async def images(grove: GroveScript) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pod in await grove.pods():
        clique = pod["metadata"]["labels"]["grove.io/podclique"].rpartition("-pc-")[2]
        found.setdefault(f"pc-{clique}", set()).add(pod["spec"]["containers"][0]["image"])
    return found


#           changed   pods that are replaced, of one replica of the set
UPDATES = {
    "RU7": (("pc-a",), 2),
    "RU8": (("pc-b",), 8),
    "RU9": (ALL, 10),
}  # fmt: skip


@pytest.mark.parametrize(("cliques", "replaced"), UPDATES.values(), ids=UPDATES)
async def test_one_of_each_is_in_flight(cliques: tuple[str, ...], replaced: int, grove: GroveScript) -> None:
    await grove.room(10)
    await running(grove)
    async with watching(grove) as seen:
        await change(grove, *cliques)
        status = await done(grove)
        await grove.until(ready=10, pending=0)
    assert set(seen.most.values()) == {1}, seen.most
    assert (len(seen.added), len(seen.deleted)) == (replaced, replaced)
    assert all(found == {NEW} for clique, found in (await images(grove)).items() if clique in cliques)
    assert status["updateProgress"]["totalPodCliquesCount"] == status["updateProgress"]["updatedPodCliquesCount"] == 5


async def test_ru10_where_no_node_takes_pods_one_goes_and_no_more(grove: GroveScript) -> None:
    await grove.room(10)
    await running(grove)
    await grove.room(0)
    async with watching(grove) as seen:
        await change(grove, "pc-a")
        await grove.until(ready=9, pending=1)
        assert (len(seen.added), len(seen.deleted)) == (1, 1)
        printed = await grove.kubectl("get", "pcs", grove.system, "-n", grove.namespace, "-o", f"jsonpath={UNDERWAY}")
        assert printed == "0"
        await grove.room(10)
        await done(grove)
    await grove.until(ready=10, pending=0)
    assert set(seen.most.values()) == {1}, seen.most


async def test_ru11_a_replica_more_while_an_update_is_under_way(grove: GroveScript) -> None:
    await grove.room(30)
    await running(grove, copies=2)
    async with watching(grove) as seen:
        await change(grove, "pc-a")
        await asyncio.sleep(0.1)
        await grove.scale(copies=3)
        await done(grove, copies=3)
    await grove.until(ready=30, pending=0)
    assert set(seen.most.values()) == {1}, seen.most
    assert (await images(grove))["pc-a"] == {NEW}


async def test_ru12_a_replica_less_while_it_is_updated(grove: GroveScript) -> None:
    await grove.room(30)
    await running(grove, copies=2)
    async with watching(grove) as seen:
        await change(grove, *ALL)
        await eventually(seen.second_has_begun, DONE_S)
        assert set(seen.most.values()) == {1}, seen.most
        await grove.scale(copies=1)
        await done(grove)
    await grove.until(ready=10, pending=0)
    assert all(found == {NEW} for found in (await images(grove)).values())


async def test_on_delete_a_deleted_pod_comes_back_new_and_nothing_else_is_touched(grove: GroveScript) -> None:
    await grove.room(10)
    await running(grove)
    before = {pod["metadata"]["name"]: pod for pod in await grove.pods()}
    await change(grove, *ALL, updateStrategy={"type": "OnDelete"})
    status = await done(grove, copies=0)
    assert status["updateProgress"]["updateEndedAt"] == status["updateProgress"]["updateStartedAt"]
    going = [name for name in sorted(before) if "-pc-a-" in name][:1] + [name for name in sorted(before) if "-pc-b-" in name][:1]
    await grove.kubectl("delete", "pod", *going, "-n", grove.namespace)
    await grove.until(ready=10, pending=0)
    new = {pod["metadata"]["name"] for pod in await grove.pods() if pod["spec"]["containers"][0]["image"] == NEW}
    assert len(new) == 2
    assert {pod["metadata"]["name"] for pod in await grove.pods()} == (before.keys() - set(going)) | new
    await change(grove, *ALL, updateStrategy={"type": "RollingRecreate"})
    await done(grove)
    await grove.until(ready=10, pending=0)
    assert {pod["spec"]["containers"][0]["image"] for pod in await grove.pods()} == {NEW}
    assert next(name for name in new if "-pc-a-" in name) in {pod["metadata"]["name"] for pod in await grove.pods()}
