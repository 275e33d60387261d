"""What commands change of a PodCliqueSet, as tables."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.messages import Ref
from specs.declaring import declared_system
from specs.grove import CliqueSystem
from tests.specs.test_podcliqueset import manifests
from tests.workers.grove_set import clique, declared
from tests.workflows.declared import manifest
from workflows.intent import CannotChange, answered
from workflows.keeping import order_of
from workflows.requests import Apply, Scale, Steer
from workflows.state import SystemState

__all__ = ["manifests"]
NEW = SystemState(ref=Ref(namespace="default", name="llama"))


def apply(given: dict[str, object]) -> Apply:
    return Apply(request_id=str(hash(str(given))), who="alice", manifest=given)


def scale(counts: dict[str, int]) -> Scale:
    return Scale(request_id=str(counts), who="hpa", counts=counts)


def with_template(**parts: Any) -> dict[str, object]:
    made = declared()
    made["spec"]["template"].update(parts)
    return made


RUNNING = answered(NEW, apply(declared()))[0]
SCALED = answered(answered(RUNNING, scale({"0/router": 3}))[0], scale({"copies": 2}))[0]


def counts(state: SystemState, *paths: str) -> list[int | None]:
    order = order_of(state, "w")
    return [order.counts.get(path) for path in paths]


def test_an_order_says_what_kind_of_object_it_is_for() -> None:
    assert (order_of(RUNNING, "w").kind, order_of(NEW, "w").kind) == ("PodCliqueSet", "InferenceSystem")


def test_what_runs_keeps_its_count_when_a_template_is_edited() -> None:
    after, answer = answered(SCALED, apply({**declared(router=2), "spec": {**declared(router=2)["spec"], "replicas": 3}}))
    assert counts(after, "0/router", "1/router", "2/router", "router") == [3, 1, None, 2]
    assert counts(after, "copies") == [3]
    assert "set by scaling and stays" in answer.message


def test_what_changes_no_pod_is_an_edition_of_its_own() -> None:
    after, _ = answered(RUNNING, apply(with_template(terminationDelay="30m")))
    assert after.revision == RUNNING.revision
    assert after.edition != RUNNING.edition


def test_a_set_is_paused_by_an_annotation_and_goes_on_without_it() -> None:
    paused, _ = answered(RUNNING, Steer(request_id="p", who="alice", action="pause"))
    assert declared_system(paused.manifest).spec.rollout.paused
    assert (paused.revision, paused.edition != RUNNING.edition) == (RUNNING.revision, True)
    edited, _ = answered(paused, apply({**with_template(priorityClassName="urgent"), "metadata": paused.manifest["metadata"]}))
    assert declared_system(edited.manifest).spec.rollout.paused
    for action in ("resume", "undo"):
        after, _ = answered(edited, Steer(request_id=action, who="alice", action=action))
        assert not declared_system(after.manifest).spec.rollout.paused


def pca(replicas: int, image: str = "server:1", **spec: Any) -> dict[str, Any]:
    """Like Grove's sample simple1: cliques that leave minAvailable out, one with an autoscaler."""
    made = declared()
    scaler = {"autoScalingConfig": {"maxReplicas": 5}} | spec
    cliques = [clique("pca", replicas, **scaler), clique("leader", 1), clique("worker", 2)]
    cliques[0]["spec"]["podSpec"]["containers"][0]["image"] = image
    made["spec"]["template"]["cliques"] = cliques
    return made


FIRST = answered(NEW, apply(pca(3)))[0]


