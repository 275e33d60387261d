"""What a status says of an edit: nothing is called observed before it is answered."""

from datetime import UTC, datetime

import pytest

from activities.answered_edits import AnsweredEdit
from activities.kube import Manifest
from activities.messages import Observation, Order, Ref
from activities.statuses import status_of
from specs.names import RECORDED
from specs.revisions import stamp
from specs.sections import condition

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
        (stamp(SPEC), None, 5, "True"),
        ("of another spec", None, 4, "True"),
        ("of another spec", ACCEPTED, 5, "True"),
        ("of another spec", REFUSED, 5, "False"),
    ],
)
def test_an_edit_is_observed_once_it_is_answered(recorded: str, edit: AnsweredEdit | None, observed: int, sound: str) -> None:
    status = status_of(ORDER, Observation(), system(recorded), NOW, edit)
    assert status["observedGeneration"] == observed
    told = condition({"status": status}, "Accepted")
    assert (told["status"], told["observedGeneration"]) == (sound, observed)
