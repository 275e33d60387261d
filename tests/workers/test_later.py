"""Hours of delays and back-offs, in seconds: a real Temporal server that skips time, a real agent, a simulated cluster."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.cluster.kube import CLIQUE_SETS
from specs.system import InferenceSystem
from tests.workers import grove_set
from tests.workers.later import SKIPPING, SPACE, later
from tests.workflows import house as houses
from workers.commands.sim import hang
from workflows.requests import Status

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
SLOT = "0/server/0"


@pytest.fixture(scope="module")
def skipping() -> Iterator[str]:
    with houses.dev_server(*SKIPPING) as address:
        yield address


def declared(asked: dict[str, str], **spec: Any) -> InferenceSystem:
    """One server, whose pods behave as asked."""
    annotations = {f"sim.espalier.dev/{what}": how for what, how in asked.items()}
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "main", "image": "server"}]}}
    members = [{"role": "server", "replicas": 1, "template": template}]
    return InferenceSystem.model_validate(
        {"metadata": {"name": "llama", "namespace": SPACE}, "spec": {"members": members, **spec}}
    )


async def test_what_fails_again_and_again_is_replaced_ever_more_slowly_and_at_last_left_whichever_agent_is_there(
    skipping: str, tmp_path: Path
) -> None:
    """Another agent after every failure: the count is in the cluster. Nothing is replaced before its time, nor twice."""
    async with later(skipping, tmp_path) as found:
        await found.systems.apply(declared({"fail-after": "100ms"}, recovery={"restarts": 4}))
        for times, pause_s in (("once", 10), ("2 times", 20), ("3 times", 40)):
            await found.until(says(f"{times} in a row, again at"))
            before = await found.uids()
            await found.another_agent()
            await found.passes((pause_s - 5) * SECOND)
            assert await found.uids() == before
            await found.passes(6 * SECOND)
        await found.until(says("replaced 4 times in a row, and left as it is", "GivenUp"))
        left = await found.uids()
        await found.passes(HOUR)
        assert await found.uids() == left
        assert (await found.pods())[SLOT]["metadata"]["annotations"]["espalier.dev/incarnation"] == "4"


async def test_a_row_ends_when_the_pod_lasted_for_ten_minutes(skipping: str, tmp_path: Path) -> None:
    async with later(skipping, tmp_path) as found:
        await found.systems.apply(declared({"fail-after": "11m"}, recovery={"restarts": 1}))
        await found.until(ready)
        for _ in range(3):
            before = await found.uids()
            await found.passes(11 * MINUTE)
            await found.anew(before, {SLOT})


async def test_a_gang_of_a_set_is_restarted_after_four_hours_without_its_minimum_and_not_before(
    skipping: str, tmp_path: Path
) -> None:
    """Grove's terminationDelay where nobody says another: one replica of two lost its leader."""
    async with later(skipping, tmp_path) as found:
        set_ = {**grove_set.declared(group={"minAvailable": 1}), "metadata": {"name": "llama", "namespace": SPACE}}
        await found.kube.apply(CLIQUE_SETS, set_, manager="kubectl")
        await found.until(ready)
        await found.passes(MINUTE)
        before = await found.uids()
        await hang(found.settings, (await found.pods())["0/decode/1/leader/0"]["metadata"]["name"])
        await found.until(lambda status: status.reason == "NotWhole")
        await found.passes(4 * HOUR - MINUTE)
        assert await found.uids() == before
        await found.passes(2 * MINUTE)
        await found.anew(before, {f"0/decode/1/{each}" for each in ("leader/0", "worker/0", "worker/1")})


async def test_a_rollout_fails_when_it_got_no_further_for_its_deadline_and_not_before(skipping: str, tmp_path: Path) -> None:
    async with later(skipping, tmp_path) as found:
        rollout = {"progressDeadline": "2h"}
        await found.systems.apply(declared({}, rollout=rollout))
        await found.until(ready)
        await found.systems.apply(declared({"ready-after": "300m"}, rollout=rollout))
        await found.until(lambda status: status.phase == "Updating" and status.seen.total("starting") == 1)
        await found.passes(2 * HOUR - MINUTE)
        assert (await found.status()).operation is not None
        await found.passes(2 * MINUTE)
        await found.until(says("became available for 7200 s", "ProgressDeadlineExceeded"))


def ready(status: Status) -> bool:
    return status.phase == "Ready" and status.operation is None


def says(words: str, reason: str = "") -> Callable[[Status], bool]:
    return lambda status: words in status.message and (not reason or status.reason == reason)
