"""Scaling on a real control plane: in step, who goes first, to zero and back, and what is taken back while there is no room."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Json
from tests.cluster.kubectl import Kubectl
from tests.workers.living import SETTLED_S, SPACE, Command
from tests.workers.tenancy import SYSTEM, declared, is_ready, pods, ready, says
from tests.workers.test_recovery import hang

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def two_roles(ready_after: tuple[str, str], scaling: Json, **counts: int) -> str:
    """`a` and `b`, which take their time to be Ready."""
    manifest = yaml.safe_load(declared(1, scaling=scaling))
    template = manifest["spec"]["members"][0]["template"]
    manifest["spec"]["members"] = [
        {
            "role": name,
            "replicas": counts.get(name, 1),
            "minAvailable": 0,
            "template": {**template, "metadata": {"annotations": {"sim.espalier.dev/ready-after": after}}},
        }
        for name, after in zip("ab", ready_after, strict=True)
    ]
    return yaml.safe_dump(manifest)


class Watch:
    """How many of `a` and of `b` there are, and how many are Ready, whenever one looks."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self.made: list[tuple[int, int]] = []
        self.ready: list[tuple[int, int]] = []

    async def run(self) -> None:
        while True:
            found = await pods(self._kubectl)
            self.made.append(_counted(found))
            self.ready.append(_counted([each for each in found if is_ready(each)]))

    async def until(self, wanted: tuple[int, int]) -> None:
        async def so() -> bool:
            return bool(self.ready) and self.ready[-1] == wanted

        watching = asyncio.create_task(self.run())
        try:
            await eventually(so, SETTLED_S)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    @property
    def steps(self) -> list[tuple[int, int]]:
        """Without repetition."""
        return list(_changes(self.made))


def _counted(found: list[Json]) -> tuple[int, int]:
    roles = [each["metadata"]["annotations"]["espalier.dev/role"] for each in found]
    return roles.count("a"), roles.count("b")


