"""Rolling updates of Grove's own manifest, as its users see them: what is changed, and which pods come and go meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from specs.sections import section
from tests.cluster.api import Json
from tests.cluster.hearing import heard
from tests.golden.grove_script import MANIFESTS, GroveScript
from tests.workers.tenancy import is_ready

ALL = ("pc-a", "pc-b", "pc-c")
GROUP = "grove.io/podcliquescalinggroup"
PODS_OF_A_REPLICA = 4
"""Of the scaling group; the other units are one pod each."""
OLD, NEW = "registry:5001/busybox:latest", "registry.local/new:2"
DONE_S = 120


@dataclass
class Watched:
    """What was seen of pods since, event by event. A unit counts from when it was whole first until it is scaled away."""

    pods: dict[str, Json]
    most: dict[str, int] = field(default_factory=dict[str, int])
    """Most pods of a clique, replicas of a group, and replicas of the set that were not whole at once."""
    added: list[str] = field(default_factory=list[str])
    deleted: list[str] = field(default_factory=list[str])
    manifests: list[Mapping[str, str]] = field(default_factory=lambda: [dict.fromkeys(ALL, OLD)])
    """Image of each clique, in every one so far."""
    mixed: list[str] = field(default_factory=list[str])
    """Units whose pods were of no one manifest, and what they ran."""
    _counted: set[str] = field(default_factory=set[str])
    _going: tuple[str, ...] = ()

    def take(self, kind: str, pod: Json) -> None:
        name = pod["metadata"]["name"]
        if kind == "DELETED":
            self.deleted.append(name)
            self.pods.pop(name, None)
        else:
            self.added += [name] if kind == "ADDED" else []
            self.pods[name] = pod
        self.count()

    async def second_has_begun(self) -> bool:
        """A pod of copy 1 was taken."""
        return any(name.startswith("workload1-1-") for name in self.deleted)

    def changed(self, *cliques: str, image: str = NEW) -> None:
        """A manifest as `change` writes it is about to be applied."""
        self.manifests.append({clique: image if clique in cliques else OLD for clique in ALL})

    def scaled_away(self, *units: str) -> None:
        """What begins so is to go, and nothing else."""
        self._going = units
        self._counted = {unit for unit in self._counted if not unit.startswith(units)}

    def count(self) -> None:
        units: dict[str, list[Json]] = {}
        for pod in self.pods.values():
            units.setdefault(unit_of(pod), []).append(pod)
        whole = {unit for unit, pods in units.items() if sum(map(is_ready, pods)) == size_of(unit)}
        self._counted |= {unit for unit in whole if not unit.startswith(self._going)}
        lacking = self._counted - whole
        parts = [unit.rpartition(":")[0] for unit in lacking]
        for part in parts:
            self.most[part] = max(self.most.get(part, 0), parts.count(part))
        self.most["copies"] = max(self.most.get("copies", 0), len({part.split("-")[1] for part in parts}))
        self.mixed += [f"{unit}: {images_of(pods)}" for unit, pods in units.items() if not self._of_one_manifest(images_of(pods))]

    def _of_one_manifest(self, images: Mapping[str, set[str]]) -> bool:
        return any(all(found == {each[clique]} for clique, found in images.items()) for each in self.manifests)


def unit_of(pod: Json) -> str:
    """`workload1-0-sg-x:1` for any pod of that replica, `workload1-0-pc-a:0` for a pod by itself."""
    labels = pod["metadata"]["labels"]
    part = str(labels.get(GROUP) or labels["grove.io/podclique"])
    return f"{part}:{pod['spec']['hostname'].removeprefix(f'{part}-').partition('-')[0]}"


def size_of(unit: str) -> int:
    return PODS_OF_A_REPLICA if "-sg-x:" in unit else 1


def images_of(pods: list[Json]) -> dict[str, set[str]]:
    """Clique -> images of those that stay."""
    found: dict[str, set[str]] = {}
    for pod in (each for each in pods if "deletionTimestamp" not in each["metadata"]):
        clique = "pc-" + pod["metadata"]["labels"]["grove.io/podclique"].rpartition("-pc-")[2]
        found.setdefault(clique, set()).add(pod["spec"]["containers"][0]["image"])
    return found


@asynccontextmanager
async def watching(grove: GroveScript) -> AsyncGenerator[Watched]:
    """Counts over the pods that are there now."""
    seen = Watched({})
    async with heard(grove.api, f"/api/v1/namespaces/{grove.namespace}/pods", seen.take) as there:
        seen.pods = {pod["metadata"]["name"]: pod for pod in there}
        seen.count()
        yield seen


async def running(grove: GroveScript, copies: int = 1) -> None:
    await grove.apply("workload1")
    if copies > 1:
        await grove.scale(copies=copies)
    await grove.until(ready=10 * copies, pending=0)


async def change(grove: GroveScript, *cliques: str, image: str = NEW, **also: Any) -> None:
    """This image for these, as a user edits and applies the manifest."""
    found = yaml.safe_load((MANIFESTS / "workload1.yaml").read_text())
    for clique in found["spec"]["template"]["cliques"]:
        if clique["name"] in cliques:
            clique["spec"]["podSpec"]["containers"][0]["image"] = image
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
