"""The same calls, drawn at random, to a real API server and to the simulated one: the same answers, as far as they matter."""

import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, CRDS, NAMESPACES, PODS, Busy, Kind, Kube, Manifest, Refused
from tests.activities.conftest import served
from tests.activities.port import GATE, WIDGETS, config, eventually, gated_pod, pinned, widget, widgets_definition
from tests.cluster.controlplane import ControlPlane
from workers.simulated.cluster import Cluster
from workers.simulated.serving import running

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
NAMES = ("a", "b", "c")
CALLS = 150
SEEDS = (2, 15, 26, 30, 63, 123)
"""Each has caught the simulated one at something: finalizers, pods that leave, empty labels, replicas written through scale."""
Play = Callable[["Side"], Awaitable[Manifest | None]]


@dataclass
class Side:
    """One of the two servers, and what was read there last."""

    kube: Kube
    room: str
    read: dict[tuple[str, str], Manifest]


@pytest_asyncio.fixture
async def sides(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Sequence[Side]]:
    room = f"both-{uuid.uuid4().hex[:8]}"
    real = await from_kubeconfig(str(control_plane.access.kubeconfig))
    async with running(Cluster(), 0, tmp_path / "kubeconfig"):
        simulated = await from_kubeconfig(str(tmp_path / "kubeconfig"))
        async with HttpKube(real) as one, HttpKube(simulated) as other:
            for kube in (one, other):
                await kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": room}})
                await kube.apply(CRDS, widgets_definition(), manager="tests")
            await eventually(lambda: served(one, WIDGETS))
            await eventually(lambda: served(other, WIDGETS))
            yield Side(one, room, {}), Side(other, room, {})
            await one.delete(NAMESPACES, room)


@pytest.mark.parametrize("seed", SEEDS)
async def test_both_answer_the_same(seed: int, sides: Sequence[Side]) -> None:
    chance = random.Random(seed)
    for number in range(CALLS):
        words, play = drawn(chance)
        real, simulated = [await answer(play, side) for side in sides]
        assert simulated == real, f"call {number} of seed {seed}: {words}"


async def answer(play: Play, side: Side) -> object:
    """What matters of an answer: the word for a refusal, or the parts of an object that clients rely on."""
    try:
        found = await play(side)
    except (Refused, Busy) as error:
        return type(error).__name__, getattr(error, "status", 0)
    if found is None:
        return None
    metadata = found["metadata"]
    spec = found.get("spec", {})
    parts = {key: spec.get(key) for key in ("replicas", "nodeSelector", "schedulingGates", "affinity")}
    meta = {key: metadata.get(key) for key in ("name", "namespace", "labels", "finalizers")}
    return meta, bool(metadata.get("deletionTimestamp")), found.get("data"), parts, found.get("status", {}).get("seen")


def drawn(chance: random.Random) -> tuple[str, Play]:
    """A call, and words for it."""
    kind = chance.choice((CONFIG_MAPS, CONFIG_MAPS, WIDGETS, PODS))
    name, number = chance.choice(NAMES), chance.randrange(3)
    verbs: dict[str, Play] = {
        "create": lambda side: made(side, kind, name, number),
        "get": lambda side: got(side, kind, name),
        "label": lambda side: side.kube.patch(kind, name, {"metadata": {"labels": {"n": str(number)}}}, side.room),
        "change": lambda side: side.kube.patch(kind, name, change(kind, number), side.room),
        "stale": lambda side: stale(side, kind, name, number),
        "test": lambda side: side.kube.patch(kind, name, looked(number), side.room),
        "apply": lambda side: wanted(side, kind, name, number),
        "status": lambda side: side.kube.patch(WIDGETS, name, {"status": {"seen": number}}, side.room, "status"),
        "scale": lambda side: scaled(side, name, number),
        "hold": lambda side: held(side, kind, name, ["x.espalier.dev/y", "x.espalier.dev/z"][:number] or None),
        "release": lambda side: side.kube.patch(PODS, name, released(number), side.room),
        "delete": lambda side: deleted(side, kind, name),
    }  # fmt: skip
    verb = chance.choice(list(verbs))
    if verb == "apply" and kind == PODS:
        verb = "get"
    return f"{verb} {kind.plural} {name} {number}", verbs[verb]


async def made(side: Side, kind: Kind, name: str, number: int) -> Manifest:
    if kind == PODS:
        return await side.kube.create(kind, gated_pod(side.room, name))
    if kind == WIDGETS:
        return await side.kube.create(kind, widget(side.room, name))
    return await side.kube.create(kind, config(side.room, name, {"n": str(number)}, a=str(number)))


async def got(side: Side, kind: Kind, name: str) -> Manifest:
    found = side.read[kind.plural, name] = await side.kube.get(kind, name, side.room)
    return found


async def stale(side: Side, kind: Kind, name: str, number: int) -> Manifest | None:
    """A replacement of what was read last, which may have been overtaken."""
    known = side.read.get((kind.plural, name))
    if known is None or kind == PODS:
        return None
    return await side.kube.replace(kind, {**known, "metadata": {**known["metadata"], "labels": {"replaced": str(number)}}})


async def scaled(side: Side, name: str, number: int) -> Manifest | None:
    scale = await side.kube.patch(WIDGETS, name, {"spec": {"replicas": number}}, side.room, "scale")
    return {"metadata": {"name": scale["metadata"]["name"]}, "spec": scale["spec"]}


async def wanted(side: Side, kind: Kind, name: str, number: int) -> Manifest:
    return await side.kube.apply(kind, applied(side.room, kind, name, number), manager=f"m{number % 2}", force=number > 0)


async def held(side: Side, kind: Kind, name: str, finalizers: list[str] | None) -> Manifest:
    return await side.kube.patch(kind, name, {"metadata": {"finalizers": finalizers}}, side.room)


async def deleted(side: Side, kind: Kind, name: str) -> None:
    await side.kube.delete(kind, name, side.room)


def change(kind: Kind, number: int) -> Manifest:
    if kind == CONFIG_MAPS:
        return {"data": {"a": str(number), "b": None if number else "b"}}
    return {"spec": {"replicas": number}} if kind == WIDGETS else {"spec": {"nodeSelector": {"only": str(number)}}}


def looked(number: int) -> list[dict[str, Any]]:
    return [
        {"op": "test", "path": "/metadata/labels/n", "value": str(number)},
        {"op": "replace", "path": "/metadata/labels/n", "value": str(number + 1)},
    ]


def applied(room: str, kind: Kind, name: str, number: int) -> Manifest:
    if kind == WIDGETS:
        return widget(room, name, number)
    return config(room, name, {} if number == 2 else {"n": str(number)}, **{"a": "1"} if number else {"a": "2", "c": "3"})


def released(number: int) -> list[dict[str, Any]]:
    ungate = [
        {"op": "test", "path": "/spec/schedulingGates/0/name", "value": GATE},
        {"op": "remove", "path": "/spec/schedulingGates/0"},
    ]
    return ungate if number else [*ungate, {"op": "add", "path": "/spec/affinity", "value": {"nodeAffinity": pinned("nowhere")}}]
