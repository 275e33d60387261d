"""Groups that come, go and change their names on a live system in memory: alone, and amid other edits, losses and scaling."""

from collections.abc import Sequence
from typing import Any

import pytest

from activities.cluster.kube import BUDGETS, MEMBERS, PLACEMENTS
from specs.counts import slots
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.test_any_edit import Turn, lived
from tests.activities.test_edits import DECODE, ROUTER, declared, gangs, group, kept, names, role
from tests.activities.test_repair import running, zones
from tests.activities.test_rollout import edit, facts

PREFILL = group("prefill", 2, role("leader"), role("worker"))


def of(cluster: MemoryCluster, member: str) -> list[str]:
    """All that carries the name of a member: slots, gangs' slots in Placements, scale objects, budgets, marks."""
    there = [*facts(cluster), *(slot for held in gangs(cluster).values() for slot in held)]
    marked = [slot for each in cluster.all(PLACEMENTS) for slot in each["spec"].get("revisions", {})]
    objects = [name for kind in (MEMBERS, BUDGETS) for name in names(cluster, kind)]
    return [name for name in (*there, *marked, *objects) if member in name.replace(".", "/").split("/")]


Seen = dict[str, tuple[str, str]]
"""Slot -> UID and node."""


async def stages(cluster: MemoryCluster, *declarations: Sequence[dict[str, Any]]) -> list[Seen]:
    """What there is of each of these members, one edited into the next, once nothing more is due."""
    found: list[Seen] = []
    async with running(cluster) as agent:
        gardener = Gardener(agent, declared(*declarations[0]))
        for members in declarations:
            if found:
                await edit(gardener, declared(*members))
            await gardener.until({"ready": len(list(slots(gardener.system.spec, {})))})
            await gardener.settle()
            found.append(facts(cluster))
    return found


async def test_a_group_that_is_added_comes_beside_the_others_and_one_that_is_removed_goes() -> None:
    cluster = zones(12)
    before, both, after = await stages(cluster, (ROUTER, DECODE), (ROUTER, DECODE, PREFILL), (ROUTER, PREFILL))
    assert len(both) == len(before) + 4
    assert kept(before, both) == set(before)
    assert kept(both, after) == {slot for slot in both if "decode" not in slot}
    assert (of(cluster, "decode"), set(after)) == ([], {slot for slot in both if "decode" not in slot})
    assert {"llama.prefill"} <= names(cluster, MEMBERS) & names(cluster, BUDGETS)


RENAMED = {"a group": (DECODE, PREFILL), "a role": (role("decode", 4), role("prefill", 4))}


@pytest.mark.parametrize(("old", "new"), RENAMED.values(), ids=RENAMED)
async def test_one_under_another_name_comes_for_the_one_that_goes(old: dict[str, Any], new: dict[str, Any]) -> None:
    cluster = zones(6)
    before, after = await stages(cluster, (ROUTER, old), (ROUTER, new))
    assert kept(before, after) == {"0/router/0"}
    assert {slot.split("/")[1] for slot in after} == {"router", "prefill"}
    assert of(cluster, "decode") == []
    assert names(cluster, BUDGETS) == {"llama.prefill"}


def served(name: str, image: int = 1, *more: str) -> InferenceSystem:
    """A group of that name, other groups beside it, and a router that nobody edits."""
    groups = [group(each, 2, role("worker", image=f"server:{image}")) for each in (name, *more)]
    return declared(*groups, ROUTER)


def turns(*edits: tuple[InferenceSystem, int, int | None]) -> list[Turn]:
    """Each with the steps until the next, and the pod that is lost then, if any."""
    return [Turn(*each) for each in edits]


ONE, TWO = served("decode", 1, "prefill"), served("decode", 2, "prefill")
MIDWAY: dict[str, tuple[InferenceSystem, list[Turn]]] = {
    "added amid an upgrade":      (served("decode"), turns((served("decode", 2), 5, None), (TWO, 0, 1))),
    "removed amid an upgrade":    (ONE,              turns((TWO, 5, None), (served("decode", 2), 0, 0))),
    "renamed amid an upgrade":    (served("decode"), turns((served("decode", 2), 5, 0), (served("serve", 2), 3, None))),
    "renamed and back again":     (served("decode"), turns((served("serve"), 4, 1), (served("decode"), 0, None))),
    "gone and back as another":   (ONE,              turns((served("prefill"), 3, None), (TWO, 0, 2))),
}  # fmt: skip


@pytest.mark.parametrize(("first", "edits"), MIDWAY.values(), ids=MIDWAY)
async def test_the_end_is_that_of_the_last_manifest(first: InferenceSystem, edits: list[Turn]) -> None:
    await lived(first, edits)
