"""What a status says of an edit: nothing is called observed before it is answered."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from activities.cluster.kube import SYSTEMS, Manifest
from activities.messages import Observation, Order, PodClass, Ref, Wait
from activities.reports.answered_edits import AnsweredEdit, AnsweredEdits
from activities.reports.statuses import status_of
from specs.names import RECORDED
from specs.sections import condition

LARGEST = 64_000
"""Bytes. An object of the API server may have 1.5 MB, and is written whole at every change."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC: Manifest = {"replicas": 2}
ORDER = Order(ref=Ref(namespace="room", name="llama"), uid="u1", revision="r1", generation=3)
ACCEPTED, REFUSED = AnsweredEdit("u1", 5), AnsweredEdit("u1", 5, "BadManifest", "spec.replicas: too many; take some away")


def system(recorded: str) -> Manifest:
    """The object, after an edit made it generation 5; 4 was observed."""
    metadata = {"name": "llama", "namespace": "room", "uid": "u1", "generation": 5, "annotations": {RECORDED: recorded}}
    return {"metadata": metadata, "spec": SPEC, "status": {"observedGeneration": 4}}


@pytest.mark.parametrize(
    ("recorded", "edit", "observed", "sound"),
    [
        ("5", None, 5, "True"),
        ("4", None, 4, "True"),
        ("4", ACCEPTED, 5, "True"),
        ("4", REFUSED, 5, "False"),
    ],
)
def test_an_edit_is_observed_once_it_is_answered(recorded: str, edit: AnsweredEdit | None, observed: int, sound: str) -> None:
    status = status_of(ORDER, Observation(), system(recorded), NOW, edit)
    assert status["observedGeneration"] == observed
    told = condition({"status": status}, "Accepted")
    assert (told["status"], told["observedGeneration"]) == (sound, observed)


#              mark  what became of the edit                    a writer of generation 3 leaves it alone
STANDING = {
    "not edited":            ("5", None, False),
    "not answered yet":      ("4", None, True),
    "accepted, and known":   ("4", {"intent": 3}, False),
    "accepted since":        ("4", {"intent": 4}, True),
    "refused":               ("4", {"intent": 3, "reason": "BadCount"}, True),
    "refused before":        ("4", {"intent": 2, "reason": "BadCount"}, False),
}  # fmt: skip


@pytest.mark.parametrize(("mark", "answer", "stands"), STANDING.values(), ids=STANDING)
def test_which_edits_are_not_written_over(mark: str, answer: dict[str, Any] | None, stands: bool) -> None:
    known, found = AnsweredEdits(), system(mark)
    if answer is not None:
        known.note(SYSTEMS, found, **answer)
    assert known.stands(SYSTEMS, found, 3) is stands


@pytest.mark.parametrize(("draining", "reason"), [(1, "Draining"), (0, "")])
def test_one_that_is_ready_says_which_pods_are_still_drained(draining: int, reason: str) -> None:
    waits = (Wait(reason="Draining", message="pod llama-3 drains"),)
    found = Observation(exists=True, known=True, roles={"server": {"ready": 2, "surplus": 1}}, draining=draining, waits=waits)
    status = status_of(ORDER, found, system("4"), NOW)
    assert (status["phase"], status.get("reason", "")) == ("Ready", reason)


def test_a_status_stays_small_whatever_the_system() -> None:
    roles: dict[str, dict[PodClass, int]] = {
        f"group-{index:04}/{'long' * 30}": {"ready": 10_000, "missing": 5_000} for index in range(1_000)
    }
    waits = tuple(Wait(reason="NoRoom", message="no room " * 1_000, first=f"gang-{index}") for index in range(100))
    status = status_of(ORDER, Observation(exists=True, roles=roles, copies=5_000, waits=waits), system("4"), NOW)
    assert len(orjson.dumps(status)) < LARGEST
