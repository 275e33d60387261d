"""The verbs that the golden cases are written in. Each is a step: an async function of the `Script` it plays on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from specs.reading import read
from specs.system import InferenceSystem
from tests.cluster.api import Api, Json
from tests.cluster.nodes import condition
from workflows.client import Systems

SYSTEMS = Path(__file__).parents[1] / "specs" / "systems"
TIMEOUT_S = 60.0
POLL_S = 0.1
SETTLED_S = 0.5
"""A count must hold this long: too many pods would still come."""

Step = Callable[["Script"], Awaitable[None]]


@dataclass
class Script:
    """One case: a namespace of its own, nodes that all cases share, and the product as a client sees it."""

    api: Api
    systems: Systems
    namespace: str
    nodes: tuple[str, ...]
    system: str = ""
    open_nodes: int = -1
    """Unknown at first."""

    @property
    def _pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    async def room(self, count: int) -> None:
        """Leave `count` nodes open and cordon the rest; those that are so already are not touched, so that all change at once."""
        low, high = sorted((self.open_nodes, count)) if self.open_nodes >= 0 else (0, len(self.nodes))
        self.open_nodes = count
        await asyncio.gather(
            *(self._cordon(name, index >= count) for index, name in enumerate(self.nodes) if low <= index < high)
        )

    async def apply(self, name: str, ready_after: str = "") -> None:
        """Submit one of the retold manifests; its pods take so long to become Ready."""
        manifest: Json = yaml.safe_load((SYSTEMS / f"{name}.yaml").read_text())
        manifest["metadata"]["namespace"] = self.namespace
        if ready_after:
            for template in templates(manifest["spec"]):
                template["metadata"] = {"annotations": {"sim.espalier.dev/ready-after": ready_after}}
        (system,) = read(yaml.safe_dump(manifest), name)
        assert isinstance(system, InferenceSystem)
        self.system = str(manifest["metadata"]["name"])
        await self.systems.apply(system)

    async def scale(self, **counts: int) -> None:
        """Set counts by path."""
        await self.systems.scale(self.namespace, self.system, counts)

    async def pods(self) -> list[Json]:
        """Every pod of the case that is not leaving."""
        found = await self.api.items(self._pods)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def until(self, ready: int, pending: int) -> None:
        """Wait for exactly so many Ready and Pending pods, each Pending one explained, and see that it stays so."""
        deadline, since, seen = time.monotonic() + TIMEOUT_S, 0.0, (0, 0, 0)
        while True:
            seen = await self._counted()
            right = seen == (ready, pending, pending)
            since = (since or time.monotonic()) if right else 0.0
            if right and time.monotonic() - since >= SETTLED_S:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"wanted {ready} ready, {pending} pending and explained; saw {seen}; {await self._said()}")
            await asyncio.sleep(POLL_S)

    async def until_gone(self) -> None:
        """Wait until no pod is left, on its way out or not."""
        while await self.api.items(self._pods):  # noqa: ASYNC110 - the API server is asked, nobody in this process knows
            await asyncio.sleep(POLL_S)

    async def _counted(self) -> tuple[int, int, int]:
        pods = await self.pods()
        ready = [pod for pod in pods if condition(pod, "Ready") == "True"]
        pending = {pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Pending"}
        return len(ready), len(pending), len(pending & await self._explained())

    async def _explained(self) -> set[str]:
        events = await self.api.items(f"/api/v1/namespaces/{self.namespace}/events")
        return {event["involvedObject"]["name"] for event in events if event["reason"] == "Unschedulable"}

    async def _said(self) -> str:
        status = await self.systems.status(self.namespace, self.system)
        return f"status: {status.phase}: {status.message} {status.seen.roles} {status.seen.waits}"

    async def _cordon(self, name: str, closed: bool) -> None:
        await self.api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": closed}})


def templates(part: Json) -> Iterator[Json]:
    """Every pod template in a spec."""
    for member in part["members"]:
        if "members" in member:
            yield from templates(member)
        else:
            yield member["template"]


def room(count: int) -> Step:
    """Leave `count` nodes open."""
    return lambda script: script.room(count)


def apply(name: str) -> Step:
    """Submit a retold manifest."""
    return lambda script: script.apply(name)


def scale(change: str) -> Step:
    """`0/sg-x=3`."""
    path, number = change.split("=")
    return lambda script: script.scale(**{path: int(number)})


def pods(ready: int, pending: int) -> Step:
    """Wait for so many Ready, and so many Pending and explained."""
    return lambda script: script.until(ready, pending)


async def nodes_of(script: Script) -> list[str]:
    """Where its pods are bound."""
    return [pod["spec"]["nodeName"] for pod in await script.pods() if pod["spec"].get("nodeName")]
