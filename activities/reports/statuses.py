"""From what was observed to the status of the InferenceSystem object. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, get_args

from activities.cache.census import Census
from activities.cache.pods import written_time
from activities.cluster.kube import SYSTEMS, Manifest
from activities.messages import Observation, Order, PodClass
from activities.reports.answered_edits import AnsweredEdit
from activities.reports.edits import observed_generation
from activities.state.progress import Fact, progressing, rollout_of
from specs.names import SYSTEM
from specs.sections import condition, entries, is_true, section
from specs.status import MOST_ROLES, Condition, Phase, RoleStatus, SystemStatus, clipped

PLACED: tuple[PodClass, ...] = (
    "missing",
    "unheld",
    "held",
    "due",
    "pinned",
    "refused",
    "starting",
    "ready",
    "failed",
    "halted",
    "leaving",
)
UNCOUNTED: tuple[PodClass, ...] = ("surplus", "later")
"""What nobody wants, or not before a unit is updated."""
BROKEN: tuple[PodClass, ...] = ("failed", "halted", "lost", "refused")
PASSING: tuple[PodClass, ...] = (
    "missing", "bare", "unheld", "due", "pinned", "refused", "starting", "failed", "lost", "leaving", "surplus",
)  # fmt: skip
PHASES: dict[str, Phase] = {
    "Startup": "Starting",
    "Scale": "Scaling",
    "Rollout": "Updating",
    "Recovery": "Recovering",
    "Evacuation": "Moving",
    "Relocation": "Moving",
    "Teardown": "Deleting",
}

WANTED = tuple(name for name in get_args(PodClass) if name not in UNCOUNTED)
THERE = tuple(name for name in WANTED if name not in ("missing", "bare"))

Truth = Literal["True", "False", "Unknown"]


def status_of(order: Order, seen: Observation, system: Manifest, now: datetime, edit: AnsweredEdit | None = None) -> Manifest:
    """The new status. Times of conditions that did not change are kept. `edit`: what became of the object's last edit."""
    wanted, ready = _wanted(seen), seen.total("ready")
    reason, message = _why(order, seen)
    phase = _phase(order, seen, wanted, ready)
    quiet = phase == "Ready" and not (seen.draining or seen.evacuating or seen.planned)
    generation = observed_generation(system, answered=edit is not None)
    facts = (*facts_of(order, seen, edit), progressing(order, seen))
    status = SystemStatus(
        phase=phase,
        reason="" if quiet else reason,
        message="" if quiet else clipped(message),
        observed_generation=generation,
        revision=order.revision,
        revision_number=order.number,
        outdated=seen.outdated,
        rollout=rollout_of(order, seen, system, now),
        copies=seen.copies,
        ready_copies=seen.ready_copies,
        pods=wanted,
        ready_pods=ready,
        selector=f"{SYSTEM}={order.ref.name}",
        roles=tuple(_role(path, classes, seen.older.get(path, 0)) for path, classes in list(seen.roles.items())[:MOST_ROLES]),
        conditions=tuple(condition_of(fact, system, generation, now) for fact in facts),
        operation=order.operation[:255],
    )
    return status.manifest()


def _phase(order: Order, seen: Observation, wanted: int, ready: int) -> Phase:
    if order.deleting:
        return "Deleting"
    if seen.known and ready == wanted and not seen.unplanned and not seen.waiting and not (seen.outdated or seen.settling):
        return "Ready"
    if order.problems or seen.failing:
        return "Degraded"
    kind = order.operation.partition(":")[0]
    if seen.waits and seen.waiting and not seen.total("missing", "unheld", "due", "pinned", "starting"):
        return "Waiting"
    if kind in PHASES:
        return PHASES[kind]
    return "Degraded" if seen.total(*BROKEN) or seen.ready_copies < seen.copies else "Starting"


