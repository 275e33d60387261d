"""What rules of a rollout mean, and which are refused, as tables."""

from typing import Any

import pytest
from pydantic import ValidationError

from specs.rollout import Rollout
from tests.specs.making import role, system

Rules = dict[str, Any]

#                               rules                                       units  may be missing  are added
ALLOWED: dict[str, tuple[Rules, int, int, int]] = {
    "one, when nothing is said": ({},                                       8,     1,              0),
    "a number":                  ({"maxUnavailable": 3},                    8,     3,              0),
    "a share, rounded down":     ({"maxUnavailable": "30%"},                8,     2,              0),
    "but one at least":          ({"maxUnavailable": "10%"},                8,     1,              0),
    "none, with surge":          ({"maxUnavailable": 0, "maxSurge": 2},     8,     0,              2),
    "surge rounded up":          ({"maxUnavailable": "10%", "maxSurge": "10%"}, 8, 0,              1),
    "a share of nothing":        ({"maxUnavailable": "10%", "maxSurge": "0%"}, 8,  1,              0),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "units", "missing", "added"), ALLOWED.values(), ids=ALLOWED)
def test_allowed(rules: dict[str, Any], units: int, missing: int, added: int) -> None:
    rollout = Rollout.model_validate(rules)
    assert (rollout.allowed(units), rollout.surge(units)) == (missing, added)


OF: Rules = {"maxUnavailable": 3, "maxUnavailableOf": {"decode": 2, "prefill": "50%"}}
#                               lane               units  may be missing
OF_LANES = {
    "what is said of it":       ("decode",           8,     2),
    "a share of its units":     ("prefill",          8,     4),
    "nothing is said of it":    ("router",           8,     3),
    "of a set the lowest":      ("prefill+decode",   8,     2),
    "where the share is lower": ("prefill+decode",   2,     1),
    "of a set, said of one":    ("decode+router",    8,     2),
}  # fmt: skip


@pytest.mark.parametrize(("lane", "units", "missing"), OF_LANES.values(), ids=OF_LANES)
def test_allowed_of_one(lane: str, units: int, missing: int) -> None:
    assert Rollout.model_validate(OF).allowed(units, lane) == missing


#                                    members that go together    rules               what is replaced as a whole
WHOLES: dict[str, tuple[list[str], Rules, str]] = {
    "a replica, where none do":      ([],                        {},                 "group"),
    "partners change together":      (["prefill", "decode"],     {},                 "set"),
    "unless it is said otherwise":   (["prefill", "decode"],     {"unit": "group"},  "group"),
    "or copies are to":              (["prefill", "decode"],     {"unit": "copy"},   "copy"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "rules", "unit"), WHOLES.values(), ids=WHOLES)
def test_what_changes_as_a_whole(members: list[str], rules: Rules, unit: str) -> None:
    together = [{"members": members, "within": "rack"}] if members else []
    spec = system(role("prefill", 2), role("decode", 2), together=together, rollout=rules)
    assert spec.unit == unit
    assert spec.model_dump(by_alias=True, exclude_unset=True)["rollout"] == rules, "it is not written into what is declared"


#                            rules                                            passed  holds after so many of 8 units
HOLDS: dict[str, tuple[Rules, int, int | None]] = {
    "nowhere":               ({},                                              0,      None),
    "before the first":      ({"approval": "manual"},                          0,      0),
    "nowhere after that":    ({"approval": "manual"},                          1,      None),
    "after one":             ({"pauseAfter": [1, "50%"]},                      0,      1),
    "then after half":       ({"pauseAfter": [1, "50%"]},                      2,      4),
    "then nowhere":          ({"pauseAfter": [1, "50%"]},                      3,      None),
    "both":                  ({"pauseAfter": [1], "approval": "manual"},       1,      1),
    "a small share is one":  ({"pauseAfter": ["1%"]},                          0,      1),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "passed", "after"), HOLDS.values(), ids=HOLDS)
def test_holds(rules: dict[str, Any], passed: int, after: int | None) -> None:
    assert Rollout.model_validate(rules).holds_after(passed, 8) == after


REFUSED: dict[str, tuple[Rules, str]] = {
    "nothing could go":      ({"maxUnavailable": 0},                           "give one of them 1 or more"),
    "surge of pods":         ({"unit": "pod", "maxSurge": 1},                  "use unit copy, set or group"),
    "surge and a partition": ({"partition": 2, "maxSurge": 1},                 "no partition"),
    "an order of copies":    ({"unit": "copy", "order": {"prefill": 1}},       "order has nothing to order"),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Rollout.model_validate(rules)
