"""From what was observed to the status of the InferenceSystem object. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, get_args

from activities.kube import Manifest
from activities.messages import Observation, Order, PodClass
from specs.names import SYSTEM
from specs.sections import condition
from specs.status import MOST_ROLES, Condition, Phase, RoleStatus, SystemStatus, clipped

PLACED: tuple[PodClass, ...] = ("missing", "unheld", "held", "due", "pinned", "refused", "starting", "ready", "failed", "leaving")
NOT_SLOTS: tuple[PodClass, ...] = ("surplus",)
BROKEN: tuple[PodClass, ...] = ("failed", "lost", "refused")
PHASES: dict[str, Phase] = {"Startup": "Starting", "Scale": "Scaling", "Recovery": "Recovering", "Teardown": "Deleting"}

Truth = Literal["True", "False"]


def status_of(order: Order, seen: Observation, system: Manifest, now: datetime) -> Manifest:
    """The new status. Times of conditions that did not change are kept."""
    wanted, ready = _wanted(seen), seen.total("ready")
    reason, message = _why(seen)
    phase = _phase(order, seen, wanted, ready)
    generation = int(system["metadata"].get("generation", 0))
    status = SystemStatus(
        phase=phase,
        reason="" if phase == "Ready" else reason,
        message="" if phase == "Ready" else clipped(message),
        observed_generation=generation,
        revision=order.revision,
        copies=seen.copies,
        ready_copies=seen.ready_copies,
        pods=wanted,
        ready_pods=ready,
        selector=f"{SYSTEM}={order.ref.name}",
        roles=tuple(_role(path, classes) for path, classes in list(seen.roles.items())[:MOST_ROLES]),
        conditions=_conditions(seen, system, generation, now),
        operation=order.operation[:255],
    )
    return status.manifest()


def _phase(order: Order, seen: Observation, wanted: int, ready: int) -> Phase:
    if order.deleting:
        return "Deleting"
    if ready == wanted and not seen.unplanned and not seen.waiting:
        return "Ready"
    kind = order.operation.partition(":")[0]
    if seen.waits and seen.waiting and not seen.total("missing", "unheld", "due", "pinned", "starting"):
        return "Waiting"
    if kind in PHASES:
        return PHASES[kind]
    return "Degraded" if seen.total(*BROKEN) or seen.ready_copies < seen.copies else "Starting"


def _why(seen: Observation) -> tuple[str, str]:
    if seen.waits:
        return seen.waits[0].reason, seen.waits[0].message
    if seen.total(*BROKEN):
        return "PodsBroken", f"{seen.total(*BROKEN)} pods failed, were refused or are on lost nodes; they are being replaced"
    return "", ""


def _conditions(seen: Observation, system: Manifest, generation: int, now: datetime) -> tuple[Condition, ...]:
    reason, message = _why(seen)
    placed = not seen.waiting and not seen.unplanned and not seen.displaced
    serving = seen.ready_copies == seen.copies
    facts: tuple[tuple[Literal["Accepted", "Placed", "Ready"], bool, str, str], ...] = (
        ("Accepted", True, "Sound", ""),
        ("Placed", placed, "AllPlaced" if placed else reason or "Placing", "" if placed else message),
        ("Ready", serving, "CopiesReady" if serving else reason or "CopiesNotReady", "" if serving else message),
    )
    made: list[Condition] = []
    for kind, true, word, sentence in facts:
        status: Truth = "True" if true else "False"
        old = condition(system, kind)
        at = old["lastTransitionTime"] if old.get("status") == status else now.strftime("%Y-%m-%dT%H:%M:%SZ")
        facts_of: dict[str, object] = {
            "reason": word,
            "message": clipped(sentence),
            "last_transition_time": at,
            "observed_generation": generation,
        }
        made.append(Condition.model_validate({"type": kind, "status": status, **facts_of}))
    return tuple(made)


def _role(path: str, classes: Mapping[PodClass, int]) -> RoleStatus:
    wanted = sum(pods for name, pods in classes.items() if name not in NOT_SLOTS)
    placed = sum(classes.get(name, 0) for name in PLACED)
    return RoleStatus(role=path, wanted=wanted, placed=placed, ready=classes.get("ready", 0))


def _wanted(seen: Observation) -> int:
    return seen.total(*(name for name in get_args(PodClass) if name not in NOT_SLOTS))
