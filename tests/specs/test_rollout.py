"""What rules of a rollout mean, and which are refused, as tables."""

from typing import Any

import pytest
from pydantic import ValidationError

from specs.rollout import Rollout

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
    "surge of pods":         ({"unit": "pod", "maxSurge": 1},                  "use unit copy or group"),
    "surge and a partition": ({"partition": 2, "maxSurge": 1},                 "no partition"),
    "an order of copies":    ({"unit": "copy", "order": {"prefill": 1}},       "order has nothing to order"),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Rollout.model_validate(rules)
