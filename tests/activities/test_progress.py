"""What is told of a rollout: the gate, since when, a condition, and Events, as tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.cluster.kube import Manifest
from activities.messages import DEADLINE, Observation, Order, Ref, Wait
from activities.reports.statuses import status_of
from activities.state.progress import news
from specs.sections import condition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = Order(ref=Ref(namespace="room", name="llama"), uid="u1", revision="r2", generation=3, rolls=True)
DONE = ORDER.model_copy(update={"rolls": False})
RULES = DONE.model_copy(update={"operation": "Rollout: applied by alice"})
BACK = DONE.model_copy(update={"rolled_back": "rolled back from revision r2: it crashed"})


def wait(reason: str, first: str = "") -> Wait:
    return Wait(reason=reason, message=f"{reason}, in words", first=first)


def seen(**facts: Any) -> Observation:
    gate = facts.pop("gate", None)
    known: dict[str, Any] = {"exists": True, "known": True, "gate": gate, "waits": (gate,) if gate else ()}
    return Observation.model_validate({**known, "roles": {"worker": {"ready": 4}}, **facts})


STEP = seen(outdated=3, updated=1, gate=wait("Step"), older={"worker": 3})
GOES = seen(outdated=3, updated=1, updating=1)
STARTS = seen(outdated=2, updated=1, roles={"worker": {"ready": 3, "starting": 1}})
LAST = seen(roles={"worker": {"ready": 3, "starting": 1}})
SETTLES = seen(settling=1, gate=wait("MinReady"))
IDLE = seen(settling=1)
FULL = seen(outdated=3, gate=wait("Budget"))
ROOM = seen(outdated=2, waiting=1, waits=(wait("NoRoom"),))
FAILED = seen(outdated=3, gate=wait(DEADLINE))

#                       order  what is seen  gate        Progressing: status and reason
CONDITIONS = {
    "by its next unit":   (ORDER, GOES,        "",         "True",    "Updating"),
    "pods get ready":     (ORDER, STARTS,      "Starting", "True",    "Starting"),
    "its last pods do":   (ORDER, LAST,        "Starting", "True",    "Starting"),
    "its budget is full": (ORDER, FULL,        "Budget",   "True",    "Budget"),
    "its last one settles": (ORDER, SETTLES,   "MinReady", "True",    "MinReady"),
    "by newer rules only": (RULES, LAST,       "Starting", "True",    "Starting"),
    "a pod that came back settles": (DONE, IDLE, "",       "True",    "Complete"),
    "no room":            (ORDER, ROOM,        "NoRoom",   "True",    "NoRoom"),
    "a step":             (ORDER, STEP,        "Step",     "Unknown", "Step"),
    "too late":           (ORDER, FAILED,      DEADLINE,   "False",   DEADLINE),
    "all is as declared": (DONE,  seen(),      "",         "True",    "Complete"),
    "a pod is lost":      (DONE,  LAST,        "",         "True",    "Complete"),
    "it was taken back":  (BACK,  seen(),      "",         "False",   "RolledBack"),
}  # fmt: skip


@pytest.mark.parametrize(("order", "found", "gate", "status", "reason"), CONDITIONS.values(), ids=CONDITIONS)
def test_condition(order: Order, found: Observation, gate: str, status: str, reason: str) -> None:
    told = status_of(order, found, {"metadata": {"generation": 3}, "spec": {}}, NOW)
    said = condition({"status": told}, "Progressing")
    assert (told["rollout"]["gate"], said["status"], said["reason"]) == (gate, status, reason)


def after(order: Order, found: Observation, before: Manifest | None = None, later_s: int = 0) -> Manifest:
    known = {"metadata": {"generation": 3}, "spec": {}, "status": before or {}}
    return status_of(order, found, known, NOW + timedelta(seconds=later_s))


def test_a_gate_is_told_of_since_it_holds() -> None:
    first = after(ORDER, STEP)
    assert first["rollout"]["since"] == "2026-01-01T00:00:00Z"
    assert after(ORDER, STEP, first, 60)["rollout"]["since"] == "2026-01-01T00:00:00Z"
    assert after(ORDER, FULL, first, 60)["rollout"]["since"] == "2026-01-01T00:01:00Z"
    assert after(DONE, seen(), first, 60)["rollout"]["since"] == ""


def test_the_same_gate_for_another_unit_holds_since_it_does() -> None:
    one, other = (seen(outdated=3, gate=wait("Budget", f"0/decode/{unit}/leader/0")) for unit in range(2))
    first = after(ORDER, one)
    assert first["rollout"]["first"] == "0/decode/0/leader/0"
    assert after(ORDER, one, first, 60)["rollout"]["since"] == "2026-01-01T00:00:00Z"
    assert after(ORDER, other, first, 60)["rollout"]["since"] == "2026-01-01T00:01:00Z"


def test_each_role_says_how_many_of_its_pods_are_outdated() -> None:
    told = after(ORDER, STEP)
    assert [(role["role"], role["outdated"]) for role in told["roles"]] == [("worker", 3)]
    assert (told["rollout"]["updated"], told["rollout"]["outdated"]) == (1, 3)


Said = tuple[Order, Observation]
OLD = ORDER.model_copy(update={"revision": "r1", "rolls": False})
#                       before         now                Events
EVENTS: dict[str, tuple[Said, Said, list[str]]] = {
    "it starts":         ((OLD, seen()),   (ORDER, GOES),    ["RolloutStarted"]),
    "and holds at once": ((OLD, seen()),   (ORDER, STEP),    ["RolloutStarted", "RolloutHeld"]),
    "it goes on":        ((ORDER, STEP),   (ORDER, STARTS),  []),
    "it still holds":    ((ORDER, STEP),   (ORDER, STEP),    []),
    "it is done":        ((ORDER, STARTS), (DONE, seen()),   ["RolloutCompleted"]),
    "its last settles":  ((ORDER, STARTS), (ORDER, SETTLES), []),
    "and has settled":   ((ORDER, SETTLES), (DONE, seen()),  ["RolloutCompleted"]),
    "it is too late":    ((ORDER, STARTS), (ORDER, FAILED),  ["RolloutHeld"]),
    "it is taken back":  ((ORDER, STARTS), (BACK, GOES),     ["RolledBack"]),
    "a pod comes back":  ((DONE, LAST),    (DONE, seen()),   []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "reasons"), EVENTS.values(), ids=EVENTS)
def test_events(before: Said, now: Said, reasons: list[str]) -> None:
    told = after(*before)
    assert [each.reason for each in news(told, after(*now, told))] == reasons


def test_what_is_complete_counts_nothing_that_is_not_counted_any_more() -> None:
    told = after(ORDER, STARTS)
    (done,) = news(told, after(DONE, seen(), told))
    assert done.message == "revision r2 runs: no unit is left to be updated"


def test_a_first_status_is_no_news() -> None:
    assert list(news({}, after(DONE, seen()))) == []
