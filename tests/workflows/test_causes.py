"""Why a Recovery begins, in words that can be searched for. A table, then in Temporal."""

import pytest

from activities.messages import Deviant, Observation
from tests.workflows.declared import system
from tests.workflows.house import House
from workflows.decide import Step
from workflows.keeping import cause_of
from workflows.visibility import CAUSE

STEP = Step("ReplacePods", "Broken", "replaces 2 pods: failed, refused, or its node lost")
FAILED = Deviant(slot="0/server/1", pod="llama-1", node="n1", state="failed", message="container main ended with exit code 1")
LATE = FAILED.model_copy(update={"message": ""})
EXAMPLES = {
    "a rack":        (Observation(lost="rack r7 (18 nodes) with 36 pods"), "lost rack r7 (18 nodes) with 36 pods"),
    "failed pods":   (Observation(roles={"server": {"failed": 2}}, deviants=(FAILED,)),
                      "2 pods failed, the first llama-1 on node n1: container main ended with exit code 1"),
    "both":          (Observation(lost="node n2 with 1 pod", roles={"server": {"failed": 1}}, deviants=(LATE,)),
                      "lost node n2 with 1 pod; 1 pod failed, the first llama-1 on node n1: not Ready in time"),
    "units":         (Observation(restarting=2), "2 units not whole again in time"),
    "anything else": (Observation(), "replaces 2 pods: failed, refused, or its node lost"),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_why_a_recovery_begins(seen: Observation, want: str) -> None:
    assert cause_of(STEP, seen) == want


async def test_temporal_knows_why_a_recovery_began(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    for pod in house.agent.model("llama").pods[:3]:
        pod.phase = "failed"
    await house.agent.nudge("llama")
    await house.until(lambda status: status.last is not None and status.last.kind == "Recovery")
    found = next(each for each in await house.operations() if each.workflow_type == "Recovery")
    assert (found.typed_search_attributes.get(CAUSE) or "").startswith("3 pods failed, the first ")