def _why(order: Order, seen: Observation) -> tuple[str, str]:
    for activity, problem in order.problems.items():
        return f"{activity}Failed", problem
    if seen.waits:
        first = seen.waits[0]
        return first.reason, "; or ".join((first.message, *first.fits))
    if seen.total(*BROKEN):
        return "PodsBroken", f"{seen.total(*BROKEN)} pods failed, were refused or are on lost nodes; they are being replaced"
    return "", ""


def facts_of(order: Order, seen: Observation, edit: AnsweredEdit | None) -> tuple[Fact, ...]:
    """Accepted, Placed and Ready."""
    reason, message = _why(order, seen)
    placed = seen.known and not seen.waiting and not seen.unplanned and not seen.displaced
    serving = seen.known and seen.ready_copies == seen.copies
    return (
        accepted(edit),
        ("Placed", placed, "AllPlaced" if placed else reason or "Placing", "" if placed else message),
        ("Ready", serving, "CopiesReady" if serving else reason or "CopiesNotReady", "" if serving else message),
    )


def accepted(edit: AnsweredEdit | None) -> Fact:
    """Whether what is declared could be accepted."""
    return ("Accepted", False, edit.reason, edit.message) if edit and edit.reason else ("Accepted", True, "Sound", "")


def condition_of(fact: Fact, found: Manifest, generation: int, now: datetime) -> Condition:
    """A condition, with the time of its last change."""
    kind, true, reason, message = fact
    status: Truth = "Unknown" if true is None else "True" if true else "False"
    old = condition(found, kind)
    at = old["lastTransitionTime"] if old.get("status") == status else written_time(now)
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=clipped(message),
        last_transition_time=at,
        observed_generation=generation,
    )


def turned_down(found: Manifest, edit: AnsweredEdit, now: datetime) -> Manifest:
    """What the status of an object is to say when an edit of it was refused; the rest of the status stays."""
    made = condition_of(accepted(edit), found, edit.generation, now).model_dump(mode="json", by_alias=True)
    others = [each for each in entries(found, "status", "conditions") if each["type"] != "Accepted"]
    first = {} if found.get("status") else {"phase": "Pending", "reason": edit.reason, "message": clipped(edit.message)}
    known = first if found["kind"] == SYSTEMS.kind else {}
    return {**known, "observedGeneration": edit.generation, "conditions": [made, *others]}


def strays(found: Manifest, census: Census, cliques: Iterable[Manifest]) -> bool:
    """Whether a system's pods are not as its status last said, or it was not at rest: its workflow may not have heard of it.

    A PodCliqueSet says of its pods through its cliques.
    """
    pods = census.pods((found["metadata"]["namespace"], found["metadata"]["name"])).values()
    there = sum(pod.ready and not pod.leaving and pod.node in census.nodes for pod in pods)
    return _told(found, cliques) != (there, there) or there != len(pods)


def _told(found: Manifest, cliques: Iterable[Manifest]) -> tuple[object, object] | None:
    """Pods wanted and pods Ready, as statuses have it; None for a system that was not at rest."""
    said = section(found, "status")
    if found["kind"] == SYSTEMS.kind:
        return (said.get("pods"), said.get("readyPods")) if said.get("phase") == "Ready" else None
    there = [(int(each["spec"]["replicas"]), int(section(each, "status").get("readyReplicas", 0))) for each in cliques]
    return (sum(wanted for wanted, _ in there), sum(ready for _, ready in there)) if is_true(found, "Ready") else None


def _role(path: str, classes: Mapping[PodClass, int], outdated: int) -> RoleStatus:
    wanted = sum(pods for name, pods in classes.items() if name not in UNCOUNTED)
    placed = sum(classes.get(name, 0) for name in PLACED)
    return RoleStatus(role=path, wanted=wanted, placed=placed, ready=classes.get("ready", 0), outdated=outdated)


def _wanted(seen: Observation) -> int:
    return seen.total(*WANTED)


def at_rest(seen: Observation) -> bool:
    """Whether nothing is on its way that may be over in a moment."""
    return not seen.total(*PASSING) and not seen.unplanned
