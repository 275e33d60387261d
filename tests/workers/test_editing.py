"""Edits of a running system on a real control plane: what comes and goes, what is regrouped, and that all else keeps running."""

import asyncio
import json

import pytest

from tests.cluster.api import Api
from tests.workers.living import Command
from tests.workers.test_end_to_end import LABEL, MANIFEST, left, pods

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

CACHE = """
  - role: cache
    replicas: 2
    after: [decode]
    template: *pod
"""
OBSERVER = "\n    - {role: observer, replicas: 1, template: *pod}"
WAIT = ("--wait", "--timeout", "60")


async def uids(api: Api) -> dict[str, str]:
    """Slot -> UID."""
    return {pod["metadata"]["annotations"]["espalier.dev/slot"]: pod["metadata"]["uid"] for pod in await pods(api)}


async def ready_at(api: Api, role: str) -> list[str]:
    """When each pod of a role became Ready."""
    found = [pod for pod in await pods(api) if pod["metadata"]["annotations"]["espalier.dev/role"] == role]
    conditions = [each for pod in found for each in pod["status"]["conditions"] if each["type"] == "Ready"]
    return sorted(each["lastTransitionTime"] for each in conditions)


async def test_parts_come_and_go_beside_what_runs(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", *WAIT, given=MANIFEST)
    before = await uids(racks)
    assert "adds cache" in await espalier("apply", "-f", "-", *WAIT, given=MANIFEST + CACHE)
    with_cache = await uids(racks)
    assert with_cache == {**with_cache, **before}
    assert set(with_cache) - set(before) == {"0/cache/0", "0/cache/1"}
    assert max(await ready_at(racks, "decode/leader")) <= min(await ready_at(racks, "cache"))
    smaller = MANIFEST.replace("\n    - {role: worker, replicas: 3, template: *pod}", OBSERVER).rstrip() + CACHE
    said = await espalier("apply", "-f", "-", *WAIT, given=smaller)
    assert "adds decode/observer; removes decode/worker" in said
    after = await uids(racks)
    assert {slot: uid for slot, uid in after.items() if "observer" not in slot} == {
        slot: uid for slot, uid in with_cache.items() if "worker" not in slot
    }
    scales = await racks.items("/apis/espalier.dev/v1alpha1/namespaces/default/systemmembers")
    assert {each["spec"]["path"] for each in scales} == {"router", "decode", "decode/leader", "decode/observer", "cache"}
    await espalier("rollout", "undo", "llama", *WAIT)
    assert set(await uids(racks)) == set(with_cache)
    await espalier("delete", "llama", *WAIT)
    assert await left(racks) == []


async def test_a_minimum_and_an_order_change_and_nothing_moves(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", *WAIT, given=MANIFEST)
    before = await uids(racks)
    for edited in (
        MANIFEST.replace("group: decode\n    replicas: 2", "group: decode\n    replicas: 2\n    minAvailable: 2"),
        MANIFEST.replace(
            "group: decode\n    replicas: 2\n    after: [router]", "group: decode\n    replicas: 2\n    minAvailable: 0"
        ),
    ):
        assert edited != MANIFEST
        await espalier("apply", "-f", "-", *WAIT, given=edited)
        assert await uids(racks) == before
    placements = await racks.items("/apis/espalier.dev/v1alpha1/namespaces/default/placements")
    gangs = {gang["name"]: gang["minimum"] for each in placements for gang in each["spec"]["gangs"]}
    assert sorted(gangs.values()) == [False, False, True]


async def nodes(api: Api) -> dict[str, str]:
    """Slot -> node."""
    return {pod["metadata"]["annotations"]["espalier.dev/slot"]: pod["spec"]["nodeName"] for pod in await pods(api)}


def asking(gpus: int) -> str:
    return MANIFEST.replace("nvidia.com/gpu: 1}", f"nvidia.com/gpu: {gpus}}}")


async def test_what_asks_for_more_gets_its_places_before_it_is_replaced(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", *WAIT, given=MANIFEST)
    assert len(set((await nodes(racks)).values())) < 10
    await espalier("apply", "-f", "-", "--wait", "--timeout", "120", given=asking(4))
    before, at = await uids(racks), await nodes(racks)
    assert len(set(at.values())) == 10
    await espalier("apply", "-f", "-", given=asking(5))
    async with asyncio.timeout(30):
        while "runs on as it is until there is room for it" not in (said := await espalier("rollout", "status", "llama")):
            pass
    assert "4 units to update" in said
    assert await uids(racks) == before
    await espalier("rollout", "undo", "llama", *WAIT)
    assert (await uids(racks), await nodes(racks)) == (before, at)


async def test_only_what_breaks_a_new_rule_of_places_moves(racks: Api, espalier: Command) -> None:
    apart = MANIFEST.replace(
        "replicas: 2\n    template", "replicas: 2\n    place: {spread: {over: rack, strength: required}}\n    template", 1
    )
    await espalier("apply", "-f", "-", *WAIT, given=apart)
    before, at = await uids(racks), await nodes(racks)
    assert len({rack_of(node) for slot, node in at.items() if "router" in slot}) == 2
    await espalier("apply", "-f", "-", *WAIT, given=MANIFEST.replace("spec:", "spec:\n  place: {within: rack}", 1))
    after = await uids(racks)
    assert len({rack_of(node) for node in (await nodes(racks)).values()}) == 1
    moved = {slot for slot in before if after[slot] != before[slot]}
    assert {rack_of(at[slot]) for slot in moved} != {rack_of(at[slot]) for slot in set(before) - moved}


def rack_of(node: str) -> str:
    return node.rpartition("-")[0]


async def test_one_goes_back_to_any_revision_of_the_history(racks: Api, espalier: Command) -> None:
    images = [MANIFEST.replace("server:1", f"server:{number}") for number in (1, 2, 3)]
    for manifest in images:
        await espalier("apply", "-f", "-", *WAIT, given=manifest)
    told = json.loads(await espalier("rollout", "history", "llama", "-o", "json"))
    assert [(each["number"], each["change"].partition(";")[0]) for each in told] == [
        (1, "as first declared"),
        (2, "router: image of main example.com/server:1 -> example.com/server:2"),
        (3, "router: image of main example.com/server:2 -> example.com/server:3"),
    ]
    assert "via cli" in told[0]["who"]
    assert "no revision 9, only 1, 2, 3" in await espalier("rollout", "undo", "llama", "--to", "9", code=1)
    await espalier("rollout", "undo", "llama", "--to", "1", *WAIT)
    assert {pod["spec"]["containers"][0]["image"] for pod in await pods(racks)} == {"example.com/server:1"}
    assert {pod["metadata"]["labels"]["espalier.dev/revision"] for pod in await pods(racks)} == {told[0]["revision"]}
    assert "revision 4" in await espalier("rollout", "status", "llama")
    path = "/apis/apps/v1/namespaces/default/controllerrevisions"
    numbers = {each["metadata"]["name"]: each["revision"] for each in await racks.items(path, labelSelector=LABEL)}
    assert sorted(numbers.values()) == [2, 3, 4]


async def test_edits_scale_and_delete_in_mid_rollout(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", "-", *WAIT, given=MANIFEST)
    for number in (2, 3):
        await espalier("apply", "-f", "-", given=MANIFEST.replace("server:1", f"server:{number}"))
    await espalier("scale", "llama", "decode=3", *WAIT)
    assert [pod["spec"]["containers"][0]["image"] for pod in await pods(racks)] == ["example.com/server:3"] * 14
    placements = await racks.items("/apis/espalier.dev/v1alpha1/namespaces/default/placements")
    assert not any(each["spec"].get("revisions") for each in placements)
    await espalier("apply", "-f", "-", given=MANIFEST.replace("server:1", "server:4") + CACHE)
    await espalier("delete", "llama", *WAIT)
    assert await left(racks) == []
