"""Schedules in a manifest: what they say, and what is refused."""

import pytest

from specs.reading import SpecError, read
from specs.revisions import revision_hash
from specs.system import InferenceSystem
from tests.specs.spoiling import GOOD

NIGHT = "{name: night, cron: '0 22 * * *', timeZone: Europe/Berlin, set: {prefill: 1, copies: 0}}"


def declared(*schedules: str) -> InferenceSystem:
    (found,) = read(GOOD.replace("spec:\n", f"spec:\n  scaling: {{schedules: [{', '.join(schedules)}]}}\n", 1), "f")
    assert isinstance(found, InferenceSystem)
    return found


def test_what_a_schedule_says() -> None:
    (night,) = declared(NIGHT).spec.scaling.schedules
    assert (night.name, night.cron, night.time_zone) == ("night", "0 22 * * *", "Europe/Berlin")
    assert (night.counts, night.catch_up_s) == ({"prefill": 1, "copies": 0}, 600)


def test_what_is_left_out() -> None:
    (night,) = declared("{name: n, cron: '@daily', set: {prefill/worker: 3, 1/prefill: 9}, catchUp: 2h}").spec.scaling.schedules
    assert (night.time_zone, night.catch_up_s) == ("UTC", 7200)


def test_schedules_change_no_pod() -> None:
    (plain,) = read(GOOD, "f")
    assert isinstance(plain, InferenceSystem)
    assert revision_hash(declared(NIGHT).spec) == revision_hash(plain.spec)


ONE = "name: n, cron: '@daily'"
#                  instead of it                                   what is said
BAD = {
    "bad cron":    ("{name: n, cron: '0 25 * * *', set: {a: 1}}",  "schedules[0].cron: cron: hour '25' does not exist"),
    "bad path":    (f"{{{ONE}, set: {{prefil: 1}}}}",              "no part of this system; did you mean 'prefill'?"),
    "other path":  (f"{{{ONE}, set: {{zzz: 1}}}}",                 "its parts are: copies, router, prefill, prefill/worker"),
    "too few":     (f"{{{ONE}, set: {{router: 1}}}}",              "sets router to 1, and its minAvailable is 2; set as many"),
    "negative":    (f"{{{ONE}, set: {{prefill: -1}}}}",            "set.prefill: -1 is out of bounds; give at least 0"),
    "nothing":     (f"{{{ONE}, set: {{}}}}",                       "set: it has 0 items; give at least 1"),
    "no set":      (f"{{{ONE}}}",                                  "'set' is missing; give it"),
    "no name":     ("{cron: '@daily', set: {prefill: 1}}",         "'name' is missing; give it"),
    "a slip":      (f"{{{ONE}, sets: {{prefill: 1}}}}",            "'sets' is not a field here; did you mean 'set'?"),
    "bad name":    ("{name: N, cron: '@daily', set: {a: 1}}",      "'N' can't be used here; use lower-case letters"),
    "bad zone":    (f"{{{ONE}, timeZone: a b, set: {{a: 1}}}}",    "'a b' can't be used here; write it as Europe/Berlin"),
    "too late":    (f"{{{ONE}, catchUp: 25h, set: {{a: 1}}}}",     "'25h' can't be used here; write a time from 10s"),
    "too exact":   (f"{{{ONE}, catchUp: 9s, set: {{a: 1}}}}",      "'9s' can't be used here; write a time from 10s"),
    "twice":       (f"{NIGHT}, {NIGHT}",                           "two schedules named 'night'; give each a name of its own"),
}  # fmt: skip


@pytest.mark.parametrize(("schedules", "said"), BAD.values(), ids=BAD)
def test_bad_ones_are_refused(schedules: str, said: str) -> None:
    with pytest.raises(SpecError) as refusal:
        declared(schedules)
    assert said in str(refusal.value)
