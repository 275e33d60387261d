"""`next_step`, as a table that reads like its rules."""

import pytest

from activities.messages import (
    CREATE,
    ERASE,
    HOLD,
    MOVE,
    PLACE,
    RECORD,
    RELEASE,
    REMOVE,
    REPLACE,
    SUPPORT,
    UPDATE,
    Observation,
    Order,
    PodClass,
    Ref,
    Wait,
)  # fmt: skip
from specs.words import counted
from workflows.decide import FINISHED, RULES, WAIT, next_step

KEEP = Order(ref=Ref(namespace="serving", name="llama"), uid="u1", generation=2, recorded=2)
NEWER = KEEP.model_copy(update={"generation": 3})
DELETE = KEEP.model_copy(update={"deleting": True, "generation": 3})
ROOM = Wait(reason="NoCapacity", message="no rack has 8 free nvidia.com/gpu", first="llama-0")
TURN = Wait(reason="StartOrder", message="decode waits for router: 1 of 2 ready")
FULL = Wait(reason="Budget", message="2 units wait to be updated")
DRAIN = Wait(reason="Draining", message="pod llama-1 drains")
REFUSAL = Wait(reason="RefusedByScheduler", message="untolerated taint")


def seen(pods: dict[PodClass, int], **facts: object) -> Observation:
    return Observation.model_validate({"exists": True, "roles": {"worker": pods}, **facts})


#                                      order   what is seen                                            step      its reason
EXAMPLES = {
    "nothing recorded yet":             (KEEP,   Observation(),                                          RECORD,   "Unrecorded"),
    "recorded, but nothing guards it":  (KEEP,   seen({"ready": 2}, unguarded=True),                     RECORD,   "Unrecorded"),
    "recorded, but the object is gone": (KEEP,   seen({"ready": 2}, exists=False),                       RECORD,   "Unrecorded"),
    "an older intent is recorded":      (NEWER,  seen({"missing": 2}, unplanned=1),                      RECORD,   "Unrecorded"),
    "recorded by an earlier try":       (NEWER,  seen({"missing": 2}, recorded=3),                       CREATE,   "Missing"),
    "too many pods go first":           (KEEP,   seen({"surplus": 1, "missing": 1}, unplanned=1),        REMOVE,   "Surplus"),
    "unwanted gangs give room back":    (KEEP,   seen({"ready": 2}, surplus_gangs=1, unplanned=1),       REMOVE,   "SurplusRoom"),
    "but not before it is empty":       (KEEP,   seen({"ready": 2}, surplus_gangs=2, staying=2),         WAIT,     "Leaving"),
    "what is empty need not wait":      (KEEP,   seen({"ready": 2}, surplus_gangs=2, staying=1),         REMOVE,   "SurplusRoom"),
    "new gangs need not wait for it":   (KEEP,   seen({"bare": 1}, surplus_gangs=2, staying=2, unplanned=1), PLACE, "Unplanned"),
    "place before anything is made":    (KEEP,   seen({"bare": 4}, unplanned=1, support=2),              PLACE,    "Unplanned"),
    "services before pods":             (KEEP,   seen({"missing": 4}, support=2),                        SUPPORT,  "Support"),
    "the dead before the new":          (KEEP,   seen({"failed": 1, "missing": 1}),                      REPLACE,  "Broken"),
    "refused pods are replaced":        (KEEP,   seen({"refused": 1}, waits=(REFUSAL,)),                 REPLACE,  "Broken"),
    "pods of a lost node too":          (KEEP,   seen({"lost": 1, "ready": 3}),                          REPLACE,  "Broken"),
    "a place that is no more":          (KEEP,   seen({"held": 1}, displaced=1),                         REPLACE,  "Displaced"),
    "create what is granted":           (KEEP,   seen({"missing": 4, "due": 1}),                         CREATE,   "Missing"),
    "create what waits, to be seen":    (KEEP,   seen({"bare": 4}, waiting=1, waits=(ROOM,)),            CREATE,   "Missing"),
    "start those whose turn has come":  (KEEP,   seen({"due": 2, "unheld": 2}, waits=(TURN,)),           RELEASE,  "Due"),
    "hold the places of the others":    (KEEP,   seen({"ready": 2, "unheld": 2}, waits=(TURN,)),         HOLD,     "Unheld"),
    "room is the first reason to wait": (KEEP,   seen({"waiting": 4}, waits=(TURN, REFUSAL, ROOM)),      WAIT,     "NoCapacity"),
    "room, though nobody says why":     (KEEP,   seen({"starting": 1, "waiting": 4}, waiting=1),         WAIT,     "NoRoom"),
    "then the order":                   (KEEP,   seen({"starting": 1, "held": 2}, waits=(TURN,)),        WAIT,     "StartOrder"),
    "then leaving pods":                (KEEP,   seen({"leaving": 1, "starting": 1}),                    WAIT,     "Leaving"),
    "then the scheduler":               (KEEP,   seen({"pinned": 1, "starting": 1}),                     WAIT,     "Binding"),
    "then the pods themselves":         (KEEP,   seen({"starting": 1, "ready": 1}),                      WAIT,     "Starting"),
    "a rollout when nothing else is due": (KEEP, seen({"ready": 4}, outdated=3, updating=1),             UPDATE,   "Outdated"),
    "edited rules before new places":   (KEEP,   seen({"ready": 4}, behind=2, unplanned=1),              UPDATE,   "Behind"),
    "off a node that is evacuated":     (KEEP,   seen({"ready": 4}, evacuating=2, moving=1),             MOVE,     "Evacuating"),
    "before a rollout goes on":         (KEEP,   seen({"ready": 4}, moving=1, outdated=3, updating=1),   MOVE,     "Evacuating"),
    "its room is the gate":             (KEEP,   seen({"ready": 4}, evacuating=2, waits=(ROOM,)),        WAIT,     "NoCapacity"),
    "not evacuated is not as declared": (KEEP,   seen({"ready": 4}, evacuating=2),                       WAIT,     "Evacuating"),
    "others wait for its room":         (KEEP,   seen({"surplus": 2}, evicted=2),                        REMOVE,   "Preempted"),
    "who was not told to drain yet":    (KEEP,   seen({"ready": 1, "surplus": 2}, draining=1),           REMOVE,   "Surplus"),
    "who drains has time":              (KEEP,   seen({"ready": 1, "surplus": 2}, draining=2, waits=(DRAIN,)), WAIT, "Draining"),
    "who drains is wanted again":       (KEEP,   seen({"ready": 2}, withdrawn=1),                        REMOVE,   "Withdrawn"),
    "not while pods are missing":       (KEEP,   seen({"missing": 1}, outdated=3, updating=1),           CREATE,   "Missing"),
    "of which revision, before it is": (KEEP,    seen({"missing": 1}, outdated=1, updating=1, returning=1), UPDATE, "Returning"),
    "its budget is the gate":           (KEEP,   seen({"starting": 1}, outdated=2, waits=(FULL,)),       WAIT,     "Budget"),
    "room before a rollout's gates":    (KEEP,   seen({"waiting": 1}, outdated=2, waits=(FULL, ROOM)),   WAIT,     "NoCapacity"),
    "ready for too short a time":      (KEEP,   seen({"ready": 4}, settling=1, again_s=3),              WAIT,     "MinReady"),
    "outdated is not as declared":      (KEEP,   seen({"ready": 4}, outdated=2),                         WAIT,     "Outdated"),
    "as declared":                      (KEEP,   seen({"ready": 4}),                                     FINISHED, "Ready"),
    "nothing declared is declared too": (KEEP,   seen({}),                                               FINISHED, "Ready"),
    "deleting comes before all else":   (DELETE, seen({"missing": 4}, unplanned=1, left=9),              ERASE,    "Deleting"),
    "what was never recorded is gone":  (DELETE, Observation(),                                          FINISHED, "Deleted"),
}  # fmt: skip


