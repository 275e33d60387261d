"""Grove's manifests: read as they are, into the same tree; what Grove refuses is refused, with what to do."""

import os
from pathlib import Path

import pytest

from specs.declaring import declared_system
from specs.fabric import Fabric
from specs.gangs import expand
from specs.grove import ASKED_SCHEDULER
from specs.manifests import revision
from specs.names import hostname, service_name
from specs.order import Order
from specs.owners import Owner
from specs.paths import plain, roles
from specs.reading import SpecError, read
from specs.revisions import edition_hash, revision_hash
from specs.system import InferenceSystem
from tests.specs.making import SYSTEMS
from tests.specs.spoiling import CLIQUE_SET as SET

BINDING = """\
apiVersion: grove.io/v1alpha1
kind: ClusterTopologyBinding
metadata: {name: fabric}
spec:
  levels:
  - {domain: zone, key: topology.kubernetes.io/zone}
  - {domain: host, key: kubernetes.io/hostname}
  - {domain: numa, key: example.com/numa}
  schedulerTopologyBindings: [{schedulerName: kai-scheduler, topologyReference: kai}]
"""


def one(text: str) -> InferenceSystem:
    (found,) = read(text, "f")
    assert isinstance(found, InferenceSystem)
    return found


def test_the_same_tree() -> None:
    system = one(SET)
    spec = system.spec
    assert (system.kind, spec.replicas, spec.start, spec.place.within) == ("PodCliqueSet", 2, "explicit", "block")
    parts = {path: (role.replicas, role.minimum, role.after) for path, role in roles(spec)}
    assert parts == {"router": (3, 2, ()), "prefill/leader": (1, 1, ("router",)), "prefill/worker": (4, 4, ("leader",))}
    group = spec.members[1]
    assert (group.replicas, group.minimum, group.place.within) == (3, 1, "rack")
    names = [gang.name for gang in expand("llama", spec, {"copies": 1})]
    assert names == ["llama-0", "llama-0-prefill-1", "llama-0-prefill-2", "llama-0-router-2"]


def test_pods_are_given_to_the_cluster_s_own_scheduler() -> None:
    (_, router), *_ = roles(one(SET).spec)
    metadata, pod = router.template["metadata"], router.template["spec"]
    assert pod == {"containers": [{"name": "main", "image": "busybox"}], "priorityClassName": "urgent"}
    assert metadata == {"labels": {"team": "red"}, "annotations": {ASKED_SCHEDULER: "kai-scheduler"}}


def test_names_are_those_of_grove() -> None:
    assert hostname("llama", "1/prefill/2/worker/3") == "llama-1-prefill-2-worker-3"
    assert service_name("llama", 1) == "llama-1"


def test_in_order_whatever_the_groups() -> None:
    crossed = SET.replace("CliqueStartupTypeExplicit", "CliqueStartupTypeInOrder").replace("[worker, leader]", "[router, worker]")
    after = {path: role.after for path, role in roles(one(crossed).spec)}
    assert after == {"prefill/router": (), "prefill/worker": ("leader",), "leader": ("prefill/router",)}


def test_a_field_that_is_left_empty_is_left_out() -> None:
    empty = one(SET.replace("topologyConstraint: {pack: {preferred: host}}", "topologyConstraint:"))
    bare = one(SET.replace("      topologyConstraint: {pack: {preferred: host}}\n", ""))
    assert (empty.written(), revision_hash(empty.spec)) == (bare.written(), revision_hash(bare.spec))


def test_defaults() -> None:
    least = SET.replace("  replicas: 2\n  template", "  template").replace("        replicas: 3\n        minAvailable: 2\n", "")
    system = one(least)
    ((_, router), *_) = roles(system.spec)
    assert (system.spec.replicas, router.replicas, router.minimum) == (0, 1, 1)
    assert one(SET.replace("replicas: 4", "replicas: 0")).spec.members[1].replicas == 3


