"""Everything that can be wrong with a declared system or fabric gets one sentence: where it is, what it is, and what to do."""

import pytest

from specs.reading import SpecError, read
from tests.specs.spoiling import FABRIC, GOOD, POD

# What to replace in GOOD, by what, and the sentence.
# fmt: off
BAD: dict[str, tuple[str, str, str]] = {
    # Members
    "no members": (GOOD[GOOD.index("  members:") :], "  members: []\n", "f:7: spec.members: it has 0 items; give at least 1"),
    "neither role nor group": (
        "- role: router", "- rol: router",
        "f:8: spec.members[0]: a member must have exactly one of `role` (pods) and `group` (of members), with its name",
    ),
    "role and group": (
        "- role: router", "- role: router\n    group: a",
        "f:8: spec.members[0]: a member must have exactly one of `role` (pods) and `group` (of members), with its name",
    ),
    "a role with members": (
        "replicas: 2", "members: []",
        (
            "f:9: spec.members[0].members: 'members' is not a field here; the fields are after, minAvailable, place, "
            "replicas, role, template"
        ),
    ),
    "a role without template": (
        f"    template: {POD}\n  - group", "  - group",
        "f:8: spec.members[0].template: 'template' is missing; give it",
    ),
    "two of one name": (
        "group: prefill", "group: router",
        "f:5: spec: the system has two members named 'router'; give each a name of its own",
    ),
    "a name that is a word of paths": (
        "group: prefill", "group: copies",
        "f:5: spec: the system has a member named 'copies', which means something else in a path; choose another name",
    ),
    "names that pods would share": (
        "  members:", f"  members:\n  - {{role: prefill-0-worker, template: {POD}}}",
        (
            "f:5: spec: pods of 'prefill-0-worker' and 'prefill/worker' could get the same names; rename one, without "
            "digits between dashes"
        ),
    ),
    "more minimum than replicas": (
        "replicas: 4", "minAvailable: 2",
        "f:11: spec.members[1]: minAvailable 2 is more than replicas 1; lower it or raise replicas",
    ),
    "no pods at all": (
        GOOD[GOOD.index("  - role: router") :], f"  - {{role: a, replicas: 0, template: {POD}}}\n",
        "f:5: spec: a copy has no pods; give at least one role replicas of 1 or more",
    ),
    "too many pods": (
        "  start", "  replicas: 10000\n  start",
        "f:5: spec: that makes 140,000 pods, and a system may have 100,000; declare several systems",
    ),
    "too large a gang": (
        "replicas: 2", "replicas: 6000",
        (
            "f:5: spec: 6,003 pods of a copy must start together, and 5,000 is the limit; "
            "lower minAvailable, so that some of them may start later"
        ),
    ),
    "too deep": (
        "    - role: worker",
        f"    - {{group: a, members: [{{group: b, members: [{{role: c, template: {POD}}}]}}]}}\n    - role: worker",
        "f:5: spec: group 'prefill/a/b' nests members 4 deep, and 3 is the limit; flatten a group into its parent",
    ),
    # Order
    "after nobody": (
        "[router]", "[ruter]",
        "f:5: spec: 'prefill' starts after 'ruter', which is no member of the system; did you mean 'router'?",
    ),
    "after itself": ("[router]", "[prefill]", "f:5: spec: 'prefill' starts after itself; leave that out"),
    "after in any order": (
        "  start: explicit\n", "",
        (
            "f:5: spec: 'prefill' says `after`, but the system starts anyOrder; set start: explicit there, or leave "
            "`after` out"
        ),
    ),
    "after in order": (
        "explicit", "inOrder",
        (
            "f:5: spec: 'prefill' says `after`, but the system starts inOrder; set start: explicit there, or leave "
            "`after` out"
        ),
    ),
    "a ring": (
        "    replicas: 2", "    after: [prefill]",
        "f:5: spec: members wait for each other: router after prefill after router; drop one `after`",
    ),
    # Places
    "spread over its own rack": (
        "replicas: 2", "place: {within: rack, spread: {over: rack}}",
        (
            "f:5: spec: 'router' is spread over rack and packed within one rack at once; spread over a narrower level, "
            "or pack within a broader one"
        ),
    ),
    "spread over nothing": (
        "replicas: 2", "place: {spread: {strength: required}}",
        "f:9: spec.members[0].place.spread.over: 'over' is missing; give it",
    ),
    "a group balanced": (
        "place: {within: rack}", "place: {balance: rack}",
        (
            "f:5: spec: group 'prefill' says place.balance, which shares out the pods of one role; say it in the roles inside"
        ),
    ),
    "balanced and packed": (
        "replicas: 2", "place: {balance: rack, prefer: host}",
        "f:9: spec.members[0].place: balance and prefer are two wishes for the same pods; keep one of them",
    ),
    "the whole spread": (
        "  start", "  placeAll: {spread: {over: rack}}\n  start",
        "f:5: spec: placeAll.spread has nothing to keep apart; to keep copies apart use place.spread",
    ),
    "a wish for all": (
        "  start", "  placeAll: {prefer: rack}\n  start",
        "f:5: spec: placeAll.prefer is not honoured: copies are placed one by one; use placeAll.within or place.prefer",
    ),
    "together with nobody": (
        "  start", "  together: [{members: [router, decode], within: rack}]\n  start",
        "f:5: spec: together names 'decode', which is no member of the system; there is router, prefill",
    ),
    "together alone": (
        "  start", "  together: [{members: [router], within: rack}]\n  start",
        "f:6: spec.together[0].members: it has 1 items; give at least 2",
    ),
    "together twice": (
        "  start", "  together: [{members: [router, router], within: rack}]\n  start",
        "f:5: spec: 'router' is named twice in together; let one rule name all that go together",
    ),
    "a ratio of nobody": (
        "  start", "  together: [{members: [router, prefill], within: rack, ratio: {decode: 1}}]\n  start",
        "f:5: spec: together gives a ratio for 'decode', which it does not name as a member; there is router, prefill",
    ),
    "a ratio of none": (
        "  start", "  together: [{members: [router, prefill], within: rack, ratio: {router: 0}}]\n  start",
        "f:6: spec.together[0].ratio.router: 0 is out of bounds; give at least 1",
    ),
    # Templates
    "no containers": (
        "containers: [{name: server, image: busybox}]", "containers: []",
        "f:10: spec.members[0].template: spec.containers is empty; give at least one container with a name and an image",
    ),
    "no image": (
        "image: busybox", "imag: busybox",
        (
            "f:10: spec.members[0].template: spec.containers[0] (server) has no image; give it one, such as "
            "registry.example/server:1.0"
        ),
    ),
    "no container name": (
        "name: server, ", "",
        (
            "f:10: spec.members[0].template: spec.containers[0].name is None; give it a name of lower-case letters, "
            "digits and dashes, at most 63 long"
        ),
    ),
    "two containers of one name": (
        "[{name: server, image: busybox}]", "[{name: a, image: b}, {name: a, image: b}]",
        "f:10: spec.members[0].template: spec.containers[1].name 'a' is taken by another container; rename one",
    ),
    "a node": (
        "{spec: {containers", "{spec: {nodeName: n1, containers",
        (
            "f:10: spec.members[0].template: spec.nodeName can't be set: Espalier chooses the node; to steer it use "
            "nodeSelector or affinity"
        ),
    ),
    "a hostname": (
        "{spec: {containers", "{spec: {hostname: n1, containers",
        (
            "f:10: spec.members[0].template: spec.hostname can't be set: Espalier gives every pod a stable hostname; "
            "leave it out"
        ),
    ),
    "a scheduler": (
        "{spec: {containers", "{spec: {schedulerName: kai, containers",
        (
            "f:10: spec.members[0].template: spec.schedulerName 'kai' may not honour Espalier's places; leave it out "
            "(default-scheduler)"
        ),
    ),
    "never restarted": (
        "{spec: {containers", "{spec: {restartPolicy: Never, containers",
        (
            "f:10: spec.members[0].template: spec.restartPolicy 'Never' would let a crashed server stay down; leave it "
            "out (Always)"
        ),
    ),
    "a number in env": (
        "image: busybox}", "image: busybox, env: [{name: PORT, value: 80}]}",
        (
            "f:10: spec.members[0].template: spec.containers[0].env[0] (PORT) has the value 80, not a string; put it in "
            "quotes"
        ),
    ),
    "no amount": (
        "image: busybox}", "image: busybox, resources: {requests: {cpu: lots}}}",
        (
            "f:10: spec.members[0].template: spec.containers[0].resources.requests.cpu is 'lots', not an amount; write it as "
            "500m, 4, 1.5 or 16Gi"
        ),
    ),
    "a number as selector": (
        "{spec: {containers", "{spec: {nodeSelector: {pool: 7}, containers",
        "f:10: spec.members[0].template: spec.nodeSelector.pool is 7, not a string; put it in quotes",
    ),
    "affinity in words": (
        "{spec: {containers", "{spec: {affinity: near, containers",
        "f:10: spec.members[0].template: spec.affinity is a string, not a mapping; write it as `key: value` lines",
    ),
    "overhead in words": (
        "{spec: {containers", "{spec: {overhead: some, containers",
        "f:10: spec.members[0].template: spec.overhead is a string, not a mapping; write it as `key: value` lines",
    ),
    "our variable": (
        "image: busybox}", "image: busybox, env: [{name: ESPALIER_COPY, value: a}]}",
        (
            "f:10: spec.members[0].template: spec.containers[0].env[0] sets ESPALIER_COPY, and names with ESPALIER_ are "
            "Espalier's own; rename it"
        ),
    ),
    "our label": (
        "{spec: {containers", "{metadata: {labels: {espalier.dev/role: a}}, spec: {containers",
        (
            "f:10: spec.members[0].template: metadata.labels.espalier.dev/role is Espalier's own; choose a key without "
            "espalier.dev"
        ),
    ),
    "a template of a template": (
        "{spec: {containers", "{template: {}, spec: {containers",
        "f:10: spec.members[0].template: template has a field 'template'; it takes metadata and spec",
    ),
}
# fmt: on


