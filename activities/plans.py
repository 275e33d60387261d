"""What workflows and agents say to each other of moves that span systems. Wire format, and pure, as `activities.messages`."""

from pydantic import Field

from activities.messages import Message, Ref

PLAN_MOVES, FOLLOW_MOVES = "PlanMoves", "FollowMoves"
"""Activities, served by the agent of the cluster."""


class PlannedMove(Message):
    """One pod, and where it is to go. Its new place is taken before the old one is left."""

    namespace: str
    system: str
    slot: str
    pod: str
    source: str
    target: str


class MovePlan(Message):
    """The moves that let one gang in, or why there are none."""

    id: str = ""
    """The same for the same moves."""
    cluster: str = "default"
    namespace: str = ""
    system: str = ""
    gang: str = ""
    pods: int = 0
    """The gain: pods that get room."""
    moves: tuple[PlannedMove, ...] = ()
    """The cost."""
    least: int = 0
    """No plan has fewer moves."""
    reason: str = ""
    """Why there are none: `NothingWaits`, `NoMovesHelp`."""
    message: str = ""

    @property
    def name(self) -> str:
        """`serving/llama-0`."""
        return f"{self.namespace}/{self.gang}"

    def within(self, other: "MovePlan") -> bool:
        """Whether it lets the same gang in, with no more moves, and moves pods of no other system."""
        same = (self.name, self.pods) == (other.name, other.pods)
        return same and 0 < len(self.moves) <= len(other.moves) and self.by_system.keys() <= other.by_system.keys()

    @property
    def by_system(self) -> dict[tuple[str, str], dict[str, str]]:
        """Namespace and name -> slot -> node."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for move in self.moves:
            found.setdefault((move.namespace, move.system), {})[move.slot] = move.target
        return found


class PlanRequest(Message):
    """PlanMoves: for whom, and how many at most."""

    cluster: str = "default"
    most: int = 100
    passed_over: tuple[str, ...] = ()
    """Gangs (`MovePlan.name`) for which no more is planned."""


class FollowRequest(Message):
    """FollowMoves: tell when more than so many are done, or something else has come of them."""

    plan: MovePlan
    done: int = -1


class MovesSeen(Message):
    """How far moves are."""

    done: int = 0
    """Pods that are Ready at their new place."""
    placed: bool = False
    """The gang has its room."""
    reason: str = ""
    """Why they can't go on; empty while they can."""
    message: str = ""


class MoveRequest(Message):
    """SendMoves: have pods of one system move; none: have those stay that have not moved yet."""

    ref: Ref
    who: str
    why: str = ""
    request_id: str
    moves: dict[str, str] = Field(default_factory=dict)