def _changes(seen: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for before, after in zip([(-1, -1), *seen], seen, strict=False):
        if before != after:
            yield after


async def test_r8_two_roles_grow_in_step(tenant: Kubectl) -> None:
    scaling = {"ratios": [{"a": 1, "b": 1}], "maxSkew": 1}
    await tenant("apply", "-f", "-", given=two_roles(("300ms", "1500ms"), scaling))
    await ready(tenant, 2)
    watch = Watch(tenant)
    await tenant("scale", "ism/llama.a", "--replicas=3")
    await watch.until((3, 3))
    assert max(abs(a - b) for a, b in watch.ready) <= 1, watch.ready
    assert max(abs(a - b) for a, b in watch.made) <= 1, watch.made
    await ready(tenant, 6)


async def test_r9_two_roles_grow_in_proportion(tenant: Kubectl) -> None:
    scaling = {"ratios": [{"a": 2, "b": 1}], "maxSkew": "25%"}
    await tenant("apply", "-f", "-", given=two_roles(("1s", "1s"), scaling))
    await ready(tenant, 2)
    await tenant("scale", "ism/llama.a", "--replicas=0")
    await ready(tenant, 0)
    watch = Watch(tenant)
    await tenant("scale", "ism/llama.a", "--replicas=4")
    await watch.until((4, 2))
    settled = [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert [each for each in watch.steps if each in settled] == settled, watch.steps
    assert all(a <= 1 or b >= 1 for a, b in watch.made)
    assert all(a <= 3 or b == 2 for a, b in watch.made)


async def test_k10_not_ready_first_then_cheapest_then_highest(tenant: Kubectl) -> None:
    manifest = yaml.safe_load(declared(6))
    manifest["spec"]["members"][0]["minAvailable"] = 1
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await ready(tenant, 6)
    before = {each["metadata"]["annotations"]["espalier.dev/slot"]: each for each in await pods(tenant)}
    await hang(tenant, before["0/server/1"])
    name = before["0/server/3"]["metadata"]["name"]
    await tenant("annotate", "pod", name, "controller.kubernetes.io/pod-deletion-cost=-5")
    await tenant("scale", "ism/llama.server", "--replicas=3")
    await ready(tenant, 3)
    after = {each["metadata"]["annotations"]["espalier.dev/slot"]: each["metadata"]["uid"] for each in await pods(tenant)}
    assert after == {slot: before[slot]["metadata"]["uid"] for slot in ("0/server/0", "0/server/2", "0/server/4")}
    await tenant("scale", "ism/llama.server", "--replicas=4")
    await ready(tenant, 4)
    slots = {each["metadata"]["annotations"]["espalier.dev/slot"] for each in await pods(tenant)}
    assert slots == {f"0/server/{index}" for index in (0, 1, 2, 4)}


async def test_to_zero_and_back(tenant: Kubectl) -> None:
    manifest = yaml.safe_load(declared(2))
    manifest["spec"]["members"][0]["minAvailable"] = 0
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await ready(tenant, 2)
    for count in ("ism/llama.server", SYSTEM):
        await tenant("scale", count, "--replicas=0")
        await ready(tenant, 0)
        assert await tenant("get", "placements", "-o", "name") == ""
        await tenant("scale", count, "--replicas=2" if "server" in count else "--replicas=1")
        await ready(tenant, 2)


async def short_of_what_is_told(tenant: Kubectl, espalier: Command) -> bool:
    """The same sentence at every door: what is short, and of what."""
    status = json.loads(await tenant("get", SYSTEM, "-o", "json"))["status"]
    placed = next(each for each in status["conditions"] if each["type"] == "Placed")
    told = [each["message"] for each in json.loads(await tenant("get", "events", "-o", "json"))["items"]]
    said = placed["message"].partition(";")[0]
    assert (placed["status"], placed["reason"], status["reason"]) == ("False", "InsufficientCapacity", "InsufficientCapacity")
    assert "cpu" in said
    explained = await espalier("explain", "llama", "-n", SPACE)
    return any(said in message for message in told) and said.split(":")[-1] in " ".join(explained.split())


async def test_what_is_asked_while_there_is_no_room_waits_and_can_be_withdrawn(tenant: Kubectl, espalier: Command) -> None:
    manifest = yaml.safe_load(declared(4, cpu="4"))
    manifest["spec"]["members"][0]["minAvailable"] = 4
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await ready(tenant, 4)
    before = {each["metadata"]["uid"] for each in await pods(tenant)}
    await tenant("scale", "ism/llama.server", "--replicas=6")
    await says(tenant, "InsufficientCapacity")
    await eventually(lambda: short_of_what_is_told(tenant, espalier), SETTLED_S)
    await tenant("scale", "ism/llama.server", "--replicas=4")
    await ready(tenant, 4)
    assert {each["metadata"]["uid"] for each in await pods(tenant)} == before


async def test_a_pod_that_serves_is_asked_before_it_goes_and_not_for_ever(tenant: Kubectl) -> None:
    manifest = yaml.safe_load(declared(3, drain={"condition": "example.com/Drained", "within": "10m"}))
    manifest["spec"]["members"][0]["minAvailable"] = 1
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await ready(tenant, 3)
    await tenant("scale", "ism/llama.server", "--replicas=2")
    await says(tenant, "drains until its condition example.com/Drained is True")
    (asked,) = [each for each in await pods(tenant) if "espalier.dev/draining" in each["metadata"]["annotations"]]
    drained = '{"status": {"conditions": [{"type": "example.com/Drained", "status": "True"}]}}'
    await tenant("patch", "pod", asked["metadata"]["name"], "--subresource=status", "--type=strategic", "-p", drained)
    await ready(tenant, 2)
    manifest["spec"]["drain"]["within"] = "1s"
    await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
    await tenant("scale", "ism/llama.server", "--replicas=1")
    await ready(tenant, 1)
    assert "DrainTimedOut" in await tenant("get", "events", "-o", "jsonpath={.items[*].reason}")
