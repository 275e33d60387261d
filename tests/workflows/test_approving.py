"""An approval is for one hold of one revision, is given once, and outlives all but a newer template."""

from typing import Any

import pytest

from specs.rollout import Rollout
from tests.workflows.test_intent import NEW, apply, steer, templated
from workflows.approving import ALL
from workflows.intent import CannotChange, answered
from workflows.requests import Apply
from workflows.state import SystemState

BY_STEPS = {"pauseAfter": [1, "50%"]}
MANUAL = {**BY_STEPS, "approval": "manual"}


def edited(image: str, rules: dict[str, Any], **spec: Any) -> Apply:
    given = templated(containers=[{"name": "main", "image": image}]).manifest
    inside: Any = given["spec"]
    changed = {**given, "spec": {**inside, **spec, "rollout": rules}}
    return Apply(request_id=f"{image}{rules}{spec}", who="alice", manifest=changed)


def rolling(rules: dict[str, Any]) -> SystemState:
    """A system that ran, with a newer template that nothing was said of yet."""
    before = answered(NEW, apply())[0].settled_at(1)
    return answered(before, edited("busybox:2", rules))[0]


def test_a_hold_is_passed_once() -> None:
    passed, answer = answered(rolling(BY_STEPS), steer("resume", step=2))
    assert (passed.approved, answer.changed, passed.causes[-1]) == (
        2,
        True,
        f"hold 2 of revision {passed.revision} let go by carol",
    )
    again, answer = answered(passed.model_copy(update={"answers": {}}), steer("resume", step=2))
    assert (again.approved, again.generation, answer.changed) == (2, passed.generation, False)


def test_a_start_may_be_approved_before_anybody_saw_that_it_waits() -> None:
    assert answered(rolling(MANUAL), steer("approve"))[0].approved == 1


def test_an_approval_outlives_the_same_manifest_applied_again_a_new_count_and_a_pause() -> None:
    passed = answered(rolling(MANUAL), steer("approve", step=1))[0]
    again = answered(passed, edited("busybox:2", MANUAL).model_copy(update={"request_id": "gitops"}))[0]
    more = answered(again, edited("busybox:2", MANUAL, replicas=3))[0]
    held = answered(more, steer("pause"))[0]
    assert [each.approved for each in (again, more, held)] == [1, 1, 1]


def test_a_newer_template_waits_anew() -> None:
    passed = answered(rolling(MANUAL), steer("approve", step=1))[0]
    assert answered(passed, edited("busybox:3", MANUAL))[0].approved == 0


def test_to_go_back_needs_no_approval() -> None:
    assert answered(rolling(MANUAL), steer("undo"))[0].approved == ALL
    assert Rollout.model_validate(MANUAL).holds_after(ALL, 4) is None


DONE = rolling(MANUAL).settled_at(2)
#                              before           request                        reason              words
REFUSED = {
    "of another revision":     (rolling(MANUAL), steer("approve", 1, "older"), "OtherRevision",    "is not the one"),
    "with no hold in sight":   (rolling({}),     steer("approve"),             "NothingToApprove", "nothing of 'llama'"),
    "when all is as declared": (DONE,            steer("approve", 1),          "NothingToApprove", "rollout status"),
    "by resuming":             (rolling(MANUAL), steer("resume", 1),           "NeedsApproval",    "rollout approve"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "request_", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(before: SystemState, request_: Any, reason: str, words: str) -> None:
    with pytest.raises(CannotChange, match=words) as refusal:
        answered(before, request_)
    assert refusal.value.reason == reason
