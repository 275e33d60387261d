"""Which pods keep off each other's host."""

from typing import Any

import pytest

from specs.fabric import HOST_LABEL
from specs.repelling import repels_itself
from specs.templates import REQUIRED

WISHED = "preferredDuringSchedulingIgnoredDuringExecution"
LABELS = {"app": "llama", "grove.io/podclique": "llama-0-worker"}


def spec(selector: object, key: str = HOST_LABEL, strength: str = REQUIRED) -> dict[str, Any]:
    return {"affinity": {"podAntiAffinity": {strength: [{"topologyKey": key, "labelSelector": selector}]}}}


def rule(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": [*values]}]}


# fmt: off
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "by a label":             (spec({"matchLabels": {"app": "llama"}}), True),
    "by its clique":          (spec(rule("grove.io/podclique", "In", "other", "llama-0-worker")), True),
    "another app":            (spec({"matchLabels": {"app": "other"}}), False),
    "one rule of two":        (spec({"matchLabels": {"app": "llama"}, **rule("grove.io/podclique", "In", "other")}), False),
    "another operator":       (spec(rule("app", "Exists")), False),
    "another level":          (spec({"matchLabels": {"app": "llama"}}, key="rack"), False),
    "a wish":                 (spec({"matchLabels": {"app": "llama"}}, strength=WISHED), False),
    "nobody is selected":     (spec({}), False),
    "no selector":            (spec(None), False),
    "nothing said":           ({}, False),
}
# fmt: on


@pytest.mark.parametrize(("pod_spec", "repels"), CASES.values(), ids=CASES.keys())
def test_who_repels_itself(pod_spec: dict[str, Any], repels: bool) -> None:
    assert repels_itself(pod_spec, LABELS) is repels
