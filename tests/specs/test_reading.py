"""Every text is read or refused with one sentence, whatever is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.reading import SpecError, read
from tests.specs.spoiling import FABRIC, GOOD

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)
SECOND = GOOD.replace("llama", "other").replace("replicas: 2", "replicas: x")

# fmt: off
BAD_TEXTS: dict[str, tuple[str, str]] = {
    "the second document": (
        f"{GOOD}---\n{SECOND}",
        "f:28 (document 2): spec.members[0].replicas: 'x' is not a whole number; write a whole number",
    ),
    "declared twice": (
        f"{GOOD}---\n{GOOD}",
        "f (document 2): metadata.name: InferenceSystem 'llama' is declared twice; rename one",
    ),
    "an item of a list": (
        '{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod"}]}',
        "f: items[0].kind: 'Pod' is none of Espalier's kinds; give it to kubectl, or declare an InferenceSystem",
    ),
    "a list of nothing": ("kind: List\nitems: 3\n", "f: items: items is not a list; start each item with a dash"),
    "a key twice in JSON": ('{"kind": "a", "kind": "b"}', "f: key 'kind' is given twice; keep one"),
    "no number in JSON": ('{"kind": NaN}', "f: NaN is not a number in JSON; write a number, or a string in quotes"),
    "too large a number in JSON": ('{"kind": 1e999}', "f: 1e999 is not a number in JSON; write a number, or a string in quotes"),
    "too deep": ("[" * 100, "f:1: it is nested more than 64 deep; no manifest needs that"),
    "too deep for JSON": ("[" * 100_000 + "]" * 100_000, "f: it is nested too deep; no manifest needs that"),
    "a bomb of aliases": (BOMB, "f:6: it unfolds to more than 200,000 values; split it, or use fewer aliases"),
    "too large": ("#" * 4_000_001, "f: it has 4,000,001 letters, and 4,000,000 are read at most; split it"),
    "not text": (
        "\x00\x00",
        (
            "f: it is neither YAML nor JSON (unacceptable character #x0000: control characters are not allowed); save it "
            "as UTF-8 text"
        ),
    ),
}
# fmt: on


@pytest.mark.parametrize(("text", "sentence"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_says_what_to_do_about_a_text(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as refusal:
        read(text, "f")
    assert str(refusal.value) == sentence


odd = ["---", "- ", "  x: [", "{", "}", "\t", "&a *a", "? |", "!!set", "'"]
lines = st.sampled_from([*GOOD.splitlines(), *FABRIC.splitlines(), *odd])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "spec", "members", "role", "place", "items"]), inner)
    ),
    max_leaves=8,
)


def check(text: str) -> None:
    try:
        read(text, "f")
    except SpecError as error:
        said = str(error)
    else:
        return
    assert said.startswith("f")
    assert "\n" not in said


@given(st.text() | st.lists(lines).map("\n".join))
def test_no_text_is_answered_by_anything_else(text: str) -> None:
    check(text)


@given(st.sampled_from(["replicas", "start", "place", "members", "together", "priority", "services"]), values)
def test_no_value_is_answered_by_anything_else(field: str, value: object) -> None:
    manifest = {
        "apiVersion": "espalier.dev/v1alpha1",
        "kind": "InferenceSystem",
        "metadata": {"name": "x"},
        "spec": {field: value},
    }
    check(json.dumps(manifest))
