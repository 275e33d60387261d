"""PodCliques, PodCliqueScalingGroups and PodGangs carry what Grove's clients read in them; and what has no effect is said."""

from typing import Any

import pytest

from specs.declaring import declared_system
from specs.grove import ASKED_SCHEDULER, CliqueSystem
from specs.grove_objects import CliqueObjects
from specs.grove_pods import TEMPLATE
from specs.owners import Owner
from specs.paths import roles
from specs.pods import PodMaker
from specs.reading import read
from specs.remarks import remarks
from specs.revisions import template_hash
from tests.specs.spoiling import CLIQUE_SET as SET
from tests.workers import grove_set

OWNER = Owner("llama", "default", "u", "PodCliqueSet")
LEVELS = ("zone", "block", "rack", "host")


def declared(text: str = SET) -> CliqueSystem:
    (found,) = read(text, "f")
    assert isinstance(found, CliqueSystem)
    return found


def objects(system: CliqueSystem) -> dict[str, dict[str, Any]]:
    made = CliqueObjects(OWNER, system, {"copies": 1})
    return {each["metadata"]["name"]: each for each in [*made.scaled(), *made.gangs({}, {})]}


def test_a_clique_says_what_its_template_says_and_whom_it_waits_for() -> None:
    system = declared(
        SET.replace("    cliques:\n    - name: router\n", "    cliques:\n    - name: router\n      annotations: {who: me}\n")
    )
    made = objects(system)
    router, metadata = made["llama-0-router"], made["llama-0-router"]["metadata"]
    assert (metadata["annotations"]["who"], "startsAfter" in router["spec"]) == ("me", False)
    hashes = {path: template_hash(role) for path, role in roles(system.spec)}
    assert (
        metadata["labels"].items()
        >= {
            "team": "red",
            "app.kubernetes.io/name": "llama-0-router",
            "app.kubernetes.io/component": "pcs-podclique",
            "grove.io/pod-template-hash": hashes["router"],
        }.items()
    )
    assert made["llama-0-prefill-2-leader"]["spec"]["startsAfter"] == ["llama-0-router"]
    assert made["llama-0-prefill-2-worker"]["spec"]["startsAfter"] == ["llama-0-prefill-2-leader"]
    assert made["llama-0-prefill-2-worker"]["metadata"]["labels"]["app.kubernetes.io/component"] == "pcsg-podclique"


def test_who_starts_after_a_group_waits_for_the_replicas_of_the_base_gang() -> None:
    turned = SET.replace("CliqueStartupTypeExplicit", "CliqueStartupTypeInOrder").replace("[worker, leader]", "[router, worker]")
    assert objects(declared(turned))["llama-0-leader"]["spec"]["startsAfter"] == ["llama-0-prefill-0-router"]


NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
#                  found by its own name, in that of its component
COMPONENTS = {
    "Service":                 "pcs-headless-service",
    "ServiceAccount":          "pod-service-account",
    "PodCliqueScalingGroup":   "pcs-podcliquescalinggroup",
    "HorizontalPodAutoscaler": "pcs-hpa",
    "PodGang":                 "podgang",
    "ResourceClaim":           "resource-claim",
    "ComputeDomain":           "pcs-computedomain",
}  # fmt: skip


def whole() -> CliqueSystem:
    """A set that has everything made for it."""
    manifest = grove_set.declared(group={"scaleConfig": {"maxReplicas": 3}})
    manifest["metadata"]["annotations"] = {"grove.io/mnnvl-group": "links"}
    for each in manifest["spec"]["template"]["cliques"]:
        each["spec"]["podSpec"]["serviceAccountName"] = "llama"
    manifest["spec"]["template"]["resourceSharing"] = [{"name": "nic", "scope": "AllReplicas"}]
    system = declared_system(manifest)
    assert isinstance(system, CliqueSystem)
    return system


def test_every_object_says_its_name_and_its_component() -> None:
    made = CliqueObjects(OWNER, whole(), {"copies": 1})
    claims = [made.claim(each, {}) for each in made.claims()]
    others = [*made.services(), *made.accounts(), *made.autoscalers(), *made.gangs({}, {}), *made.domains()]
    found = {each["kind"]: each["metadata"] for each in [*made.scaled(), *others, *claims]}
    component = {kind: metadata["labels"][COMPONENT] for kind, metadata in found.items()}
    assert component == COMPONENTS | {"PodClique": "pcsg-podclique"}
    for metadata in found.values():
        assert metadata["labels"][NAME] == metadata["name"]
        assert metadata["labels"].items() >= {"app.kubernetes.io/managed-by": "grove-operator"}.items()
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "llama"


def test_a_pod_has_the_labels_of_its_clique() -> None:
    system = whole()
    made = {each["metadata"]["name"]: each["metadata"]["labels"] for each in CliqueObjects(OWNER, system, {}).scaled()}
    for slot, clique in {"0/router/0": "llama-0-router", "0/decode/1/worker/1": "llama-0-decode-1-worker"}.items():
        labels = PodMaker(OWNER, system.spec).pod(slot, 0)["metadata"]["labels"]
        assert {key: labels[key] for key in (NAME, COMPONENT, TEMPLATE)} == {
            key: made[clique][key] for key in (NAME, COMPONENT, TEMPLATE)
        }
        assert labels[NAME] == clique


