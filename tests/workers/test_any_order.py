"""Undo, pause, resume, a second edit, a scale and a delete in mid-rollout, in any order: it ends as the last word has it."""

import asyncio
import random
from collections.abc import Mapping

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.workers.filming import Film, Frame, filming
from tests.workers.living import SETTLED_S, Command
from tests.workers.test_rollout import image, manifest, pods

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]
UNITS, BUDGET, PODS_OF_UNIT = 3, 1, 2
SOON_S = 3.0
"""What is paused makes no more pods."""
ACTS: Mapping[str, tuple[str, ...]] = {
    "undo": ("rollout", "undo", "llama"),
    "pause": ("rollout", "pause", "llama"),
    "resume": ("rollout", "resume", "llama"),
    "edit": ("apply", "-f", "-"),
    "scale": ("scale", "llama", "decode=4"),
    "delete": ("delete", "llama", "--wait"),
}


async def act(espalier: Command, name: str) -> None:
    """Some have nothing to do at their moment, and say so."""
    words = ACTS[name]
    try:
        await espalier(*words, given=manifest("3"))
    except AssertionError as refusal:
        if f"{' '.join(words)} ended with 1" not in str(refusal):
            raise
    if name == "delete":
        await espalier("apply", "-f", "-", given=manifest("3"))


async def some_more(film: Film, count: int) -> None:
    """Go on when so many more pods were made, or none is for a while."""
    before = len(film.made)
    try:
        async with asyncio.timeout(SOON_S):
            while len(film.made) < before + count:  # noqa: ASYNC110 - a film is looked at, it does not tell
                await asyncio.sleep(0.02)
    except TimeoutError:
        return


def serving(frame: Frame) -> int:
    """Units of which all is Ready."""
    found: dict[str, int] = {}
    for slot, each in frame.items():
        unit = "/".join(slot.split("/")[:2])
        found[unit] = found.get(unit, 0) + each.ready
    return sum(ready == PODS_OF_UNIT for unit, ready in found.items() if unit.startswith("decode"))


@pytest.mark.parametrize("seed", range(1, 5))
async def test_in_any_order_it_ends_as_the_last_word_has_it(racks: Api, espalier: Command, seed: int) -> None:
    chance = random.Random(seed)
    acts = chance.sample(sorted(ACTS), len(ACTS))
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=manifest("1"))
    async with filming(racks) as film:
        await espalier("apply", "-f", "-", given=manifest("2"))
        fewest: list[int] = []
        for name in acts:
            await some_more(film, chance.randint(0, 3))
            start = len(film.frames)
            await act(espalier, name)
            if name != "delete" and acts.index(name) < acts.index("delete"):
                fewest += map(serving, film.frames[start:])
        await espalier("apply", "-f", "-", "--wait", "--timeout", "120", given=manifest("4"))
    assert min(fewest, default=UNITS) >= UNITS - BUDGET, acts
    found = await pods(racks)
    assert {image(pod) for slot, pod in found.items() if "decode" in slot} == {"4"}, acts
    versions = [{each.image for slot, each in frame.items() if slot.startswith("decode/0/")} for frame in film.frames]
    assert all(len(each) <= 1 for each in versions), "no unit is of two versions"
    await espalier("delete", "llama", "--wait")
    await eventually(lambda: none_left(racks), SETTLED_S)


async def none_left(api: Api) -> bool:
    return not await pods(api)
