"""What a PodCliqueSet's status says of an update: since when, until when, and which replica it is at."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.reports.update_progress import Progresses
from activities.state.rolling import NOTHING, Rolling

NOW, THEN, LONG_AGO = "2026-01-01T00:00:09Z", "2026-01-01T00:00:05Z", "2026-01-01T00:00:01Z"
UNDER_WAY: dict[str, Any] = {"updateStartedAt": THEN, "currentlyUpdating": [{"replicaIndex": 0, "updateStartedAt": THEN}]}
ENDED: dict[str, Any] = {"updateStartedAt": LONG_AGO, "updateEndedAt": THEN}

#                               hash   what it said    at   done   started   ended
CASES: dict[str, tuple[str, dict[str, Any], str, bool, str | None, str | None]] = {
    "of a new set":              ("",    {},           "",  True,  None,     None),
    "never updated":             ("new", {},           "",  True,  None,     None),
    "another template":          ("old", {},           "0", False, NOW,      None),
    "the same template for all": ("old", {},           "",  True,  NOW,      NOW),
    "goes on":                   ("new", UNDER_WAY,    "1", False, THEN,     None),
    "ends":                      ("new", UNDER_WAY,    "",  True,  THEN,     NOW),
    "has ended":                 ("new", ENDED,        "",  True,  LONG_AGO, THEN),
    "begins once more":          ("old", ENDED,        "0", False, NOW,      None),
    "an edit in the middle":     ("old", UNDER_WAY,    "0", False, NOW,      None),
}  # fmt: skip


@pytest.mark.parametrize(("known", "said", "at", "done", "started", "ended"), CASES.values(), ids=CASES)
def test_of_a_set(known: str, said: dict[str, Any], at: str, done: bool, started: str | None, ended: str | None) -> None:
    told = of_set(known, said, Rolling(at=at) if at else NOTHING, done=done)
    assert (told.get("updateStartedAt"), told.get("updateEndedAt")) == (started, ended)
    assert [each["replicaIndex"] for each in told.get("currentlyUpdating") or ()] == ([int(at)] if at else [])


def test_the_turn_of_a_replica_keeps_its_time_and_what_is_no_more_is_taken_back() -> None:
    assert of_set("new", UNDER_WAY, Rolling(at="0"), done=False)["currentlyUpdating"][0]["updateStartedAt"] == THEN
    assert of_set("new", UNDER_WAY, Rolling(at="1"), done=False)["currentlyUpdating"][0]["updateStartedAt"] == NOW
    assert of_set("old", ENDED, Rolling(at="0"), done=False)["updateEndedAt"] is None, "a merge patch takes away what is null"


@pytest.mark.parametrize(("done", "ended"), [(False, None), (True, NOW)])
def test_an_edit_that_came_before_the_first_status_is_told_of(done: bool, ended: str | None) -> None:
    told = of_set("", {}, NOTHING, done=done, number=2)
    assert (told["updateStartedAt"], told.get("updateEndedAt")) == (NOW, ended)


def of_set(known: str, said: dict[str, Any], rolling: Rolling, *, done: bool, number: int = 1) -> dict[str, Any]:
    found = {"metadata": {"name": "llama"}, "status": {"currentGenerationHash": known, "updateProgress": said}}
    progresses = Progresses("new", number, rolling, datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC))
    return progresses.of_set(found, done=done, cliques=(1, 2), groups=(0, 1)) or {}