@pytest.mark.parametrize(("order", "observation", "action", "reason"), EXAMPLES.values(), ids=EXAMPLES)
def test_next_step(order: Order, observation: Observation, action: str, reason: str) -> None:
    step = next_step(order, observation)
    assert (step.action, step.reason) == (action, reason)
    assert step.message
    assert step.resting == ()


#                                      what is seen                             resting            step      its reason
PASSED_OVER = {
    "others go on":                     (seen({"missing": 2, "due": 1}),         {CREATE},          RELEASE,  "Due"),
    "until nothing else is left":       (seen({"missing": 2, "starting": 1}),    {CREATE},          WAIT,     "Missing"),
    "room is told of first":            (seen({"bare": 2}, waits=(ROOM,)), {CREATE},     WAIT,     "NoCapacity"),
    "resting is not being finished":    (seen({"ready": 2}, surplus_gangs=1),    {REMOVE},          WAIT,     "SurplusRoom"),
    "what is not called for is no matter": (seen({"ready": 2}),                  {REMOVE, CREATE},  FINISHED, "Ready"),
}  # fmt: skip


@pytest.mark.parametrize(("observation", "resting", "action", "reason"), PASSED_OVER.values(), ids=PASSED_OVER)
def test_what_did_not_help_is_passed_over(observation: Observation, resting: set[str], action: str, reason: str) -> None:
    step = next_step(KEEP, observation, resting)
    assert (step.action, step.reason) == (action, reason)


def test_all_else_hangs_on_the_record() -> None:
    step = next_step(NEWER, seen({"missing": 2}), {RECORD})
    assert (step.action, step.resting) == (WAIT, (RECORD,))


def test_a_teardown_waits_for_what_leaves() -> None:
    step = next_step(DELETE, seen({}, left=3), {ERASE})
    assert (step.action, step.reason, step.message) == (WAIT, "Leaving", "waits for 3 objects to go")


def test_a_teardown_says_what_it_can_not_stop() -> None:
    stuck = Wait(reason="NodeDoesNotAnswer", message="pod p on node n can't be stopped")
    step = next_step(DELETE, seen({}, left=3, waits=(stuck,)), {ERASE})
    assert (step.reason, step.message) == ("NodeDoesNotAnswer", "waits for 3 objects to go: pod p on node n can't be stopped")


def test_every_rule_says_how_many() -> None:
    assert {rule.step(seen({"surplus": 2, "failed": 1, "missing": 3, "due": 1, "unheld": 1})).message for rule in RULES} >= {
        "removes 2 pods too many",
        "replaces 1 pod: failed, refused, or its node lost",
        "creates 3 pods",
        "lets 1 pod start",
        "reserves places for 1 pod",
    }


def test_counting_in_words() -> None:
    assert [counted(1, "pod"), counted(12_000, "gang"), counted(2, "service or budget")] == [
        "1 pod",
        "12,000 gangs",
        "2 services or budgets",
    ]
