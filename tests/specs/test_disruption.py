"""Budgets for those who evict: whichever pods they choose, no more units are hurt than may be unavailable."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.state.versions import Versions
from specs import names
from specs.counts import rescaled, slots
from specs.disruption import disruption_budgets
from specs.paths import plain
from specs.system import SystemSpec
from tests.specs.making import group, role, system, systems
from tests.specs.test_manifests import OWNER

SERVER = (role("l"), role("w", 3))
PAIRED: dict[str, Any] = {"together": [{"members": ["p", "d"], "within": "rack", "ratio": {"d": 2}}]}

#                                    declared                                              set                 pods that are kept
BUDGETS: dict[str, tuple[SystemSpec, dict[str, int], dict[str, int]]] = {
    "one pod of a role":             (system(role("a", 3)),                                {},                 {"llama.a": 2}),
    "over all copies":               (system(role("a", 3), replicas=2),                    {},                 {"llama.a": 5}),
    "a pod of one group replica":    (system(group("g", 4, *SERVER)),                      {},                 {"llama.g": 15}),
    "as scaled":                     (system(group("g", 1, *SERVER)),                      {"g": 2, "g/w": 5}, {"llama.g": 11}),
    "one copy scaled by itself":     (system(group("g", 1, *SERVER), replicas=2),          {"1/g": 3},         {"llama.g": 15}),
    "none for a single unit":        (system(role("a"), group("g", 1, role("w", 9))),      {},                 {}),
    "as many as the rollout's":      (system(role("a", 9), rollout={"maxUnavailable": 3}), {},                 {"llama.a": 6}),
    "a share is one of units": (
        system(group("g", 8, *SERVER), rollout={"maxUnavailable": "25%"}), {}, {"llama.g": 30}),
    "another for one of them": (
        system(role("a", 4), role("b", 4), rollout={"maxUnavailableOf": {"b": 2}}), {}, {"llama.a": 3, "llama.b": 2}),
    "none where all may go":         (system(role("a", 3), rollout={"maxUnavailable": "100%"}), {},            {}),
    "one though surge stands in": (
        system(role("a", 4), rollout={"maxUnavailable": 0, "maxSurge": 1}), {}, {"llama.a": 3}),
    "one copy, whatever its parts": (
        system(role("a", 2), role("b", 2), replicas=3, rollout={"unit": "copy"}), {}, {"llama.copies": 11}),
    "parts of an only copy": (
        system(role("a", 2), role("b", 2), rollout={"unit": "copy"}), {}, {"llama.a": 1, "llama.b": 1}),
    "one set, and who is in none": (
        system(role("p", 2), role("d", 4), role("r", 2), **PAIRED), {},
        {"llama.together.0": 5, "llama.r": 1}),
    "each by itself, where that is said": (
        system(role("p", 2), role("d", 4), rollout={"unit": "group"}, **PAIRED), {}, {"llama.p": 1, "llama.d": 3}),
    "parts of an only set": (
        system(role("p"), role("d", 2), **PAIRED), {}, {"llama.d": 1}),
    "nothing of what was scaled to none": (system(group("g", 4, role("w", 2, minAvailable=0))), {"g/w": 0},    {}),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "counts", "want"), BUDGETS.values(), ids=BUDGETS)
def test_what_may_go(spec: SystemSpec, counts: dict[str, int], want: dict[str, int]) -> None:
    made = disruption_budgets(OWNER, spec, counts)
    assert {each["metadata"]["name"]: each["spec"]["minAvailable"] for each in made} == want


@given(systems(), st.sampled_from(["copy", "set", "group", "pod"]), st.sampled_from([1, 2, "30%"]), st.integers(0, 3))
def test_no_choice_of_pods_hurts_more_units_than_may_be_out(spec: SystemSpec, unit: str, most: int | str, more: int) -> None:
    """By the units that the rollout counts; and no pod is under two budgets, as the API server would evict none of those."""
    unit = "group" if unit == "set" and not spec.together else unit
    rollout = spec.rollout.model_copy(update={"unit": unit, "max_unavailable": most})
    spec = spec.model_copy(update={"rollout": rollout})
    counts = rescaled(spec, {}, {"always": 1 + more})
    versions, wanted = Versions(spec, "", lambda _: None), list(slots(spec, counts))
    seen: set[str] = set()
    for each in disruption_budgets(OWNER, spec, counts):
        roles = set(each["spec"]["selector"]["matchExpressions"][0]["values"])
        chosen = [slot for slot in wanted if names.label_value(plain(slot)) in roles]
        assert seen.isdisjoint(chosen)
        seen.update(chosen)
        units = {versions.unit(slot) for slot in chosen}
        members = {versions.member(slot) for slot in chosen}
        allowed = rollout.allowed(len(units), members.pop() if len(members) == 1 else "")
        assert 0 < len(chosen) - each["spec"]["minAvailable"] <= allowed
