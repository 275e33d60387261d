"""What a system's workflow says of itself, what it asks for, and what it mends by itself. Pure."""

from datetime import datetime, timedelta

from activities.messages import MOVE, Observation, Order
from specs.words import counted
from workflows.decide import WAIT, Step
from workflows.driver import Driver
from workflows.intent import counts, kept
from workflows.operating import WORKING
from workflows.requests import Operation, OperationKind, Phase, Status
from workflows.revisions import number_of
from workflows.state import SystemState

BRIEF = timedelta(seconds=10)
"""Less than the shortest time after which a system that is not as declared is looked at again."""


def order_of(state: SystemState, watcher: str, operation: Operation | None = None) -> Order:
    """What is wanted now."""
    doing = f"{operation.kind}: {operation.causes[-1] if operation.causes else 'as declared'}" if operation else ""
    return Order(
        ref=state.ref, uid=state.uid, kind=state.kind, revision=state.revision, edition=state.edition, pardon=state.pardon,
        generation=state.generation, counts=_counts(state), approved=state.approved, deleting=state.deleting, moves=state.moves,
        rolls=state.rolls, failed=state.failed, rolled_back=state.rolled_back,
        watcher=watcher, operation=doing, number=number_of(state),
    )  # fmt: skip


def small(seen: Observation) -> bool:
    """Whether so little is amiss that it is mended in passing: a child costs three times the work."""
    pods = seen.restarting + seen.total("missing", "bare", "refused", "failed", "lost", "due", "unheld", "surplus")
    return max(pods, seen.unplanned, seen.displaced, seen.surplus_gangs) <= 1


def mending_for(step: Step, seen: Observation) -> tuple[OperationKind, str] | None:
    """The operation that a step calls for while none is at work, and its cause; None for what is done in passing, if anything."""
    if step.action == MOVE and seen.moving:
        return "Evacuation", step.message
    return ("Recovery", cause_of(step, seen)) if step.acts and not small(seen) else None


def cause_of(step: Step, seen: Observation) -> str:
    """Why a Recovery begins: `lost rack r7 (18 nodes) with 36 pods`. What was lost comes first, to be searched for."""
    told = [f"lost {seen.lost}"] if seen.lost else []
    failed = next((each for each in seen.deviants if each.state == "failed"), None)
    if failed is not None:
        first = f"{failed.pod} on node {failed.node}: {failed.message or 'not Ready in time'}"
        told.append(f"{counted(seen.total('failed'), 'pod')} failed, the first {first}")
    if seen.restarting:
        told.append(f"{counted(seen.restarting, 'unit')} not whole again in time")
    return "; ".join(told) or step.message


def status_of(state: SystemState, driver: Driver, *, forsaken: bool) -> Status:
    """What goes on."""
    return Status(
        name=state.ref.name,
        namespace=state.ref.namespace,
        cluster=state.ref.cluster,
        phase=phase_of(state, driver, forsaken=forsaken),
        generation=state.generation,
        revision=state.revision,
        number=number_of(state),
        message=_message(state, driver),
        reason=driver.step.reason,
        reason_since=driver.reason_since,
        counts=_counts(state),
        operation=state.operation,
        last=state.last,
        seen=driver.seen,
        schedule_problem=state.schedule_problem,
        since=state.since,
    )


def passes(state: SystemState, now: datetime) -> bool:
    """Whether the phase may be over in seconds, as when a lost pod is replaced: to tell the search of it takes two writes."""
    brief = state.brief and state.operation is None and state.phase == "Recovering"
    return brief and now - datetime.fromisoformat(state.since) < BRIEF


def phase_of(state: SystemState, driver: Driver, *, forsaken: bool) -> Phase:
    """One word."""
    if state.torn_down or forsaken:
        return "Deleted"
    if state.operation is not None:
        return WORKING[state.operation.kind]
    if state.deleting:
        return "Deleting"
    return _idle_phase(state, driver)


def _idle_phase(state: SystemState, driver: Driver) -> Phase:
    if driver.problem or driver.seen.failing:
        return "Degraded"
    if state.settled == 0:
        return "Pending"
    if driver.finished and state.settled >= state.generation:
        return "Ready"
    return "Waiting" if driver.step.action == WAIT and driver.seen.waiting else "Recovering"


def _message(state: SystemState, driver: Driver) -> str:
    if not state.declared:
        return "nothing was declared yet"
    if state.torn_down:
        return "nothing is left"
    if state.operation is not None:
        return f"{state.operation.kind} is at work" + (f": {state.operation.causes[-1]}" if state.operation.causes else "")
    return driver.problem or state.schedule_problem or driver.step.message


def _counts(state: SystemState) -> dict[str, int]:
    system = kept(state)
    return counts(system.spec, state.scaled) if system else dict(state.scaled)
