"""`next_step`: the one decision. What is wanted and what is seen go in, one bounded step comes out. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from activities.messages import CREATE, ERASE, HOLD, PLACE, RECORD, RELEASE, REMOVE, REPLACE, SUPPORT, Observation, Order

WAIT, FINISHED = "Wait", "Finished"
Action = Literal[
    "RecordSystem", "ApplyServices", "PlaceGangs", "CreatePods", "HoldPods", "ReleasePods", "ReplacePods", "RemovePods",
    "EraseSystem", "Wait", "Finished",
]  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One thing to do next, and why: a code for machines, a sentence for people."""

    action: Action
    reason: str
    message: str

    @property
    def acts(self) -> bool:
        """Whether something is to be written."""
        return self.action not in (WAIT, FINISHED)


def next_step(order: Order, seen: Observation) -> Step:
    """The first rule that speaks. Cost: O(roles)."""
    rules = DELETING if order.deleting else KEEPING
    return next(step for rule in rules if (step := rule(order, seen)) is not None)


Rule = Callable[[Order, Observation], Step | None]


def _erase(order: Order, seen: Observation) -> Step | None:
    if not seen.left and not seen.exists:
        return Step(FINISHED, "Deleted", "nothing is left")
    pods = seen.total("leaving")
    return Step(ERASE, "Deleting", f"deletes {seen.left} objects" + (f", {pods} pods are leaving" if pods else ""))


def _record(order: Order, seen: Observation) -> Step | None:
    if order.uid and seen.exists:
        return None
    return Step(RECORD, "Recording", "records what was accepted")


def _remove(order: Order, seen: Observation) -> Step | None:
    pods = seen.total("surplus")
    if not pods and not seen.surplus_gangs:
        return None
    return Step(REMOVE, "Removing", f"removes {pods} pods and {seen.surplus_gangs} gangs that are wanted no more")


def _place(order: Order, seen: Observation) -> Step | None:
    return Step(PLACE, "Placing", f"finds room for {seen.unplanned} gangs") if seen.unplanned else None


def _support(order: Order, seen: Observation) -> Step | None:
    return Step(SUPPORT, "Connecting", f"writes {seen.support} services and budgets") if seen.support else None


def _replace(order: Order, seen: Observation) -> Step | None:
    dead = seen.total("failed", "refused", "lost")
    if not dead and not seen.displaced:
        return None
    return Step(REPLACE, "Replacing", f"replaces {dead} pods; {seen.displaced} lost their place")


def _create(order: Order, seen: Observation) -> Step | None:
    pods = seen.total("missing", "bare")
    return Step(CREATE, "Creating", f"creates {pods} pods") if pods else None


def _release(order: Order, seen: Observation) -> Step | None:
    pods = seen.total("due")
    return Step(RELEASE, "Releasing", f"starts {pods} pods whose turn has come") if pods else None


def _hold(order: Order, seen: Observation) -> Step | None:
    pods = seen.total("unheld")
    return Step(HOLD, "Holding", f"holds places for {pods} pods whose turn has not come") if pods else None


def _wait_for_room(order: Order, seen: Observation) -> Step | None:
    if not seen.waiting:
        return None
    said = next((wait for wait in seen.waits if wait.first), None)
    return Step(WAIT, said.reason if said else "NoRoom", said.message if said else f"{seen.waiting} gangs wait for room")


def _wait_for_pods(order: Order, seen: Observation) -> Step | None:
    coming = seen.total("pinned", "starting", "held", "leaving", "waiting")
    if not coming:
        return None
    said = seen.waits[0] if seen.waits and seen.total("held") and not seen.total("pinned") else None
    return Step(WAIT, said.reason if said else "Starting", said.message if said else f"waits for {coming} pods")


def _finished(order: Order, seen: Observation) -> Step | None:
    return Step(FINISHED, "Ready", "as declared")


DELETING: tuple[Rule, ...] = (_erase,)
KEEPING: tuple[Rule, ...] = (
    _record, _remove, _place, _support, _replace, _create, _release, _hold, _wait_for_room, _wait_for_pods, _finished,
)  # fmt: skip
