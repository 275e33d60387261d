"""What a request to move pods makes of a system's state. Pure."""

from specs.words import counted
from workflows.requests import RELOCATION, Apply, Delete, Scale, Steer
from workflows.state import SystemState
from workflows.steering import CannotChange


def moves(request: Apply | Scale | Delete | Steer) -> bool:
    """Whether it is about moves: any other change ends those that are under way."""
    return isinstance(request, Steer) and request.action == "move"


def moved(state: SystemState, request: Steer) -> tuple[SystemState, str]:
    """The state after pods were told to move, or to stay, and a remark. Raises `CannotChange` while anything else is done."""
    who = request.who or "somebody"
    if not request.moves:
        after = state.model_copy(update={"moves": {}})
        return (after.next(f"no more moves, by {who}", None), "") if state.moves else (state, "nothing was to move")
    other = state.operation is not None and state.operation.kind != RELOCATION
    if other or (state.settled < state.generation and not state.moves):
        doing = f"{state.operation.kind} is at work on it" if state.operation else "it is not as declared"
        raise CannotChange(f"no pod of {state.ref.name} is moved while {doing}; plan the moves again when it is Ready", "AtWork")
    cause = f"{counted(len(request.moves), 'pod')} to move by {who}{': ' if request.why else ''}{request.why}"
    return state.model_copy(update={"moves": dict(request.moves)}).next(cause, "Relocation"), ""
