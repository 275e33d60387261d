"""What commands change of a PodCliqueSet, as tables."""

from typing import Any

import pytest

from activities.messages import Ref
from specs.declaring import declared_system
from tests.workers.grove_set import declared
from tests.workflows.declared import manifest
from workflows.intent import CannotChange, answered
from workflows.keeping import order_of
from workflows.requests import Apply, Scale, Steer
from workflows.state import SystemState

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


SYSTEM = answered(NEW, apply(manifest("llama")))[0]
SHARED = with_template(resourceSharing=[{"name": "nic", "scope": "AllReplicas"}])
DOMAIN: dict[str, object] = {**declared(), "metadata": {"name": "llama", "annotations": {"grove.io/mnnvl-group": "a"}}}
ORDERED = with_template(cliqueStartupType="CliqueStartupTypeInOrder")
REFUSED: dict[str, tuple[SystemState, dict[str, object], str, str]] = {
    "another kind": (RUNNING, manifest("llama"), "NameTaken", "runs under this name already"),
    "a set where a system is": (SYSTEM, declared(), "NameTaken", "give this PodCliqueSet another"),
    "other claims": (RUNNING, SHARED, "TemplateChangeNotSupported", "resourceSharing: field is immutable"),
    "another compute domain": (RUNNING, DOMAIN, "TemplateChangeNotSupported", "grove.io/mnnvl-group: field is immutable"),
    "another template": (RUNNING, ORDERED, "TemplateChangeNotSupported", "immutable"),
}


@pytest.mark.parametrize(("before", "given", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(before: SystemState, given: dict[str, object], reason: str, words: str) -> None:
    with pytest.raises(CannotChange, match=words) as caught:
        answered(before, apply(given))
    assert caught.value.reason == reason


def test_counts_that_outlived_a_workflow_are_taken_one_by_one() -> None:
    known = {"0/router": 3, "0/decode": 2, "7/router": 4, "0/decode/1/worker": 3, "gone": 1}
    after, _ = answered(NEW, Apply(request_id="a", who="alice", manifest=declared(), counts=known))
    assert after.scaled == {"0/router": 3, "0/decode/1/worker": 3}


def test_the_hash_of_a_set_is_the_same_in_every_version() -> None:
    """Grove's #709: its own changes with a library, and rolls every pod. This one may change only together with a migration."""
    assert RUNNING.revision == "l9tppgssqm"
