"""What becomes of a rollout that got no further: it holds, or goes back to the last revision that was complete. Pure."""

from workflows.approving import ALL
from workflows.intent import CannotChange, applied, declared
from workflows.requests import Apply, Outcome
from workflows.revisions import revised
from workflows.state import SystemState
from workflows.steering import steered

ESPALIER = "Espalier"


def ended(state: SystemState, outcome: Outcome, now: str = "") -> SystemState:
    """The state without its operation; `outcome.stalled` is answered once, for the revision that it is about."""
    after = state.ended(outcome)
    stalled = outcome.stalled and outcome.revision == state.revision and not state.failed and not state.deleting
    return revised(state, _failed(after, outcome.stalled), ESPALIER, now) if stalled else after


def _failed(state: SystemState, why: str) -> SystemState:
    back = _rolled_back(state, why)
    if back is not None:
        return back
    return state.model_copy(update={"failed": why}).next(f"holds: {why}", "Rollout")


def _rolled_back(state: SystemState, why: str) -> SystemState | None:
    """With the last complete template; None where that is not asked for, not known, or can't be gone back to."""
    if not state.complete or declared(state.manifest).spec.rollout.on_failure != "rollback":
        return None
    try:
        manifest = steered(state.manifest, state.complete, "undo")
        after, _ = applied(state, Apply(request_id="-", who=ESPALIER, manifest=manifest))
    except CannotChange:
        return None
    told = f"rolled back from revision {state.revision}: {why}"
    kept = after.model_copy(update={"approved": ALL, "given_up": state.revision, "rolled_back": told})
    return kept.model_copy(update={"causes": (*state.causes, told)})
