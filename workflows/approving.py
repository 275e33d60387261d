"""Letting a rollout go on past one of its holds. An answer is for one revision, and for one hold of it. Pure."""

from specs.rollout import Rollout
from workflows.requests import Steer
from workflows.state import SystemState
from workflows.steering import CannotChange

RULES_ROLL = "rules-roll"
"""Patch: edited rules of a rollout are carried out by a Rollout."""
ALL = 1_000
"""More holds than a rollout can have."""


def steered_anew(before: SystemState, after: SystemState) -> bool:
    """Whether only the rules of its rollout were edited, after which more units may go: a lower partition, say."""
    edited = before.declared and after.generation > before.generation and not after.deleting
    return edited and after.change is None and after.revision == before.revision and before.rules != after.rules


def approved(state: SystemState, rules: Rollout, request: Steer) -> SystemState:
    """The state with one more hold passed; the same when that one was passed before. Raises `CannotChange`."""
    if request.action == "resume" and rules.approval == "manual":
        raise CannotChange(f"it waits for an approval: espalier rollout approve {state.ref.name}", "NeedsApproval")
    look = f"look with: espalier rollout status {state.ref.name}"
    if request.revision and request.revision != state.revision:
        told = f"revision {request.revision} is not the one that is rolled out, {state.revision} is"
        raise CannotChange(f"{told}; {look}", "OtherRevision")
    first = 1 if rules.approval == "manual" and not state.approved else 0
    step = request.step or first
    if not step or (state.settled >= state.generation and step > state.approved):
        raise CannotChange(f"nothing of {state.ref.name!r} waits for an approval; {look}", "NothingToApprove")
    if step <= state.approved:
        return state
    cause = f"hold {step} of revision {state.revision} let go by {request.who or 'somebody'}"
    return state.model_copy(update={"approved": step}).next(cause, "Rollout")
