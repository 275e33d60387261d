"""Schedules, ratios and limits in a manifest: what they say, and what is refused."""

import pytest

from specs.reading import SpecError, read
from specs.revisions import revision_hash
from specs.system import InferenceSystem
from tests.specs.spoiling import GOOD

NIGHT = "{name: night, cron: '0 22 * * *', timeZone: Europe/Berlin, set: {prefill: 1, copies: 0}}"


def declared(*schedules: str) -> InferenceSystem:
    return scaling(f"schedules: [{', '.join(schedules)}]")


def scaling(says: str) -> InferenceSystem:
    (found,) = read(GOOD.replace("spec:\n", f"spec:\n  scaling: {{{says}}}\n", 1), "f")
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
    "twice":       (f"{NIGHT}, {NIGHT}",                           "two schedules named 'night'; keep one of them, or rename it"),
}  # fmt: skip


@pytest.mark.parametrize(("schedules", "said"), BAD.values(), ids=BAD)
def test_bad_ones_are_refused(schedules: str, said: str) -> None:
    with pytest.raises(SpecError) as refusal:
        declared(schedules)
    assert said in str(refusal.value)


LIMITED = "limits: [{path: router, max: 9}]"
BAD_RULES = {
    "no member": ("ratios: [{prefil: 1, router: 2}]", "a ratio for 'prefil', which is no member at the top; did you mean"),
    "inside": ("ratios: [{prefill/worker: 1, router: 2}]", "prefill/worker"),
    "alone": ("ratios: [{prefill: 1}]", "ratios[0]: it has 1 items; give at least 2"),
    "none of it": ("ratios: [{prefill: 0, router: 2}]", "0 is out of bounds; give at least 1"),
    "two ratios": ("ratios: [{prefill: 1, router: 2}, {router: 1, prefill: 1}]", "'prefill' is in two ratios of scaling; let"),
    "no part": ("limits: [{path: prefil, max: 3}]", "limits 'prefil', which is no part of this system; did you mean"),
    "upside down": ("limits: [{path: prefill, min: 4, max: 3}]", "has min 4 above max 3; lower min or raise max"),
    "too narrow": ("limits: [{path: router, max: 1}]", "router may be 1 at most, and its minAvailable is 2; raise max"),
    "begins below": ("limits: [{path: prefill, min: 9}]", "its limits are 9 and 10000; let replicas begin between them"),
    "two limits": ("limits: [{path: router, max: 9}, {path: router, max: 8}]", "two limits named 'router'; keep one of them"),
    "a schedule": (f"{LIMITED}, schedules: [{{{ONE}, set: {{router: 10}}}}]", "its limits are 0 and 9; set one between"),
}


@pytest.mark.parametrize(("says", "said"), BAD_RULES.values(), ids=BAD_RULES)
def test_bad_rules_are_refused(says: str, said: str) -> None:
    with pytest.raises(SpecError) as refusal:
        scaling(says)
    assert said in str(refusal.value)
