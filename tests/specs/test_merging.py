"""Merging of documents: what both have changed, by hand and by law."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.merging import merge_patch, merged, patched

Doc = dict[str, Any]
A, B, C = {"role": "a", "replicas": 1}, {"role": "b", "replicas": 1}, {"role": "c"}
#                          base                ours                        theirs                 made of it
EXAMPLES: dict[str, tuple[Doc, Doc, Doc, Doc]] = {
    "two fields":          ({"x": 1, "y": 1},  {"x": 2, "y": 1},           {"x": 1, "y": 3},      {"x": 2, "y": 3}),
    "one field":           ({"x": 1},          {"x": 2},                   {"x": 3},              {"x": 3}),
    "they take it out":    ({"x": 1, "y": 1},  {"x": 2, "y": 1},           {"y": 1},              {"y": 1}),
    "we take it out":      ({"x": 1, "y": 1},  {"y": 1},                   {"x": 1, "y": 2},      {"y": 2}),
    "inside":              ({},                {"s": {"x": 1}},            {"s": {"y": 2}},       {"s": {"x": 1, "y": 2}}),
    "entries by name":     ({"m": [A, B]},     {"m": [{**A, "replicas": 2}, B]}, {"m": [A, {**B, "replicas": 3}]},
                            {"m": [{**A, "replicas": 2}, {**B, "replicas": 3}]}),
    "one more entry each": ({"m": [A]},        {"m": [A, B]},              {"m": [A, C]},         {"m": [A, B, C]}),
    "lists without names": ({"m": [1, 2]},     {"m": [1, 2, 3]},           {"m": [2]},            {"m": [2]}),
}  # fmt: skip


@pytest.mark.parametrize(("base", "ours", "theirs", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_merges(base: Doc, ours: Doc, theirs: Doc, want: Doc) -> None:
    assert merged(base, ours, theirs) == want


values = st.recursive(st.integers(0, 3), lambda inside: st.dictionaries(st.sampled_from("xyz"), inside, max_size=3), max_leaves=8)
documents = st.dictionaries(st.sampled_from("xyz"), values, max_size=3)


@given(documents, documents)
def test_a_patch_makes_one_the_other(old: Doc, new: Doc) -> None:
    assert patched(old, merge_patch(old, new)) == new


@given(documents, documents)
def test_who_changes_alone_has_it(base: Doc, changed: Doc) -> None:
    assert merged(base, base, changed) == merged(base, changed, base) == merged(base, changed, changed) == changed
