"""PodCliques, PodCliqueScalingGroups and PodGangs carry what Grove's clients read in them; and what has no effect is said."""

from typing import Any

import pytest

from specs.grove import CliqueSystem
from specs.grove_objects import CliqueObjects
from specs.owners import Owner
from specs.paths import roles
from specs.reading import read
from specs.remarks import remarks
from specs.revisions import template_hash
from tests.specs.spoiling import CLIQUE_SET as SET

LEVELS = ("zone", "block", "rack", "host")


def declared(text: str = SET) -> CliqueSystem:
    (found,) = read(text, "f")
    assert isinstance(found, CliqueSystem)
    return found


def objects(system: CliqueSystem) -> dict[str, dict[str, Any]]:
    made = CliqueObjects(Owner("llama", "default", "u", "PodCliqueSet"), system, {"copies": 1})
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


def test_a_gang_tells_the_scheduler_that_was_asked_for() -> None:
    found = {each["metadata"]["labels"].get("grove.io/scheduler-name") for each in objects(declared()).values()}
    assert found == {None, "kai-scheduler"}


def packed(**labels: str) -> dict[str, Any]:
    return {"topologyConstraint": {"packConstraint": labels}}


def test_gangs_say_what_is_packed_into_what_in_labels_of_nodes() -> None:
    """The base gang is packed as the set, each group replica in it as its group; a scaled gang as its group."""
    system = declared()
    owner, counts = Owner("llama", "default", "u", "PodCliqueSet"), {"copies": 1, "0/prefill": 3}
    pods = {"0/router": ["a", "b"], "0/prefill/2/worker": ["c"]}
    made = CliqueObjects(owner, system, counts).gangs(pods, {level: f"example.com/{level}" for level in LEVELS})
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