@pytest.mark.parametrize(("old", "new", "sentence"), BAD.values(), ids=BAD)
def test_says_what_to_do(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(SpecError) as refusal:
        read(GOOD.replace(old, new, 1), "f")
    assert str(refusal.value) == sentence


# fmt: off
BAD_FABRICS: dict[str, tuple[str, str, str]] = {
    "two of one name": (
        "name: rack", "name: zone",
        "f:3: spec: two levels have the name 'zone'; each level has a name and a label of its own",
    ),
    "two of one label": (
        "example.com/rack", "topology.kubernetes.io/zone",
        "f:3: spec: two levels have the label 'topology.kubernetes.io/zone'; each level has a name and a label of its own",
    ),
    "the host above others": (
        "name: zone", "name: host",
        "f:3: spec: level 'host' is the host, and nothing is narrower; put it last, or leave it out",
    ),
    "no label": (
        "example.com/rack", "'not a label'",
        "f:6: spec.levels[1].label: 'not a label' can't be used here; give the key of a node label",
    ),
    # Fields
    "a slip": ("label: example", "labl: example", "f:6: spec.levels[1].labl: 'labl' is not a field here; did you mean 'label'?"),
}
# fmt: on


@pytest.mark.parametrize(("old", "new", "sentence"), BAD_FABRICS.values(), ids=BAD_FABRICS)
def test_says_what_to_do_about_a_fabric(old: str, new: str, sentence: str) -> None:
    with pytest.raises(SpecError) as refusal:
        read(FABRIC.replace(old, new, 1), "f")
    assert str(refusal.value) == sentence