UPDATES = SET.replace(
    "      topologyConstraint: {pack: {required: rack}}",
    "      rollingUpdate: {maxUnavailable: 2, progressDeadline: 1h30m}\n      topologyConstraint: {pack: {required: rack}}",
).replace("      labels: {team: red}", "      labels: {team: red}\n      rollingUpdate: {progressDeadline: 90s}")
ASKED = SET.replace(
    "metadata: {name: llama}",
    "metadata: {name: llama, annotations: {espalier.dev/rollout: '{pauseAfter: [1], maxUnavailable: 25%}',"
    " espalier.dev/recovery: '{restarts: 3}', espalier.dev/priority: '5', team: red}}",
)


def test_updates_have_a_budget_of_each_part_and_the_longest_deadline() -> None:
    rollout = one(UPDATES).spec.rollout
    assert (rollout.by_copy, rollout.max_unavailable, dict(rollout.max_unavailable_of)) == (True, 1, {"prefill": 2})
    assert rollout.deadline_s == 5400


def test_what_is_not_updated_has_no_rules_for_it() -> None:
    with pytest.raises(SpecError, match="rollingUpdate of 'router' must not be set with updateStrategy OnDelete"):
        one(UPDATES.replace("  replicas: 2\n  template", "  updateStrategy: {type: OnDelete}\n  template"))


def test_annotations_say_what_grove_has_no_field_for() -> None:
    system = one(ASKED)
    assert (system.spec.rollout.pause_after, system.spec.rollout.max_unavailable, system.spec.rollout.by_copy) == (
        (1,),
        "25%",
        True,
    )
    assert (system.spec.recovery.restarts, system.spec.recovery.scope, system.spec.priority) == (3, "gang", 5)
    assert list(system.said) == ["espalier.dev/priority", "espalier.dev/recovery", "espalier.dev/rollout"]
    assert revision_hash(system.spec) == revision_hash(one(SET).spec)
    assert edition_hash(system) != edition_hash(one(SET))


def test_a_revision_keeps_what_annotations_say() -> None:
    system = one(ASKED)
    kept = revision(Owner("llama", "default", "u", "PodCliqueSet"), system, 1)["data"]
    metadata = {**kept["metadata"], "name": "llama"}
    assert declared_system({**kept, "metadata": metadata}).spec == system.spec
    assert "metadata" not in revision(Owner("llama", "default", "u", "PodCliqueSet"), one(SET), 1)["data"]


def test_a_binding_is_a_fabric() -> None:
    (fabric,) = read(BINDING, "f")
    assert isinstance(fabric, Fabric)
    assert [(level.name, level.label) for level in fabric.spec.levels] == [
        ("zone", "topology.kubernetes.io/zone"),
        ("host", "kubernetes.io/hostname"),
    ]


