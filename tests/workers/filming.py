"""A film of a system's pods: a frame for each change that the API server tells of."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.cluster.api import Api, Json
from tests.cluster.hearing import heard
from tests.workers.tenancy import is_ready

PODS = "/api/v1/namespaces/default/pods"
SELECTOR = {"labelSelector": "espalier.dev/system=llama"}
SLOT = "espalier.dev/slot"


@dataclass(frozen=True)
class Shot:
    """One pod that stays."""

    uid: str
    image: str
    """Its tag."""
    node: str
    ready: bool


Frame = Mapping[str, Shot]
"""By slot, without the first copy's number: `prefill/0`, `1/prefill/0`."""


@dataclass
class Film:
    """All frames, and every pod that ever was."""

    frames: list[Frame] = field(default_factory=list[Frame])
    made: dict[str, str] = field(default_factory=dict[str, str])
    """Uid -> image."""
    _pods: dict[str, Json] = field(default_factory=dict[str, Json])

    def take(self, kind: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        self._pods.pop(uid, None) if kind == "DELETED" else self._pods.__setitem__(uid, pod)
        self.made[uid] = shot(pod).image
        self.frames.append(frame_of(self._pods.values()))

    def total(self, member: str) -> Iterator[int]:
        """Pods of a member, frame by frame."""
        return (len(of(each, member)) for each in self.frames)

    def ready(self, member: str) -> Iterator[int]:
        return (sum(each.ready for each in of(frame, member)) for frame in self.frames)

    def counts(self, *members: str, image: str) -> list[tuple[int, ...]]:
        """Pods of each member with that image, frame by frame."""
        return [tuple(sum(each.image == image for each in of(frame, member)) for member in members) for frame in self.frames]


def shot(pod: Json) -> Shot:
    image = pod["spec"]["containers"][0]["image"].partition(":")[2]
    return Shot(pod["metadata"]["uid"], image, pod["spec"].get("nodeName", ""), is_ready(pod))


def frame_of(pods: Iterable[Json]) -> Frame:
    staying = (pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
    return {pod["metadata"]["annotations"][SLOT].removeprefix("0/"): shot(pod) for pod in staying}


def of(frame: Frame, member: str) -> list[Shot]:
    return [each for slot, each in frame.items() if slot.startswith(f"{member}/")]


async def now(api: Api) -> Frame:
    return frame_of(await api.items(PODS, **SELECTOR))


@asynccontextmanager
async def filming(api: Api) -> AsyncGenerator[Film]:
    """From what is there now until the body has run."""
    film = Film()
    async with heard(api, PODS, film.take, **SELECTOR) as there:
        for pod in there:
            film.take("ADDED", pod)
        film.frames = film.frames[-1:]
        yield film
