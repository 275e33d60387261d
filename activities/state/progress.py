"""How far a rollout is: for observations, the object's status, and Events. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from activities.cache.pods import written_time
from activities.cluster.kube import Manifest
from activities.messages import DEADLINE, Observation, Order, Wait
from activities.state.lanes import APPROVAL, PAUSED, STEP, renews
from activities.state.rolling import Rolling
from activities.state.tallying import older
from specs.sections import condition, section
from specs.status import MOST_FIRST, OlderUnit, RevisionStatus, RolloutStatus, clipped
from specs.words import counted

Fact = tuple[str, bool | None, str, str]
"""A condition: type, whether it is so (None: can't be told), reason, message."""
PROGRESSING, COMPLETE, UPDATING, STARTING, ROLLED_BACK = "Progressing", "Complete", "Updating", "Starting", "RolledBack"
FOR_SOMEBODY = (APPROVAL, STEP, PAUSED)
"""Gates that a person opens."""


class News(NamedTuple):
    """What is worth an Event."""

    reason: str
    message: str
    normal: bool = True


def rolled(rolling: Rolling) -> dict[str, object]:
    """The part of an observation that is about a rollout."""
    return {
        "outdated": rolling.outdated,
        "updating": len(rolling.chosen),
        "returning": len(rolling.returning),
        "updated": rolling.updated,
        "older": dict(rolling.older_pods),
        "older_units": older(rolling.of),
        "gate": rolling.gate,
        "hold": rolling.hold,
        "deadline_s": rolling.deadline_s,
        "clock_stands": rolling.clock_stands,
        "available": rolling.available,
        "settling": rolling.settling,
    }


def rollout_of(order: Order, seen: Observation, before: Manifest, now: datetime) -> RolloutStatus:
    """The status of the rollout; `before`: the object, whose status tells since when the same gate holds."""
    gate = gate_of(order, seen)
    old = section(before, "status", "rollout")
    same = gate is not None and _key(old) == (gate.reason, gate.first[:MOST_FIRST]) and bool(old.get("since"))
    since = old["since"] if same else written_time(now) if gate else ""
    told = Wait(reason="", message="") if gate is None else gate
    reason, message, first = told.reason, clipped(told.message), told.first[:MOST_FIRST]
    return RolloutStatus(
        updated=seen.updated, outdated=seen.outdated, gate=reason, message=message, first=first, since=since,
        revisions=tuple(RevisionStatus.model_validate(each.model_dump()) for each in seen.revisions),
        older_units=tuple(OlderUnit(unit=unit, revision=revision) for unit, revision in seen.older_units.items()),
    )  # fmt: skip


def gated(order: Order, seen: Observation) -> Observation:
    """The same, with the gate as everybody is to tell of it."""
    return seen.model_copy(update={"gate": gate_of(order, seen)})


def gate_of(order: Order, seen: Observation) -> Wait | None:
    """What a rollout waits for: somebody, its budget, room, or pods to be ready; None where none is under way."""
    if seen.gate is not None:
        return seen.gate
    if not (seen.outdated or renews(order)) or seen.updating or not seen.known:
        return None
    if seen.waits:
        return seen.waits[0]
    pods = seen.total("starting", "pinned", "leaving", "due", "missing")
    return Wait(reason=STARTING, message=f"waits for {counted(pods, 'pod')} to be ready") if pods else None


def progressing(order: Order, seen: Observation) -> Fact:
    """The condition that says whether a newer template gets on."""
    gate = gate_of(order, seen)
    if order.rolled_back:
        return PROGRESSING, False, ROLLED_BACK, order.rolled_back
    if gate is not None:
        return PROGRESSING, _gets_on(gate.reason), gate.reason, gate.message
    if seen.outdated:
        return PROGRESSING, True, UPDATING, f"{counted(seen.outdated, 'unit')} still to update to revision {order.revision}"
    return PROGRESSING, True, COMPLETE, ""


def news(before: Manifest, after: Manifest) -> Iterator[News]:
    """What a new status of an object tells that the one before did not."""
    old, new = section(before, "rollout"), section(after, "rollout")
    if not before or not new:
        return
    told, revision = condition({"status": after}, PROGRESSING), after["revision"]
    complete = told["reason"] == COMPLETE
    if before.get("revision") != revision and new["outdated"]:
        yield News("RolloutStarted", f"revision {revision}: {counted(new['outdated'], 'unit')} to update")
    if new["gate"] in (*FOR_SOMEBODY, DEADLINE) and new["message"] != old.get("message"):
        yield News("RolloutHeld", new["message"], normal=False)
    if complete and condition({"status": before}, PROGRESSING).get("reason", COMPLETE) != COMPLETE:
        yield News("RolloutCompleted", f"revision {revision} runs: no unit is left to be updated")
    if told["reason"] == ROLLED_BACK and condition({"status": before}, PROGRESSING).get("reason") != ROLLED_BACK:
        yield News("RolledBack", told["message"], normal=False)


def _key(told: Manifest) -> tuple[str, str]:
    """Which wait that is: one for another unit began when that did."""
    return told.get("gate", ""), told.get("first", "")


def _gets_on(gate: str) -> bool | None:
    return False if gate == DEADLINE else None if gate in FOR_SOMEBODY else True
