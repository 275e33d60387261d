"""Everything that can be wrong with a manifest gets one sentence: where it is, what it is, and what to do."""

import pytest

from specs.reading import SpecError, read
from tests.specs.spoiling import GOOD

# What to replace in GOOD, by what, and the sentence.
# fmt: off
BAD: dict[str, tuple[str, str, str]] = {
    # What it is
    "kind missing": ("kind: InferenceSystem\n", "", "f:1: there is no kind; write kind: InferenceSystem"),
    "kind misspelt": (
        "kind: Inf", "kind: inf",
        "f:2: kind: 'inferenceSystem' is none of Espalier's kinds; did you mean 'InferenceSystem'?",
    ),
    "another's kind": (
        "InferenceSystem", "Deployment",
        "f:2: kind: 'Deployment' is none of Espalier's kinds; give it to kubectl, or declare an InferenceSystem",
    ),
    "Grove's kind": (
        "InferenceSystem",
        "PodClique",
        (
            "f:2: kind: PodClique can't be declared here: it is a part of a PodCliqueSet; declare that"
        ),
    ),
    "our own kind": (
        "InferenceSystem", "Placement",
        "f:2: kind: Placement can't be declared here: Espalier writes Placements itself; declare an InferenceSystem",
    ),
    "another version": ("v1alpha1", "v2", "f:1: apiVersion: 'espalier.dev/v2' is not known here; write espalier.dev/v1alpha1"),
    "no name": ("  name: llama", "  labels: {}", "f:3: metadata.name: 'name' is missing; give it"),
    "no spec": ("spec:\n  start", "specs:\n  start", "f:5: specs: 'specs' is not a field here; did you mean 'spec'?"),
    "not a mapping": (
        GOOD, "just words",
        "f:1: a manifest is a mapping with apiVersion, kind, metadata and spec; see the examples for one that works",
    ),
    # YAML
    "a tab": (
        "  start", "\tstart",
        (
            "f:6: a tab or another letter that YAML does not allow here starts a word; indent with spaces and quote what "
            "is special"
        ),
    ),
    "bad indentation": (
        "    replicas: 2", "   replicas: 2",
        "f:9: it is not YAML here (did not find expected key); check indentation, colons and quotes",
    ),
    "an open bracket": (
        "after: [router]", "after: [router",
        "f:14: it is not YAML here (did not find expected ',' or ']'); check indentation, colons and quotes",
    ),
    "a key twice": ("    replicas: 2", "    replicas: 2\n    replicas: 3", "f:10: key 'replicas' is given twice; keep one"),
    "a number as key": ("    replicas: 2", "    2: 3", "f:9: the key '2' is not a string; put it in quotes"),
    "a yes as key": ("    replicas: 2", "    on: 3", "f:9: the key 'on' is not a string; put it in quotes"),
    "an alias in itself": ("[router]", "&a [*a]", "f:13: an alias contains itself; write the value out"),
    "an unknown alias": (
        "[router]", "*nobody",
        "f:13: it is not YAML here (found undefined alias); check indentation, colons and quotes",
    ),
    "a tag of Python": (
        "spec:\n  start", "spec: !!python/name:os.system\n  start",
        "f:5: the tag !!python/name:os.system is not plain data; leave it out",
    ),
    "not a number": ("replicas: 2", "replicas: .nan", "f:9: .nan is not a number in JSON; write a number, or a string in quotes"),
    # Fields
    "a slip": (
        "replicas: 4", "replcas: 4",
        "f:12: spec.members[1].replcas: 'replcas' is not a field here; did you mean 'replicas'?",
    ),
    "a field of nothing": (
        "{within: rack}", "{zzz: rack}",
        "f:14: spec.members[1].place.zzz: 'zzz' is not a field here; the fields are balance, prefer, spread, within",
    ),
    "a field of another": (
        "start: explicit", "after: [a]",
        (
            "f:6: spec.after: 'after' is not a field here; the fields are apart, drain, evictable, members, place, placeAll, "
            "priority, recovery, replicas, rollout, scaling, services, start, talks, together, warmUp"
        ),
    ),
    "snake case": (
        "replicas: 4", "min_availabel: 4",
        "f:12: spec.members[1].min_availabel: 'min_availabel' is not a field here; did you mean 'minAvailable'?",
    ),
    "words for a number": (
        "replicas: 2", "replicas: two",
        "f:9: spec.members[0].replicas: 'two' is not a whole number; write a whole number",
    ),
    "a number in quotes": (
        "replicas: 2", 'replicas: "2"',
        "f:9: spec.members[0].replicas: '2' is not a whole number; leave the quotes out",
    ),
    "half a pod": (
        "replicas: 2", "replicas: 2.5",
        "f:9: spec.members[0].replicas: 2.5 is not a whole number; write a whole number",
    ),
    "yes for a number": (
        "replicas: 2", "replicas: yes",
        "f:9: spec.members[0].replicas: true is not a whole number; write a whole number",
    ),
    "fewer than none": ("replicas: 2", "replicas: -2", "f:9: spec.members[0].replicas: -2 is out of bounds; give at least 0"),
    "too many": ("replicas: 2", "replicas: 10001", "f:9: spec.members[0].replicas: 10001 is out of bounds; give at most 10,000"),
    "yes for a name": (
        "name: llama", "name: yes",
        (
            "f:4: metadata.name: true is not a string; in YAML yes, no, on, off, true and false are booleans and bare "
            "numbers are numbers; put it in quotes"
        ),
    ),
    "a name with capitals": (
        "name: llama", "name: Llama",
        (
            "f:4: metadata.name: 'Llama' can't be used here; use lower-case letters, digits and dashes, starting with a "
            "letter"
        ),
    ),
    "a name that is too long": (
        "name: llama", "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "f:4: metadata.name: it has 64 letters; give at most 63",
    ),
    "an unknown order": (
        "start: explicit", "start: inorder",
        "f:6: spec.start: 'inorder' is not known here; did you mean 'inOrder'?",
    ),
    "no list": (
        "after: [router]", "after: router",
        "f:13: spec.members[1].after: 'router' is not a list; start each item with a dash",
    ),
    "a level of capitals": (
        "{within: rack}", "{within: Rack}",
        (
            "f:14: spec.members[1].place.within: 'Rack' can't be used here; use lower-case letters, digits and dashes, "
            "starting with a letter"
        ),
    ),
}
# fmt: on


@pytest.mark.parametrize(("old", "new", "sentence"), BAD.values(), ids=BAD)
def test_says_what_to_do(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(SpecError) as refusal:
        read(GOOD.replace(old, new, 1), "f")
    assert str(refusal.value) == sentence
