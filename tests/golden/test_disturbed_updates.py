"""RU7-RU12 once more, with a scale up, a scale down and a second edit at seeded moments: of all that, no promise breaks."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.activities.port import eventually
from tests.golden.grove_script import MANIFESTS, GroveScript
from tests.golden.updating import ALL, DONE_S, Watched, change, done, images_of, running, watching

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not MANIFESTS.is_dir(), reason="ESPALIER_DATA names no folder that holds Grove's own manifests"),
]
NEWER = "registry.local/new:3"
GROUP = "0/sg-x"
PODS_OF_COPY, PODS_OF_GROUP_REPLICA = 10, 4
Act = Callable[[], Awaitable[None]]

#        changed     copies   pods that are replaced at least
CASES = {
    "RU7":  (("pc-a",), 1,     2),
    "RU8":  (("pc-b",), 1,     8),
    "RU9":  (ALL,       1,    10),
    "RU11": (("pc-a",), 2,     4),
    "RU12": (ALL,       2,    10),
}  # fmt: skip
PLAYS = [
    *(pytest.param(case, 0, id=f"{case}-0") for case in CASES),
    *(pytest.param(case, seed, id=f"{case}-{seed}", marks=pytest.mark.soak) for case in CASES for seed in range(1, 8)),
]


@dataclass
class Disturbance:
    """A count that goes one up and one down again, or down and up where there is one to spare, and an edit; in any order."""

    grove: GroveScript
    seen: Watched
    cliques: tuple[str, ...]
    path: str
    count: int
    """Of that path now."""

    def acts(self, chance: random.Random) -> list[Act]:
        steps = [1, -1] if self.path == GROUP or self.count == 1 else chance.sample([1, -1], 2)
        acts: list[Act] = [partial(self.scale, step) for step in steps]
        acts.insert(chance.randint(0, len(acts)), self.edit)
        return acts

    async def edit(self) -> None:
        self.seen.changed(*self.cliques, image=NEWER)
        await change(self.grove, *self.cliques, image=NEWER)

    async def scale(self, by: int) -> None:
        last = f"workload1-0-sg-x:{self.count - 1}" if self.path == GROUP else f"workload1-{self.count - 1}-"
        self.seen.scaled_away(*([last] if by < 0 else []))
        self.count += by
        changes: dict[str, Any] = {self.path: self.count}
        await self.grove.scale(**changes)


def disturbance(grove: GroveScript, seen: Watched, cliques: tuple[str, ...], copies: int, chance: random.Random) -> Disturbance:
    path = chance.choice(["copies", GROUP])
    return Disturbance(grove, seen, cliques, path, copies if path == "copies" else 2)


async def ended(grove: GroveScript, seen: Watched, cliques: tuple[str, ...], copies: int) -> None:
    """As the last manifest and the last counts say, and nothing was broken on the way."""
    await done(grove, copies)
    await grove.until(ready=PODS_OF_COPY * copies, pending=0)
    assert images_of(await grove.pods()) == {clique: {image} for clique, image in seen.manifests[-1].items()}
    assert (set(seen.most.values()), seen.mixed) == ({1}, []), seen.most


@pytest.mark.parametrize(("case", "seed"), PLAYS)
async def test_whatever_comes_between(case: str, seed: int, grove: GroveScript) -> None:
    (cliques, copies, replaced), chance = CASES[case], random.Random(f"{case}-{seed}")
    await grove.room(30)
    await running(grove, copies)
    async with watching(grove) as seen:
        acts = disturbance(grove, seen, cliques, copies, chance).acts(chance)
        seen.changed(*cliques)
        await change(grove, *cliques)
        for act, gone in zip(acts, sorted(chance.randrange(replaced) for _ in acts), strict=True):
            await eventually(partial(has_gone, seen, gone), DONE_S)
            await act()
        await ended(grove, seen, cliques, copies)


async def has_gone(seen: Watched, pods: int) -> bool:
    return len(seen.deleted) >= pods


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 8))])
async def test_ru10_whatever_comes_while_no_node_takes_pods(seed: int, grove: GroveScript) -> None:
    chance = random.Random(seed)
    await grove.room(PODS_OF_COPY)
    await running(grove)
    await grove.room(0)
    async with watching(grove) as seen:
        acts, before = disturbance(grove, seen, ("pc-a",), 1, chance).acts(chance), {*seen.pods}
        seen.changed("pc-a")
        await change(grove, "pc-a")
        await grove.until(ready=9, pending=1)
        for act in acts:
            await act()
        await grove.until(ready=9, pending=1)
        assert len(before & {*seen.pods}) == 9, "one goes and no more"
        await grove.room(30)
        await ended(grove, seen, ("pc-a",), 1)