BAD = {
    "misspelt": (
        "minAvailable: 2",
        "minAvailabel: 2",
        "f:16: spec.template.cliques[0].spec.minAvailabel: 'minAvailabel' is not a field here; did you mean 'minAvailable'?",
    ),
    "misspelt in a group": ("cliqueNames:", "cliqueName:", "'cliqueName' is not a field here; did you mean 'cliqueNames'?"),
    "no clique": (
        "cliqueNames: [worker, leader]",
        "cliqueNames: [worker, leaders]",
        "unidentified PodClique names found: 'leaders'; did you mean 'leader'?",
    ),
    "after nobody": ("startsAfter: [router]", "startsAfter: [ruter]", "unknown clique names found"),
    "after itself": ("startsAfter: [router]", "startsAfter: [leader]", "clique dependency cannot refer to itself: 'leader'"),
    "in a ring": ("startsAfter: [router]", "startsAfter: [worker]", "clique must not have circular dependencies: "),
    "twice after one": ("startsAfter: [router]", "startsAfter: [router, router]", "'leader' names 'router' twice in startsAfter"),
    "two of a name": ("name: leader\n", "name: worker\n", "two cliques are named 'worker'"),
    "two of a role": ("roleName: leader", "roleName: worker", "two cliques have the roleName 'worker'"),
    "two schedulers": (
        "podSpec: {schedulerName: kai-scheduler, restartPolicy",
        "podSpec: {restartPolicy",
        "the schedulerName for all pods have to be the same",
    ),
    "minimum": ("minAvailable: 2", "minAvailable: 4", "minAvailable must not be greater than replicas; lower 4, or raise 3"),
    "no minimum": ("minAvailable: 2", "minAvailable: 0", "0 is out of bounds; give at least 1"),
    "node": ("restartPolicy: Never", "nodeName: n1", "nodeName must not be set; Espalier chooses the nodes"),
    "spread": ("restartPolicy: Never", "topologySpreadConstraints: [{}]", "topologySpreadConstraints must not be set"),
    "env": (
        "image: busybox}]}\n    - name: leader",
        "image: busybox, env: [{name: ''}]}]}\n    - name: leader",
        "podSpec: containers[0].env[0].name is ''; give it a name",
    ),
    "env twice": (
        "image: busybox}]}\n    - name: leader",
        "image: busybox, env: [{name: A}, {name: A}]}]}\n    - name: leader",
        "container 'main' has the variable A twice; drop one",
    ),
    "a group of NVLink": (
        "labels: {team: red}",
        "annotations: {grove.io/mnnvl-group: Rack_1}",
        "annotation grove.io/mnnvl-group is 'Rack_1'; give it a name of lower-case letters",
    ),
    "no pack": ("pack: {required: block}", "pack: {}", "pack must specify at least one of required or preferred"),
    "pack domain": ("pack: {required: block}", "packDomain: block", "packDomain is deprecated"),
    "no topology": ("topologyName: fabric, ", "", "topologyName is required when topologyConstraint is set"),
    "two topologies": (
        "{pack: {required: rack}}",
        "{topologyName: other, pack: {required: rack}}",
        "all topologyConstraint.topologyName values within a PodCliqueSet must match: fabric, other",
    ),
    "start": ("CliqueStartupTypeExplicit", "Explicit", "'Explicit' is not known here"),
    "hpa in a group": (
        "        startsAfter: [router]\n",
        "        autoScalingConfig: {maxReplicas: 3}\n",
        "AutoScalingConfig is not allowed to be defined for PodClique 'leader' that is part of scaling group",
    ),
    "hpa below minimum": (
        "minAvailable: 2",
        "minAvailable: 2\n        autoScalingConfig: {minReplicas: 1, maxReplicas: 3}",
        "minReplicas 1 must be greater than or equal to minAvailable 2",
    ),
    "hpa above maximum": (
        "      replicas: 3\n      top",
        "      replicas: 3\n      scaleConfig: {maxReplicas: 2}\n      top",
        "maxReplicas 2 must be greater than or equal to minReplicas 3 and replicas 3",
    ),
    "no delay": ("    cliques:", "    terminationDelay: 0s\n    cliques:", "terminationDelay must be greater than 0"),
    "strange delay": (
        "    cliques:",
        "    terminationDelay: soon\n    cliques:",
        "'soon' can't be used here; write a time as 30m or 4h",
    ),
    "updates in a group": (
        "    - name: leader\n",
        "    - name: leader\n      rollingUpdate: {maxUnavailable: 2}\n",
        "rollingUpdate is not allowed for PodClique 'leader' that is part of scaling group 'prefill'",
    ),
    "no budget": (
        "      replicas: 3\n      top",
        "      replicas: 3\n      rollingUpdate: {maxUnavailable: 0}\n      top",
        "at least 1",
    ),
    "an annotation": (
        "metadata: {name: llama}",
        "metadata: {name: llama, annotations: {espalier.dev/rollout: '{maxUnavailble: 2}'}}",
        "annotation espalier.dev/rollout: 'maxUnavailble' is not a field here; did you mean 'maxUnavailable'?",
    ),
    "an annotation that is no mapping": (
        "metadata: {name: llama}",
        "metadata: {name: llama, annotations: {espalier.dev/rollout: fast}}",
        "annotation espalier.dev/rollout is no mapping; write it as",
    ),
    "version": ("v1alpha1", "v2", "'grove.io/v2' is not known here; write grove.io/v1alpha1"),
    "filter": (
        "    cliques:",
        "    resourceSharing: [{name: x, scope: PerReplica, filter: {}}]\n    cliques:",
        "filter must specify at least one childCliqueNames or childScalingGroupNames entry",
    ),
    "a group of a clique's name": ("- name: prefill", "- name: router", "the system has two members named 'router'"),
}


