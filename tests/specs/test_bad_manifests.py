"""Everything that can be wrong with a manifest gets one sentence: where it is, what it is, and what to do."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.reading import SpecError, read

GOOD = """\
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata:
  name: llama
spec:
  start: explicit
  members:
  - role: router
    replicas: 2
    template: {spec: {containers: [{name: server, image: busybox}]}}
  - group: prefill
    replicas: 4
    after: [router]
    place: {within: rack}
    members:
    - role: worker
      replicas: 3
      template: {spec: {containers: [{name: server, image: busybox}]}}
"""
POD = "{spec: {containers: [{name: server, image: busybox}]}}"

# What to replace in GOOD, by what, and the sentence.
# fmt: off
BAD: dict[str, tuple[str, str, str]] = {
    # What it is
    "kind missing": ("kind: InferenceSystem\n", "", "f:1: there is no kind; write kind: InferenceSystem"),
    "kind misspelt": ("kind: Inf", "kind: inf", "f:2: kind: kind 'inferenceSystem' is none of Espalier's; did you mean 'InferenceSystem'?"),
    "another's kind": ("InferenceSystem", "Deployment",
        "f:2: kind: kind 'Deployment' is none of Espalier's; give it to kubectl, or declare an InferenceSystem"),
    "Grove's kind": ("InferenceSystem", "PodCliqueSet",
        "f:2: kind: kind PodCliqueSet can't be declared here: manifests of Grove are read in a later version; "
        "declare an InferenceSystem for now"),
    "our own kind": ("InferenceSystem", "Placement",
        "f:2: kind: kind Placement can't be declared here: Espalier writes Placements itself; declare an InferenceSystem"),
    "another version": ("v1alpha1", "v2", "f:1: apiVersion: apiVersion is 'espalier.dev/v2'; write espalier.dev/v1alpha1"),
    "no name": ("  name: llama", "  labels: {}", "f:3: metadata.name: 'name' is missing; give it"),
    "no spec": ("spec:\n  start", "specs:\n  start", "f:5: specs: 'specs' is not a field here; did you mean 'spec'?"),
    "not a mapping": (GOOD, "just words",
        "f:1: a manifest is a mapping with apiVersion, kind, metadata and spec; see the examples for one that works"),
    # YAML
    "a tab": ("  start", "\tstart",
        "f:6: a tab or another letter that YAML does not allow here starts a word; indent with spaces and quote what is special"),
    "bad indentation": ("    replicas: 2", "   replicas: 2",
        "f:9: it is not YAML here (did not find expected key); check indentation, colons and quotes"),
    "an open bracket": ("after: [router]", "after: [router",
        "f:14: it is not YAML here (did not find expected ',' or ']'); check indentation, colons and quotes"),
    "a key twice": ("    replicas: 2", "    replicas: 2\n    replicas: 3", "f:10: key 'replicas' is given twice; keep one"),
    "a number as key": ("    replicas: 2", "    2: 3", "f:9: the key '2' is not a string; put it in quotes"),
    "a yes as key": ("    replicas: 2", "    on: 3", "f:9: the key 'on' is not a string; put it in quotes"),
    "an alias in itself": ("[router]", "&a [*a]", "f:13: an alias contains itself; write the value out"),
    "an unknown alias": ("[router]", "*nobody",
        "f:13: it is not YAML here (found undefined alias); check indentation, colons and quotes"),
    "a tag of Python": ("spec:\n  start", "spec: !!python/name:os.system\n  start",
        "f:5: the tag !!python/name:os.system is not plain data; leave it out"),
    "not a number": ("replicas: 2", "replicas: .nan", "f:9: .nan is not a number in JSON; write a number, or a string in quotes"),
    # Fields
    "a slip": ("replicas: 4", "replcas: 4", "f:12: spec.members[1].replcas: 'replcas' is not a field here; did you mean 'replicas'?"),
    "a field of nothing": ("{within: rack}", "{zzz: rack}",
        "f:14: spec.members[1].place.zzz: 'zzz' is not a field here; the fields are prefer, spread, within"),
    "a field of another": ("start: explicit", "after: [a]",
        "f:6: spec.after: 'after' is not a field here; the fields are members, place, placeAll, priority, replicas, services, start, together"),
    "snake case": ("replicas: 4", "min_availabel: 4",
        "f:12: spec.members[1].min_availabel: 'min_availabel' is not a field here; did you mean 'minAvailable'?"),
    "words for a number": ("replicas: 2", "replicas: two", "f:9: spec.members[0].replicas: 'two' is not a whole number; write a whole number"),
    "a number in quotes": ("replicas: 2", 'replicas: "2"', "f:9: spec.members[0].replicas: '2' is not a whole number; leave the quotes out"),
    "half a pod": ("replicas: 2", "replicas: 2.5", "f:9: spec.members[0].replicas: 2.5 is not a whole number; write a whole number"),
    "yes for a number": ("replicas: 2", "replicas: yes", "f:9: spec.members[0].replicas: true is not a whole number; write a whole number"),
    "fewer than none": ("replicas: 2", "replicas: -2", "f:9: spec.members[0].replicas: -2 is out of bounds; give at least 0"),
    "too many": ("replicas: 2", "replicas: 10001", "f:9: spec.members[0].replicas: 10001 is out of bounds; give at most 10,000"),
    "yes for a name": ("name: llama", "name: yes",
        "f:4: metadata.name: true is not a string; in YAML yes, no, on, off, true and false are booleans and bare numbers are numbers; "
        "put it in quotes"),
    "a name with capitals": ("name: llama", "name: Llama",
        "f:4: metadata.name: 'Llama' can't be used here; use lower-case letters, digits and dashes, starting with a letter"),
    "a name that is too long": ("name: llama", f"name: {'a' * 64}", "f:4: metadata.name: it has 64 letters; give at most 63"),
    "an unknown order": ("start: explicit", "start: inorder", "f:6: spec.start: 'inorder' is not known here; did you mean 'inOrder'?"),
    "no list": ("after: [router]", "after: router", "f:13: spec.members[1].after: 'router' is not a list; start each item with a dash"),
    "a level of capitals": ("{within: rack}", "{within: Rack}",
        "f:14: spec.members[1].place.within: 'Rack' can't be used here; use lower-case letters, digits and dashes, starting with a letter"),
    # Members
    "no members": (GOOD[GOOD.index("  members:"):], "  members: []\n", "f:7: spec.members: it has 0 items; give at least 1"),
    "neither role nor group": ("- role: router", "- rol: router",
        "f:8: spec.members[0]: a member must have exactly one of `role` (pods) and `group` (of members), with its name"),
    "role and group": ("- role: router", "- role: router\n    group: a",
        "f:8: spec.members[0]: a member must have exactly one of `role` (pods) and `group` (of members), with its name"),
    "a role with members": ("replicas: 2", "members: []",
        "f:9: spec.members[0].members: 'members' is not a field here; the fields are after, minAvailable, place, replicas, role, template"),
    "a role without template": (f"    template: {POD}\n  - group", "  - group", "f:8: spec.members[0].template: 'template' is missing; give it"),
    "two of one name": ("group: prefill", "group: router",
        "f:5: spec: the system has two members named 'router'; give each a name of its own"),
    "a name that is a word of paths": ("group: prefill", "group: copies",
        "f:5: spec: the system has a member named 'copies', which means something else in a path; choose another name"),
    "names that pods would share": ("  members:", f"  members:\n  - {{role: prefill-0-worker, template: {POD}}}",
        "f:5: spec: pods of 'prefill-0-worker' and 'prefill/worker' could get the same names; rename one, without digits between dashes"),
    "more minimum than replicas": ("replicas: 4", "minAvailable: 2",
        "f:11: spec.members[1]: minAvailable 2 is more than replicas 1; lower it or raise replicas"),
    "no pods at all": (GOOD[GOOD.index("  - role: router"):], f"  - {{role: a, replicas: 0, template: {POD}}}\n",
        "f:5: spec: a copy has no pods; give at least one role replicas of 1 or more"),
    "too many pods": ("  start", "  replicas: 10000\n  start",
        "f:5: spec: that makes 140,000 pods, and a system may have 100,000; declare several systems"),
    "too deep": ("    - role: worker", f"    - {{group: a, members: [{{group: b, members: [{{role: c, template: {POD}}}]}}]}}\n    - role: worker",
        "f:5: spec: group 'prefill/a/b' nests members 4 deep, and 3 is the limit; flatten a group into its parent"),
    # Order
    "after nobody": ("[router]", "[ruter]",
        "f:5: spec: 'prefill' starts after 'ruter', which is no sibling of it in the system; did you mean 'router'?"),
    "after itself": ("[router]", "[prefill]", "f:5: spec: 'prefill' starts after itself; leave that out"),
    "after in any order": ("  start: explicit\n", "",
        "f:5: spec: 'prefill' says `after`, but the system starts anyOrder; set start: explicit there, or leave `after` out"),
    "after in order": ("explicit", "inOrder",
        "f:5: spec: 'prefill' says `after`, but the system starts inOrder; set start: explicit there, or leave `after` out"),
    "a ring": ("    replicas: 2", "    after: [prefill]",
        "f:5: spec: members wait for each other: router after prefill after router; drop one `after`"),
    # Places
    "spread over its own rack": ("replicas: 2", "place: {within: rack, spread: {over: rack}}",
        "f:5: spec: 'router' is spread over rack and packed within one rack at once; "
        "spread over a narrower level, or pack within a broader one"),
    "spread over nothing": ("replicas: 2", "place: {spread: {strength: required}}", "f:9: spec.members[0].place.spread.over: 'over' is missing; give it"),
    "the whole spread": ("  start", "  placeAll: {spread: {over: rack}}\n  start",
        "f:5: spec: placeAll.spread has nothing to keep apart; to keep copies apart use place.spread"),
    "together with nobody": ("  start", "  together: [{members: [router, decode], within: rack}]\n  start",
        "f:5: spec: together names 'decode', which is no member of the system; there is router, prefill"),
    "together alone": ("  start", "  together: [{members: [router], within: rack}]\n  start",
        "f:6: spec.together[0].members: it has 1 items; give at least 2"),
    "together twice": ("  start", "  together: [{members: [router, router], within: rack}]\n  start",
        "f:5: spec: 'router' is named twice in together; let one rule name all that go together"),
    "a ratio of nobody": ("  start", "  together: [{members: [router, prefill], within: rack, ratio: {decode: 1}}]\n  start",
        "f:5: spec: together gives a ratio for 'decode', which it does not name as a member; there is router, prefill"),
    "a ratio of none": ("  start", "  together: [{members: [router, prefill], within: rack, ratio: {router: 0}}]\n  start",
        "f:6: spec.together[0].ratio.router: 0 is out of bounds; give at least 1"),
    # Templates
    "no containers": ("containers: [{name: server, image: busybox}]", "containers: []",
        "f:10: spec.members[0].template: spec.containers is empty; give at least one container with a name and an image"),
    "no image": ("image: busybox", "imag: busybox",
        "f:10: spec.members[0].template: spec.containers[0] (server) has no image; give it one, such as registry.example/server:1.0"),
    "no container name": ("name: server, ", "",
        "f:10: spec.members[0].template: spec.containers[0].name is None; "
        "give it a name of lower-case letters, digits and dashes, at most 63 long"),
    "two containers of one name": ("[{name: server, image: busybox}]", "[{name: a, image: b}, {name: a, image: b}]",
        "f:10: spec.members[0].template: spec.containers[1].name 'a' is taken by another container; rename one"),
    "a node": ("{spec: {containers", "{spec: {nodeName: n1, containers",
        "f:10: spec.members[0].template: spec.nodeName can't be set: Espalier chooses the node; to steer it use nodeSelector or affinity"),
    "a hostname": ("{spec: {containers", "{spec: {hostname: n1, containers",
        "f:10: spec.members[0].template: spec.hostname can't be set: Espalier gives every pod a stable hostname; leave it out"),
    "a scheduler": ("{spec: {containers", "{spec: {schedulerName: kai, containers",
        "f:10: spec.members[0].template: spec.schedulerName 'kai' may not honour Espalier's places; leave it out (default-scheduler)"),
    "never restarted": ("{spec: {containers", "{spec: {restartPolicy: Never, containers",
        "f:10: spec.members[0].template: spec.restartPolicy 'Never' would let a crashed server stay down; leave it out (Always)"),
    "a number in env": ("image: busybox}", "image: busybox, env: [{name: PORT, value: 80}]}",
        "f:10: spec.members[0].template: spec.containers[0].env[0] (PORT) has the value 80, not a string; put it in quotes"),
    "our variable": ("image: busybox}", "image: busybox, env: [{name: ESPALIER_COPY, value: a}]}",
        "f:10: spec.members[0].template: spec.containers[0].env[0] sets ESPALIER_COPY, and names with ESPALIER_ are Espalier's own; rename it"),
    "our label": ("{spec: {containers", "{metadata: {labels: {espalier.dev/role: a}}, spec: {containers",
        "f:10: spec.members[0].template: metadata.labels.espalier.dev/role is Espalier's own; choose a key without espalier.dev"),
    "a template of a template": ("{spec: {containers", "{template: {}, spec: {containers",
        "f:10: spec.members[0].template: template has a field 'template'; it takes metadata and spec"),
}
# fmt: on


@pytest.mark.parametrize(("old", "new", "sentence"), BAD.values(), ids=BAD)
def test_says_what_to_do(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(SpecError) as refusal:
        read(GOOD.replace(old, new, 1), "f")
    assert str(refusal.value) == sentence


FABRIC = (
    "apiVersion: espalier.dev/v1alpha1\nkind: Fabric\nspec:\n  levels:\n  - {name: zone, label: topology.kubernetes.io/zone}\n"
)
FABRIC += "  - {name: rack, label: example.com/rack}\nmetadata: {name: default}\n"

BAD_FABRICS = {
    "two of one name": ("name: rack", "name: zone",
        "f:3: spec: two levels have the name 'zone'; each level has a name and a label of its own"),
    "two of one label": ("example.com/rack", "topology.kubernetes.io/zone",
        "f:3: spec: two levels have the label 'topology.kubernetes.io/zone'; each level has a name and a label of its own"),
    "the host above others": ("name: zone", "name: host", "f:3: spec: level 'host' is the host, and nothing is narrower; put it last, or leave it out"),
    "no label": ("example.com/rack", "'not a label'", "f:6: spec.levels[1].label: 'not a label' can't be used here; give the key of a node label"),
    "a slip": ("label: example", "labl: example", "f:6: spec.levels[1].labl: 'labl' is not a field here; did you mean 'label'?"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), BAD_FABRICS.values(), ids=BAD_FABRICS)
def test_says_what_to_do_about_a_fabric(old: str, new: str, sentence: str) -> None:
    with pytest.raises(SpecError) as refusal:
        read(FABRIC.replace(old, new, 1), "f")
    assert str(refusal.value) == sentence


BAD_TEXTS = {
    "the second document": (f"{GOOD}---\n{GOOD.replace('replicas: 2', 'replicas: x')}".replace("llama", "other", 1),
        "f:28 (document 2): spec.members[0].replicas: 'x' is not a whole number; write a whole number"),
    "declared twice": (f"{GOOD}---\n{GOOD}", "f (document 2): metadata.name: InferenceSystem 'llama' is declared twice; rename one"),
    "an item of a list": ('{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod"}]}',
        "f: items[0].kind: kind 'Pod' is none of Espalier's; give it to kubectl, or declare an InferenceSystem"),
    "a list of nothing": ("kind: List\nitems: 3\n", "f: items: items is not a list; start each item with a dash"),
    "a key twice in JSON": ('{"kind": "a", "kind": "b"}', "f: key 'kind' is given twice; keep one"),
    "no number in JSON": ('{"kind": NaN}', "f: NaN is not a number in JSON; write a number, or a string in quotes"),
    "too large a number in JSON": ('{"kind": 1e999}', "f: 1e999 is not a number in JSON; write a number, or a string in quotes"),
    "too deep": ("[" * 100, "f:1: it is nested more than 64 deep; no manifest needs that"),
    "too deep for JSON": ("[" * 100_000 + "]" * 100_000, "f: it is nested too deep; no manifest needs that"),
    "a bomb of aliases": ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)),
        "f:6: it unfolds to more than 200,000 values; split it, or use fewer aliases"),
    "too large": ("#" * 4_000_001, "f: it has 4,000,001 letters, and 4,000,000 are read at most; split it"),
    "not text": ("\0\0", "f: it is neither YAML nor JSON (unacceptable character #x0000: control characters are not allowed); save it as UTF-8 text"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_says_what_to_do_about_a_text(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as refusal:
        read(text, "f")
    assert str(refusal.value) == sentence


lines = st.sampled_from(
    [*GOOD.splitlines(), *FABRIC.splitlines(), "---", "- ", "  x: [", "{", "}", "\t", "&a *a", "? |", "!!set", "'"]
)
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
        assert str(error).startswith("f")
        assert "\n" not in str(error)


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