SYSTEM = answered(NEW, apply(manifest("llama")))[0]
SHARED = with_template(resourceSharing=[{"name": "nic", "scope": "AllReplicas"}])
DOMAIN: dict[str, object] = {**declared(), "metadata": {"name": "llama", "annotations": {"grove.io/mnnvl-group": "a"}}}
ORDERED = with_template(cliqueStartupType="CliqueStartupTypeInOrder")
REFUSED: dict[str, tuple[SystemState, dict[str, object], str, str]] = {
    "another kind": (RUNNING, manifest("llama"), "NameTaken", "runs under this name already"),
    "a set where a system is": (SYSTEM, declared(), "NameTaken", "give this PodCliqueSet another"),
    "other claims": (RUNNING, SHARED, "TemplateChangeNotSupported", "resourceSharing: field is immutable"),
    "another compute domain": (RUNNING, DOMAIN, "TemplateChangeNotSupported", "grove.io/mnnvl-group: field is immutable"),
    "fewer than its minimum": (FIRST, pca(2), "TemplateChangeNotSupported", "pca' is 3 since it was made, .* keep 3 or more"),
    "another minimum": (FIRST, pca(4, minAvailable=2), "TemplateChangeNotSupported", "field is immutable; put back 3"),
    "no set at all": (FIRST, {**declared(), "spec": {"template": {"cliques": "pca"}}}, "BadManifest", "cliques"),
    "another template": (RUNNING, ORDERED, "TemplateChangeNotSupported", "immutable"),
}


@pytest.mark.parametrize(("before", "given", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(before: SystemState, given: dict[str, object], reason: str, words: str) -> None:
    with pytest.raises(CannotChange, match=words) as caught:
        answered(before, apply(given))
    assert caught.value.reason == reason


def test_a_count_that_is_raised_leaves_the_minimum_that_was_left_out_and_lets_the_rest_through() -> None:
    after, answer = answered(FIRST, apply(pca(4, "server:2")))
    member = declared_system(after.manifest).spec.members[0]
    assert (member.replicas, member.minimum, after.revision == FIRST.revision) == (4, 3, False)
    assert "server:2" in str(after.manifest)
    assert counts(after, "0/pca") == [3]
    assert "0/pca=3 was set by scaling and stays" in answer.message
    again, answer = answered(after, Apply(request_id="again", who="alice", manifest=pca(4, "server:2")))
    assert (again.generation, answer.changed) == (after.generation, False)
    assert answered(again, apply(pca(3, "server:2")))[0].revision == after.revision


def test_it_is_no_rollout_by_itself_and_may_be_written_down_or_left_out() -> None:
    after, _ = answered(FIRST, apply(pca(4)))
    assert after.revision == FIRST.revision
    for said in (pca(4, minAvailable=3), pca(5), pca(4, autoScalingConfig={"minReplicas": 3, "maxReplicas": 5})):
        assert answered(after, apply(said))[0].revision == FIRST.revision


def test_grove_own_sample_is_edited(manifests: Path) -> None:
    (text,) = (path.read_text() for path in manifests.glob("samples/simple1.yaml"))
    ref, edited = Ref(namespace="default", name="simple1"), text.replace("replicas: 3", "replicas: 4", 1)
    first, _ = answered(SystemState(ref=ref), apply(yaml.safe_load(text)))
    after, _ = answered(first, apply(yaml.safe_load(edited.replace("nginx:latest", "nginx:1.27"))))
    system = declared_system(after.manifest)
    assert isinstance(system, CliqueSystem)
    assert [each.spec.minimum for each in system.source.spec.template.cliques] == [3, 2, 2, 2]
    assert counts(after, "0/pca", "0/sga/0/pcb") == [3, None]


def test_counts_that_outlived_a_workflow_are_taken_one_by_one() -> None:
    known = {"0/router": 3, "0/decode": 2, "7/router": 4, "0/decode/1/worker": 3, "gone": 1}
    after, _ = answered(NEW, Apply(request_id="a", who="alice", manifest=declared(), counts=known))
    assert after.scaled == {"0/router": 3, "0/decode/1/worker": 3}


def test_the_hash_of_a_set_is_the_same_in_every_version() -> None:
    """Grove's #709: its own changes with a library, and rolls every pod. This one may change only together with a migration."""
    assert RUNNING.revision == "l9tppgssqm"
