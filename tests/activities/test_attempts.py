"""Restarts: how soon, how often, and who is left as he is. A table for one pod, then its life with a clock of its own."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest

from activities.agent import Agent, Clocks
from activities.cache.placements import Attempt
from activities.cluster.kube import NODES, PLACEMENTS, PODS, Manifest
from activities.messages import Observation
from activities.state.attempts import Attempts
from specs.recovery import Recovery
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener, chosen, classes
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import Kubelets, node
from tests.activities.test_digest import placement, pod
from tests.activities.test_life import running, system

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLOT = "0/worker/0"

#                                       in a row  last ago  lasted  of   pardon  class
EXAMPLES = {
    "the first time: at once":           (0,      0,        0,      "r", 0,      "failed"),
    "the second: after 10 s":            (1,      9,        0,      "r", 0,      "halted"),
    "and not before":                    (1,      10,       0,      "r", 0,      "failed"),
    "then after 20 s":                   (2,      19,       0,      "r", 0,      "halted"),
    "then twice as long each time":      (5,      160,      0,      "r", 0,      "failed"),
    "five minutes at most":              (9,      299,      0,      "r", 0,      "halted"),
    "but not more":                      (9,      300,      0,      "r", 0,      "failed"),
    "ten times, and no more":            (10,     9_999,    0,      "r", 0,      "halted"),
    "who lasted is forgiven":            (10,     601,      600,    "r", 0,      "failed"),
    "who lasted for less is not":        (10,     601,      599,    "r", 0,      "halted"),
    "another template begins anew":      (10,     1,        0,      "q", 0,      "failed"),
    "and so does who is told to":        (10,     1,        0,      "r", 1,      "failed"),
}  # fmt: skip


@pytest.mark.parametrize(("count", "ago", "lasted", "revision", "pardon", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_when_a_failed_pod_is_replaced(count: int, ago: int, lasted: int, revision: str, pardon: int, want: str) -> None:
    at = NOW - timedelta(seconds=ago)
    known = Attempt(SLOT, count, at, at, "PodFailed", "exit code 1", "r", 0)
    holder = placement({SLOT: "a"}, [("llama-0", (SLOT,))], attempts=(known,) if count else ())
    found = pod(SLOT, done=True, revision=revision, created=NOW - timedelta(seconds=lasted), turned=NOW)
    assert Attempts([holder], Recovery(), NOW, pardon).judged("failed", found) == want


#                                       allowed  bound ago  class
LATE = {
    "no limit: however long":            (None,  99_999,    "starting"),
    "within what it is allowed":         ("2m",  119,       "starting"),
    "longer counts as failed":           ("2m",  120,       "failed"),
}  # fmt: skip


@pytest.mark.parametrize(("allowed", "ago", "want"), LATE.values(), ids=LATE)
def test_when_a_pod_that_is_never_ready_is_replaced(allowed: str | None, ago: int, want: str) -> None:
    found = pod(SLOT, node="a", bound=NOW - timedelta(seconds=ago))
    assert Attempts([], Recovery(ready_within=allowed), NOW).judged("starting", found) == want


def cautious(**recovery: object) -> InferenceSystem:
    declared = system().model_dump(mode="json", by_alias=True, exclude_unset=True)
    return InferenceSystem.model_validate({**declared, "spec": {**declared["spec"], "recovery": recovery}})


class Sickbed:
    """One pod of three that fails as soon as it is there, and a clock that jumps."""

    def __init__(self) -> None:
        self.cluster, self.later = MemoryCluster(), timedelta(0)
        for index in range(3):
            self.cluster.put(NODES, node(f"n{index}"))
        self.gardener: Gardener

    def agent(self) -> AbstractAsyncContextManager[tuple[Agent, Kubelets]]:
        return running(self.cluster, Clocks(now=lambda: datetime.now(UTC) + self.later))

    async def fail(self) -> None:
        """The pod ends with exit code 137."""
        found = self.pod()
        end = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        failed = {"phase": "Failed", "conditions": [], "containerStatuses": [{"name": "main", "ready": False, "state": end}]}
        self.cluster.change(PODS, found["metadata"]["name"], {"status": failed}, "default")
        self.gardener.versions["pods"] = self.cluster.version

    def pod(self) -> Manifest:
        pods = (each for each in self.cluster.all(PODS) if "deletionTimestamp" not in each["metadata"])
        return next(each for each in pods if each["metadata"]["annotations"]["espalier.dev/slot"] == SLOT)

    async def look(self, seconds: float = 0) -> Observation:
        self.later += timedelta(seconds=seconds)
        return await self.gardener.settle()


async def test_what_fails_again_and_again_is_left_as_it_is_and_the_rest_goes_on() -> None:
    bed = Sickbed()
    async with bed.agent() as (agent, _):
        bed.gardener = Gardener(agent, cautious(restarts=2))
        await bed.gardener.until({"ready": 3})
        first = bed.pod()["metadata"]["name"]
        await bed.fail()
        await bed.gardener.until({"ready": 3})
        assert bed.pod()["metadata"]["name"] != first, "the first time it is replaced at once"
        await bed.fail()
        seen = await bed.look()
        assert (classes(seen), 0 < (seen.again_s or 0) <= 10) == ({"ready": 2, "halted": 1}, True)
        assert (seen.waits[0].reason, "exit code 137 (OOMKilled)" in seen.waits[0].message) == ("PodFailed", True)
        await bed.look(11)
        await bed.gardener.until({"ready": 3})
        await bed.fail()
        seen = await bed.look()
        assert (seen.waits[0].reason, seen.again_s, seen.failing) == ("GivenUp", None, True)
        assert "espalier recover llama" in seen.waits[0].message
        seen = await bed.look(99_999)
        assert classes(seen) == {"ready": 2, "halted": 1}
    async with bed.agent() as (agent, _):  # another process, which knows only what the cluster keeps
        bed.gardener.agent = agent
        assert classes(await bed.look()) == {"ready": 2, "halted": 1}
        assert [each["count"] for each in bed.cluster.all(PLACEMENTS)[0]["status"]["attempts"]] == [2]
        bed.gardener.pardon, bed.gardener.generation = 1, 2
        await bed.gardener.until({"ready": 3})


async def test_a_killed_agent_replaces_nothing_twice() -> None:
    """Killed between the mark and the deletion: the mark counts, and the pod is replaced when its time has come."""
    bed = Sickbed()
    async with bed.agent() as (agent, _):
        bed.gardener = Gardener(agent, cautious())
        await bed.gardener.until({"ready": 3})
        await bed.fail()
        mark = {"path": SLOT, "count": 1, "first": stamp(), "at": stamp(), "revision": bed.gardener.order.revision}
        name = bed.cluster.all(PLACEMENTS)[0]["metadata"]["name"]
        bed.cluster.change(PLACEMENTS, name, {"status": {"attempts": [mark]}}, "default")
        bed.gardener.versions["placements"] = bed.cluster.version
        seen = await bed.look()
        assert chosen(seen) is None
        assert classes(seen) == {"ready": 2, "halted": 1}
        await bed.look(11)
        await bed.gardener.until({"ready": 3})


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