@pytest.mark.parametrize(("old", "new", "sentence"), BAD.values(), ids=BAD)
def test_says_what_to_do(old: str, new: str, sentence: str) -> None:
    assert old in SET
    with pytest.raises(SpecError) as refusal:
        read(SET.replace(old, new, 1), "f")
    assert sentence in str(refusal.value)


def test_one_name_is_one_system() -> None:
    other = "apiVersion: espalier.dev/v1alpha1\nkind: InferenceSystem\nmetadata: {name: llama}\nspec: {members: [%s]}\n"
    role = "{role: a, template: {spec: {containers: [{name: main, image: busybox}]}}}"
    with pytest.raises(SpecError, match="'llama' is declared twice"):
        read(f"{SET}---\n{other % role}", "f")


RETOLD = {
    **{f"workload{number}": f"workload{number}" for number in range(1, 7)},
    "tas-indep-clq": "tas2", "tas-sl-pcs-only": "tas3", "tas-sl-pcsg-only": "tas4", "tas-host-level": "tas5",
    "tas-standalone-pclq-only-pcs-zone": "tas6", "tas-no-constraint": "tas7", "tas-hierarchy": "tas8", "tas-pcs-pclq": "tas9",
    "tas-pcsg-scale": "tas10", "tas-pcsg-pclq": "tas11", "tas-large-scale": "tas12", "tas-insuffic": "tas13",
}  # fmt: skip


@pytest.fixture
def manifests() -> Path:
    folder = Path(os.environ.get("ESPALIER_DATA", "/nonexistent")) / "manifests"
    if not folder.is_dir():
        pytest.skip(f"no {folder.name}; ESPALIER_DATA names the folder that holds Grove's own")
    return folder


@pytest.mark.parametrize(("theirs", "ours"), RETOLD.items(), ids=RETOLD)
def test_their_own_manifests_are_what_was_retold(manifests: Path, theirs: str, ours: str) -> None:
    (retold,) = [path for path in SYSTEMS if path.stem == ours]
    found, wanted = (one(path.read_text()) for path in (manifests / "workloads" / f"{theirs}.yaml", retold))
    first, second = expand("s", found.spec, {}), expand("s", wanted.spec, {})
    assert {(gang.name, gang.minimum, frozenset(gang.slots())) for gang in first} == {
        (gang.name, gang.minimum, frozenset(gang.slots())) for gang in second
    }
    assert [sorted(map(str, gang.domains())) for gang in first] == [sorted(map(str, gang.domains())) for gang in second]
    assert waves(found) == waves(wanted)


def waves(system: InferenceSystem) -> list[set[str]]:
    """Roles that may start together, in their order."""
    ready: dict[str, int] = {}
    found: list[set[str]] = []
    while due := [one for one, why in Order(system.spec).due(ready, {}).items() if why is None and one not in ready]:
        found.append(set(map(plain, due)))
        ready |= dict.fromkeys(due, 100)
    return found


def test_every_sample_is_read(manifests: Path) -> None:
    samples = sorted(manifests.glob("*/*.yaml"))
    assert len(samples) >= 30
    for path in samples:
        system = one(path.read_text())
        assert sum(len(gang.slots()) for gang in expand(system.metadata.name, system.spec, {})) > 0, path.name
