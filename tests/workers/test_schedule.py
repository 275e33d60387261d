"""The schedule commands, against a fake of Temporal: what is sent, what is printed, what is said in words."""

import json
import shlex
from datetime import UTC, datetime

import pytest
import yaml

from tests.workers.fakes import NIGHT, RAN, READY, FakeSystems, opened
from workers import desk
from workers.cli import run
from workers.failure import REFUSED
from workers.timetables import duration, in_words
from workflows.schedules import CannotSchedule
from workflows.timetables import Timetable

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSystems:
    found = FakeSystems({"llama": [READY]})
    monkeypatch.setattr(desk, "systems", opened(found))
    return found


def said(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(shlex.split(command)) == 0
    return capsys.readouterr().out


def test_add_sends_it_and_says_what_it_means(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    add = "schedule add llama night --cron '0 22 * * *' --time-zone Europe/Berlin --set decode=8"
    printed = said(f"{add} --set copies=2 --catch-up 1h", capsys)
    ((verb, wanted),) = fake.asked
    assert verb == "add"
    assert isinstance(wanted, Timetable)
    assert (wanted.scheduled.counts, wanted.cron, wanted.time_zone) == ({"decode": 8, "copies": 2}, "0 22 * * *", "Europe/Berlin")
    assert (wanted.scheduled.name, wanted.scheduled.ref.name, wanted.catch_up_s) == ("night", "llama", 3600)
    assert printed.startswith(
        "default/llama schedule night added: copies=2, decode=8 every day at 22:00 Europe/Berlin; next: 2027-"
    )


GAP = (
    "; on 2027-03-28 clocks go forward and there is no 02:30: it is skipped"
    "; on 2027-10-31 clocks go back and 02:30 comes twice: it may run at either or at both"
)
#                  more of it                                  the last words
IN_WORDS: dict[str, tuple[dict[str, object], str]] = {
    "at night":    ({},                                         "; it keeps to the local time when clocks change"),
    "UTC":         ({"time_zone": "UTC"},                       "while the one before is at work, is skipped"),
    "in the gap":  ({"cron": "30 2 * * *"},                     GAP),
    "declared":    ({"declared": True},                         "; declared in the manifest"),
    "no cron":     ({"cron": ""},                               "while the one before is at work, is skipped"),
    "other clock": ({"time_zone": "Moon/Tranquility"},          "while the one before is at work, is skipped"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "last"), IN_WORDS.values(), ids=IN_WORDS)
def test_said_in_words(more: dict[str, object], last: str) -> None:
    assert in_words(NIGHT.model_copy(update=more), AT).endswith(last)


def test_the_whole_sentence() -> None:
    assert in_words(NIGHT, AT) == (
        "decode=8 every day at 22:00 Europe/Berlin; next: 2027-03-27 22:00 CET; a run that is more than 10 minutes late, "
        "or due while the one before is at work, is skipped; it keeps to the local time when clocks change"
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(600, "10 minutes"), (60, "1 minute"), (7200, "2 hours"), (90, "90 seconds"), (10.5, "10.5 seconds")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_list_shows_the_next_run_and_how_the_last_went(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.schedules.found = [NIGHT.model_copy(update={"last": RAN}), NIGHT.model_copy(update={"paused": True})]
    printed = said("schedule list", capsys)
    for word in ("default/llama", "night", "decode=8", "every day at 22:00 Europe/Berlin", "2027-03-27 22:00 CET", "paused"):
        assert word in printed
    assert "2027-03-26 22:00 CET Failed: decode can't be 8" in printed
    assert "is skipped" not in printed
    assert "is skipped" in said("schedule list llama -o wide", capsys)


def test_a_list_of_none_says_whose(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.schedules.found = []
    assert said("schedule list", capsys) == "No schedules of namespace default of cluster default.\n"
    assert said("schedule list qwen", capsys) == "No schedules of system qwen in namespace default of cluster default.\n"
    assert said("schedule list -A", capsys) == "No schedules of any namespace of cluster default.\n"


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_list_speaks_to_machines(form: str, fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = (json.loads if form == "json" else yaml.safe_load)(said(f"schedule list -o {form}", capsys))
    assert Timetable.model_validate(found) == NIGHT
    assert found["next"][0] == "2027-03-27T21:00:00Z"


#          command                        what it prints
VERBS = {
    "pause":  "default/llama schedule night is paused\n",
    "resume": "default/llama schedule night is resumed\n",
    "remove": "default/llama schedule night is removed\n",
    "run":    "default/llama schedule night ran: decode=8 is wanted now, as generation 2\n",
}  # fmt: skip


@pytest.mark.parametrize(("verb", "words"), VERBS.items(), ids=VERBS)
def test_verbs(verb: str, words: str, fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(f"schedule {verb} llama night", capsys) == words
    assert fake.asked == [(verb, fake.ref("default", "llama"), "night")]


@pytest.mark.parametrize("verb", [*VERBS, "add"])
def test_a_refusal_is_one_sentence(verb: str, fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.refuse = CannotSchedule("default/llama has no schedule 'nigth'; did you mean 'night'?")
    more = " --cron @daily --set decode=8" if verb == "add" else ""
    assert run(shlex.split(f"schedule {verb} llama nigth{more}")) == REFUSED
    assert capsys.readouterr().err == "error: default/llama has no schedule 'nigth'; did you mean 'night'?\n"


def test_without_a_verb_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    run(["schedule"])
    assert "resume" in capsys.readouterr().out