#                                         that are there              the pods'
SCHEDULERS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "none but the cluster's own":         ((),                         None),
    "another than the one that is asked": (("volcano",),               None),
    "the one that is asked":              (("volcano", "kai-scheduler"), "kai-scheduler"),
}  # fmt: skip


@pytest.mark.parametrize(("there", "wanted"), SCHEDULERS.values(), ids=SCHEDULERS)
def test_pods_are_given_to_the_scheduler_that_they_ask_for_where_it_is_there(there: tuple[str, ...], wanted: str | None) -> None:
    system = whole()
    pod = PodMaker(OWNER, system.spec, schedulers=there).pod("0/router/0", 0)
    assert pod["spec"].get("schedulerName") == wanted
    assert pod["metadata"]["annotations"][ASKED_SCHEDULER] == "kai-scheduler"
    usual = PodMaker(OWNER, system.spec).pod("0/router/0", 0)
    assert pod["metadata"] == usual["metadata"], "no hash is another for it"


def test_a_service_account_is_made_only_where_pods_name_it() -> None:
    (account,) = CliqueObjects(OWNER, whole(), {}).accounts()
    assert (account["metadata"]["name"], account["metadata"]["ownerReferences"][0]["uid"]) == ("llama", "u")
    assert CliqueObjects(OWNER, declared(), {}).accounts() == []


def test_a_gang_tells_the_scheduler_that_was_asked_for() -> None:
    found = {each["metadata"]["labels"].get("grove.io/scheduler-name") for each in objects(declared()).values()}
    assert found == {None, "kai-scheduler"}


def packed(**labels: str) -> dict[str, Any]:
    return {"topologyConstraint": {"packConstraint": labels}}


def test_gangs_say_what_is_packed_into_what_in_labels_of_nodes() -> None:
    """The base gang is packed as the set, each group replica in it as its group; a scaled gang as its group."""
    system = declared()
    counts = {"copies": 1, "0/prefill": 3}
    pods = {"0/router": ["a", "b"], "0/prefill/2/worker": ["c"]}
    made = CliqueObjects(OWNER, system, counts).gangs(pods, {level: f"example.com/{level}" for level in LEVELS})
    base, scaled, last = made
    assert [each["metadata"]["name"] for each in made] == ["llama-0", "llama-0-prefill-0", "llama-0-prefill-1"]
    spec = base["spec"]
    assert spec.items() >= {**packed(required="example.com/block"), "priorityClassName": "urgent"}.items()
    around = {"name": "llama-0-prefill-0", "podGroupNames": ["llama-0-prefill-0-leader", "llama-0-prefill-0-worker"]}
    (config,) = spec["topologyConstraintGroupConfigs"]
    assert {**config, "podGroupNames": sorted(config["podGroupNames"])} == around | packed(required="example.com/rack")
    router = {"name": "llama-0-router", "minReplicas": 2}
    assert spec["podgroups"][0] == router | {"podReferences": [{"namespace": "default", "name": name} for name in "ab"]}
    for gang in (scaled, last):
        assert gang["metadata"]["labels"]["grove.io/base-podgang"] == "llama-0"
        assert gang["spec"].items() >= packed(required="example.com/rack").items()
        assert "topologyConstraintGroupConfigs" not in gang["spec"]
    (worker,) = (each for each in last["spec"]["podgroups"] if each["name"] == "llama-0-prefill-2-worker")
    assert worker["podReferences"] == [{"namespace": "default", "name": "c"}]
    assert worker.items() >= packed(preferred="example.com/host").items()


POLICY = "cliques[0].spec.podSpec.restartPolicy: restartPolicy Never will be ignored"
REQUIRED = "required: rack"
#                                    in place of  stands                           the sentence has
REMARKS = {
    "a policy of its own":          (REQUIRED,    REQUIRED,                        POLICY),
    "a wish as broad as the demand": (REQUIRED,   f"{REQUIRED}, preferred: rack",  "preferred 'rack' is redundant"),
    "a wish that is broader":       (REQUIRED,    f"{REQUIRED}, preferred: zone",  "preferred 'zone' is redundant"),
    "a wish that is narrower":      (REQUIRED,    f"{REQUIRED}, preferred: host",  ""),
    "a wish for an unknown level":  (REQUIRED,    f"{REQUIRED}, preferred: row",   ""),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "wanted"), REMARKS.values(), ids=REMARKS)
def test_what_has_no_effect_is_said(old: str, new: str, wanted: str) -> None:
    usual = SET if old == new else SET.replace("restartPolicy: Never, ", "")
    assert old in usual
    told = remarks(declared(usual.replace(old, new, 1)).source, LEVELS)
    assert [wanted in each for each in told] == ([True] if wanted else []), told
