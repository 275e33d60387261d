"""A small stand-in for the workflows: observe, choose a step, do it, until nothing is left to do."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.agent import Agent
from activities.messages import (
    CREATE,
    ERASE,
    HOLD,
    MOVE,
    PLACE,
    RELEASE,
    REMOVE,
    REPLACE,
    RESTART,
    SUPPORT,
    UPDATE,
    Observation,
    Order,
    Record,
    Ref,
)  # fmt: skip
from specs.revisions import revision_hash
from specs.system import InferenceSystem

ROUNDS = 200
STEPS = {
    "support": SUPPORT, "place": PLACE, "remove": REMOVE, "replace": REPLACE,
    "create": CREATE, "hold": HOLD, "release": RELEASE, "erase": ERASE,
    "update": UPDATE, "return": UPDATE, "follow": UPDATE, "restart": RESTART, "move": MOVE,
}  # fmt: skip


@dataclass
class Gardener:
    """Keeps one system as declared, through one agent."""

    agent: Agent
    system: InferenceSystem
    counts: dict[str, int] = field(default_factory=dict[str, int])
    generation: int = 1
    edition: str = ""
    pardon: int = 0
    uid: str = ""
    deleting: bool = False
    versions: dict[str, int] = field(default_factory=dict[str, int])
    steps: list[str] = field(default_factory=list[str])
    moves: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[str] = field(default_factory=list[str])

    @property
    def ref(self) -> Ref:
        return Ref(namespace=self.system.metadata.namespace, name=self.system.metadata.name)

    @property
    def order(self) -> Order:
        return Order(
            ref=self.ref,
            uid=self.uid,
            revision=revision_hash(self.system.spec),
            edition=self.edition,
            generation=self.generation,
            counts=self.counts,
            deleting=self.deleting,
            pardon=self.pardon,
            moves=self.moves,
            versions=self.versions,
            operation="Startup: applied by a test",
        )

    async def observe(self) -> Observation:
        seen: Observation = await self.agent.observe.observe(self.order)
        return seen

    async def settle(self) -> Observation:
        """Until no step is due."""
        for _ in range(ROUNDS):
            seen = await self.observe()
            step = chosen(seen, deleting=self.deleting)
            if step is None:
                return seen
            self.steps.append(step)
            await self.do(step)
        raise AssertionError(f"no end after {self.steps[-20:]}")

    async def until(self, wanted: Mapping[str, int], seconds: float = 20) -> Observation:
        """Until so many pods are in these classes, and in no others."""
        seen = Observation()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    seen = await self.settle()
                    if classes(seen) == dict(wanted):
                        return seen
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{classes(seen)}, not {dict(wanted)}: {seen.model_dump_json(exclude_defaults=True)}") from None

    async def until_gone(self, seconds: float = 20) -> None:
        self.deleting = True
        async with asyncio.timeout(seconds):
            while (await self.observe()).left:
                await self.do("erase")
                await asyncio.sleep(0.02)

    async def do(self, step: str) -> None:
        if step == "record":
            manifest = self.system.model_dump(mode="json", by_alias=True, exclude_unset=True)
            recorded = await self.agent.record.record(Record(order=self.order, manifest=manifest))
            self.uid = recorded.uid
            self.versions = {**self.versions, **recorded.versions}
            return
        written = await self.agent.steps.take(STEPS[step], self.order)
        self.versions = {**self.versions, **written.versions}
        if written.problem:
            self.problems.append(written.problem)


def chosen(seen: Observation, *, deleting: bool = False) -> str | None:
    """The next step; None when there is only to wait."""
    if deleting:
        return None
    rules = {
        "record": not seen.exists,
        "support": seen.support > 0,
        "remove": seen.total("surplus") > seen.draining or seen.withdrawn > 0 or seen.surplus_gangs > seen.staying,
        "restart": seen.restarting > 0,
        "replace": seen.total("failed", "refused", "lost") + seen.displaced > 0,
        "follow": seen.behind > 0,
        "place": seen.unplanned > 0,
        "return": seen.returning > 0,
        "create": seen.total("missing") > 0 or (seen.total("bare") > 0 and bool(seen.waits)),
        "hold": seen.total("unheld") > 0,
        "release": seen.total("due") > 0,
        "move": seen.moving + seen.relocating > 0,
        "update": seen.updating > 0,
    }
    return next((step for step, due in rules.items() if due), None)


def classes(seen: Observation) -> dict[str, int]:
    """Pods by class, over all roles."""
    found: dict[str, int] = {}
    for role in seen.roles.values():
        for name, pods in role.items():
            found[name] = found.get(name, 0) + pods
    return {name: pods for name, pods in found.items() if pods}
