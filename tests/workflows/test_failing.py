"""A rollout that got no further holds, or goes back to what was complete last; and is not tried again as it was."""

from typing import Any

import pytest

from tests.workflows.test_approving import edited
from tests.workflows.test_intent import NEW, apply, steer
from workflows.approving import ALL
from workflows.failing import ended
from workflows.intent import CannotChange, answered
from workflows.keeping import order_of
from workflows.requests import Operation, Outcome
from workflows.state import SystemState

WHY = "no unit of it became available for 60 s"
HOLDING = {"progressDeadline": "1m"}
RETURNING = {**HOLDING, "onFailure": "rollback"}


def whole() -> SystemState:
    return answered(NEW, apply())[0].settled_at(1)


def stalled(state: SystemState, revision: str = "") -> SystemState:
    """After the operation that brings it about has ended so."""
    running = state.begun(Operation(id="o", kind="Rollout"))
    outcome = Outcome(
        id="o", kind="Rollout", ok=False, stalled=WHY, revision=revision or state.revision, generation=state.generation
    )
    return ended(running, outcome)


def rolling(rules: dict[str, Any], *images: str) -> SystemState:
    state = whole()
    for image in images or ("busybox:2",):
        state = answered(state, edited(image, rules))[0]
    return state


def test_it_holds_and_says_why() -> None:
    before = rolling(HOLDING)
    after = stalled(before)
    assert (after.failed, after.revision, after.due) == (WHY, before.revision, "Rollout")
    order = order_of(after, "w")
    assert (order.failed, order.rolls, order.generation) == (WHY, True, before.generation + 1)


@pytest.mark.parametrize("images", [("busybox:2",), ("busybox:2", "busybox:3")], ids=["the last", "not a later one that failed"])
def test_it_goes_back_to_the_last_revision_that_was_complete(images: tuple[str, ...]) -> None:
    before = rolling(RETURNING, *images)
    after = stalled(before)
    assert (after.revision, after.given_up, after.failed, after.approved) == (whole().revision, before.revision, "", ALL)
    assert (after.due, after.causes[-1]) == ("Rollout", f"rolled back from revision {before.revision}: {WHY}")
    assert order_of(after, "w").rolled_back == after.rolled_back


def test_what_was_rolled_back_is_refused_until_the_template_is_another() -> None:
    after = stalled(rolling(RETURNING))
    again = edited("busybox:2", RETURNING).model_copy(update={"request_id": "gitops"})
    with pytest.raises(CannotChange, match="an annotation of a template will do") as refusal:
        answered(after, again)
    assert refusal.value.reason == "RolledBack"
    other = answered(after, edited("busybox:3", RETURNING))[0]
    assert (other.given_up, other.rolled_back) == ("", "")
    assert answered(other, again)[0].generation == other.generation + 1


def test_a_newer_template_that_came_meanwhile_has_its_own_turn() -> None:
    before = rolling(RETURNING)
    newer = answered(before, edited("busybox:3", RETURNING))[0]
    after = stalled(newer, before.revision)
    assert (after.revision, after.failed, after.given_up) == (newer.revision, "", "")


def test_told_to_go_on_it_tries_again() -> None:
    held = stalled(rolling(HOLDING))
    on = answered(held, steer("resume"))[0]
    assert (on.failed, on.generation, on.causes[-1]) == ("", held.generation + 1, "told to go on by carol")
    assert answered(held, steer("undo"))[0].failed == ""
    assert answered(held, edited("busybox:4", HOLDING))[0].failed == ""


def test_once_complete_there_is_nothing_to_go_back_from() -> None:
    done = rolling(RETURNING).settled_at(2)
    assert (done.rolls, order_of(done, "w").rolls) == (False, False)
