"""Nodes that do not answer: when a system gives them up, who is placed elsewhere, and what is never done by force."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.agent import Clocks
from activities.cache.census import Census
from activities.cluster.kube import NODES, PODS, Manifest
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.pretend import node
from tests.activities.test_life import running, system

KEY = ("default", "llama")
FENCED = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
UNKNOWN = [{"type": "Ready", "status": "Unknown"}]

#                                       borne  silent for  fenced  lost
EXAMPLES = {
    "has just stopped answering":       ("60s", 0,   False,  False),
    "for less than is borne":           ("60s", 59,  False,  False),
    "for as long as is borne":          ("60s", 60,  False,  True),
    "a system that bears more":         ("10m", 599, False,  False),
    "a system that bears nothing":      ("0s",  0,   False,  True),
    "out of service counts at once":    ("10m", 0,   True,   True),
}  # fmt: skip


def patient(node_lost_after: str) -> InferenceSystem:
    declared = system().model_dump(mode="json", by_alias=True, exclude_unset=True)
    declared["spec"]["recovery"] = {"nodeLostAfter": node_lost_after}
    return InferenceSystem.model_validate(declared)


def silent(since: datetime | None = None, *, fenced: bool = False) -> Manifest:
    told = {"lastTransitionTime": since.isoformat()} if since else {}
    return {**node("a"), "spec": {"taints": [FENCED] if fenced else []}, "status": {"conditions": [{**UNKNOWN[0], **told}]}}


@pytest.mark.parametrize(("borne", "seconds", "fenced", "lost"), EXAMPLES.values(), ids=EXAMPLES)
def test_when_a_node_counts_as_lost(borne: str, seconds: int, fenced: bool, lost: bool) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    census = Census(lambda: now)
    census.heed(KEY, patient(borne).spec.recovery.patience)
    census.node_changed(None, node("a"))
    census.node_changed(node("a"), silent(fenced=fenced))
    now += timedelta(seconds=seconds)
    assert ("a" in census.silent(KEY)) is lost


def test_an_agent_that_comes_later_counts_from_when_the_node_stopped_answering() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    census = Census(lambda: now)
    census.node_changed(None, silent(since=now - timedelta(seconds=61)))
    assert census.silent(KEY) == {"a"}


def test_a_node_that_answers_is_not_out_of_service_whatever_its_taints() -> None:
    census = Census(lambda: datetime.now(UTC))
    census.node_changed(None, {**node("a"), "spec": {"taints": [FENCED]}})
    assert (census.silent(KEY), census.unmanned("a"), census.unmanned("gone")) == (frozenset(), False, True)


@pytest.mark.parametrize("fenced", [False, True])
async def test_its_pods_are_placed_elsewhere_and_only_a_fenced_nodes_are_forced(fenced: bool) -> None:
    cluster, later = MemoryCluster(), timedelta(0)
    for index in range(4):
        cluster.put(NODES, node(f"n{index}"))
    async with running(cluster, Clocks(now=lambda: datetime.now(UTC) + later)) as (agent, kubelets):
        gardener = Gardener(agent, patient("20s"))
        await gardener.until({"ready": 3})
        lost = cluster.all(PODS)[0]
        name = lost["spec"]["nodeName"]
        kubelets.finishing = False
        cluster.change(NODES, name, {"status": {"conditions": UNKNOWN}, "spec": {"taints": [FENCED] if fenced else []}})
        gardener.versions["nodes"] = cluster.version
        if not fenced:
            await gardener.until({"ready": 3})
            later += timedelta(seconds=21)
        await gardener.until({"ready": 3})
        there = {pod["metadata"]["name"]: pod for pod in cluster.all(PODS)}
    assert name not in {pod["spec"]["nodeName"] for pod in there.values() if "deletionTimestamp" not in pod["metadata"]}
    assert (lost["metadata"]["name"] in there) is not fenced, "by force only where it is vouched that nothing runs"
