"""`next_step`, as a table that reads like its rules."""

import pytest

from activities.messages import (
    CREATE, ERASE, HOLD, PLACE, RECORD, RELEASE, REMOVE, REPLACE, SUPPORT, Observation, Order, PodClass, Ref, Wait,
)  # fmt: skip
from workflows.decide import FINISHED, WAIT, next_step

KEEP = Order(ref=Ref(namespace="serving", name="llama"), uid="u1")
DELETE = KEEP.model_copy(update={"deleting": True})
ROOM = Wait(reason="InsufficientCapacity", message="no rack has 8 free nvidia.com/gpu", first="llama-0")
TURN = Wait(reason="StartOrder", message="decode waits for router: 1 of 2 ready")


def seen(pods: dict[PodClass, int], **facts: object) -> Observation:
    return Observation.model_validate({"exists": True, "roles": {"worker": pods}, **facts})


#                                      order   what is seen                                            step      its reason
RULES = {
    "nothing recorded yet":             (KEEP,   Observation(),                                          RECORD,   "Recording"),
    "recorded, but the object is gone": (KEEP,   seen({"ready": 2}, exists=False),                       RECORD,   "Recording"),
    "too many pods go first":           (KEEP,   seen({"surplus": 1, "missing": 1}, unplanned=1),        REMOVE,   "Removing"),
    "unwanted gangs give room back":    (KEEP,   seen({"ready": 2}, surplus_gangs=1),                    REMOVE,   "Removing"),
    "place before anything is made":    (KEEP,   seen({"bare": 4}, unplanned=1, support=2),              PLACE,    "Placing"),
    "services before pods":             (KEEP,   seen({"missing": 4}, support=2),                        SUPPORT,  "Connecting"),
    "the dead before the new":          (KEEP,   seen({"failed": 1, "missing": 1}),                      REPLACE,  "Replacing"),
    "refused pods are replaced":        (KEEP,   seen({"refused": 1, "ready": 3}),                       REPLACE,  "Replacing"),
    "pods of a lost node too":          (KEEP,   seen({"lost": 1, "ready": 3}),                          REPLACE,  "Replacing"),
    "a place that is no more":          (KEEP,   seen({"ready": 3}, displaced=1),                        REPLACE,  "Replacing"),
    "create what is granted":           (KEEP,   seen({"missing": 4}),                                   CREATE,   "Creating"),
    "create what waits, to be seen":    (KEEP,   seen({"bare": 4}, waiting=1),                           CREATE,   "Creating"),
    "start those whose turn has come":  (KEEP,   seen({"due": 2, "unheld": 2}),                          RELEASE,  "Releasing"),
    "hold the places of the others":    (KEEP,   seen({"ready": 2, "unheld": 2}),                        HOLD,     "Holding"),
    "room is the first reason to wait": (KEEP,   seen({"starting": 1, "waiting": 4}, waiting=1, waits=(ROOM,)), WAIT, "InsufficientCapacity"),
    "then the order":                   (KEEP,   seen({"starting": 1, "held": 2}, waits=(TURN,)),        WAIT,     "StartOrder"),
    "then the pods themselves":         (KEEP,   seen({"starting": 1, "ready": 1}),                      WAIT,     "Starting"),
    "leaving pods are waited for":      (KEEP,   seen({"leaving": 1, "ready": 1}),                       WAIT,     "Starting"),
    "as declared":                      (KEEP,   seen({"ready": 4}),                                     FINISHED, "Ready"),
    "nothing declared is declared too": (KEEP,   seen({}),                                               FINISHED, "Ready"),
    "deleting comes before all else":   (DELETE, seen({"missing": 4}, unplanned=1, left=9),              ERASE,    "Deleting"),
    "until the object itself is gone":  (DELETE, seen({}, left=0),                                       ERASE,    "Deleting"),
    "and then it is done":              (DELETE, Observation(),                                          FINISHED, "Deleted"),
}  # fmt: skip


@pytest.mark.parametrize(("order", "observation", "action", "reason"), RULES.values(), ids=RULES)
def test_next_step(order: Order, observation: Observation, action: str, reason: str) -> None:
    step = next_step(order, observation)
    assert (step.action, step.reason) == (action, reason)
    assert step.message


def test_a_system_without_identity_is_recorded_first() -> None:
    assert next_step(KEEP.model_copy(update={"uid": ""}), seen({"ready": 1})).action == RECORD
