"""What commands change, as tables."""

import json
from typing import Any, cast

import pytest
from pydantic import ValidationError

from activities.messages import Ref
from specs.system import MOST_REPLICAS
from tests.workflows.declared import TEMPLATE, manifest
from workflows.intent import MOST_MANIFEST_BYTES, CannotChange, Command, answered
from workflows.keeping import order_of
from workflows.requests import Action, Apply, Delete, Scale, Steer
from workflows.state import ANSWERS_KEPT, LONGEST_CAUSE, SystemState

NEW = SystemState(ref=Ref(namespace="default", name="llama"))


def apply(copies: int = 2, servers: int = 2, **spec: object) -> Apply:
    given = manifest("llama", copies, 1, servers, **spec)
    return Apply(request_id=f"apply {copies} {servers} {spec}", who="alice", manifest=given)


def scale(**counts: int) -> Scale:
    return Scale(request_id=f"scale{counts}", who="bob", counts=counts)


DELETE = Delete(request_id="delete", who="eve")
RUNNING = answered(NEW, apply())[0]
SCALED = answered(RUNNING, scale(server=4, copies=3))[0]
DELETING = answered(RUNNING, DELETE)[0]


def steer(action: Action, step: int = 0, revision: str = "") -> Steer:
    return Steer(request_id=f"{action}{step}{revision}", who="carol", action=action, step=step, revision=revision)


def templated(**template: object) -> Apply:
    """The same system with another template for its servers."""
    given: dict[str, Any] = json.loads(json.dumps(manifest("llama", 2, 1, 2)))
    given["spec"]["members"][1]["template"]["spec"].update(template)
    return Apply(request_id=f"{template}", who="alice", manifest=given)


NEWER = templated(containers=[{"name": "main", "image": "busybox:2"}])
LARGER = templated(containers=[{"name": "main", "image": "busybox", "resources": {"requests": {"cpu": "64"}}}])
ELSEWHERE = templated(nodeSelector={"pool": "b"})
UPDATED = answered(RUNNING.model_copy(update={"settled": 1, "change": None}), NEWER)[0].model_copy(update={"change": None})


def members(*changed: dict[str, Any], start: str = "inOrder") -> Apply:
    """The same system with other members."""
    given: dict[str, Any] = json.loads(json.dumps(manifest("llama", 2, 1, 2)))
    given["spec"] |= {"members": list(changed), "start": start}
    return Apply(request_id=f"{changed}{start}", who="alice", manifest=given)


def role(name: str, replicas: int = 1, **more: Any) -> dict[str, Any]:
    return {"role": name, "replicas": replicas, "template": TEMPLATE, **more}


ROUTER, SERVER = role("router", minAvailable=1), role("server", 2, minAvailable=1)
GROUPED = {"group": "server", "replicas": 1, "members": [role("leader")]}

INITIAL = {"copies": 2, "router": 1, "server": 2}
ALICE, CAROL = "applied by alice", "applied by carol"

#                             before   request                     counts that follow              cause             operation
EDITS = {
    "the first manifest":     (NEW,     apply(),                    INITIAL,                        ALICE,            "Scale"),
    "copies by scaling":      (RUNNING, scale(copies=5),            INITIAL | {"copies": 5},        "copies=5 by bob", "Scale"),
    "several at once":        (RUNNING, scale(server=3, copies=4),  INITIAL | {"copies": 4, "server": 3},
                               "copies=4, server=3 by bob", "Scale"),
    "edited, never scaled":   (RUNNING, apply(servers=3),           INITIAL | {"server": 3},        ALICE,            "Scale"),
    "scaled, then edited":    (SCALED,  apply(servers=3),           INITIAL | {"copies": 3, "server": 4}, ALICE,      "Scale"),
    "edited copies win":      (SCALED,  apply(copies=1),            INITIAL | {"copies": 1, "server": 4}, ALICE,      "Scale"),
    "other edits keep copies": (SCALED, apply(priority=9),          INITIAL | {"copies": 3, "server": 4}, ALICE,      "Scale"),
    "another image":          (RUNNING, NEWER,                      INITIAL,                        ALICE,            "Rollout"),
    "a role is added":        (RUNNING, members(ROUTER, SERVER, role("cache")), INITIAL | {"cache": 1}, ALICE,        "Rollout"),
    "a role is removed":      (SCALED,  members(ROUTER),            {"copies": 3, "router": 1},     ALICE,            "Rollout"),
    "a group takes its name": (SCALED,  members(ROUTER, GROUPED),   {"copies": 3, "router": 1, "server": 1, "server/leader": 1},
                               ALICE, "Rollout"),
    "a minimum":              (RUNNING, members(ROUTER, {**SERVER, "minAvailable": 2}), INITIAL,    ALICE,            "Rollout"),
    "another order":          (RUNNING, members(SERVER, ROUTER),    INITIAL,                        ALICE,            "Rollout"),
    "more room":              (RUNNING, LARGER,                     INITIAL,                        ALICE,            "Rollout"),
    "other nodes":            (RUNNING, ELSEWHERE,                  INITIAL,                        ALICE,            "Rollout"),
    "other places":           (RUNNING, apply(place={"within": "rack"}), INITIAL,                   ALICE,            "Rollout"),
    "a rollout is paused":    (UPDATED, steer("pause"),             INITIAL,                        CAROL,            None),
    "and undone":             (UPDATED, steer("undo"),              INITIAL,                        CAROL,            "Rollout"),
    "a delete":               (RUNNING, DELETE,                     INITIAL,                        "deleted by eve", "Teardown"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "request_", "counts", "cause", "change"), EDITS.values(), ids=EDITS)
def test_accepted(before: SystemState, request_: Command, counts: dict[str, int], cause: str, change: str | None) -> None:
    after, answer = answered(before, request_)
    assert (answer.generation, answer.changed) == (before.generation + 1, True)
    assert order_of(after, "w").counts == counts
    assert after.causes[-1] == cause
    assert after.change == change


UNCHANGED = {
    "the same manifest": (RUNNING, apply(), ""),
    "the same, in another form": (RUNNING, Apply(request_id="x", manifest={**manifest(), "kind": "InferenceSystem"}), ""),
    "the same counts": (RUNNING, scale(server=2), ""),
    "deleted twice": (DELETING, Delete(request_id="again"), "it is being deleted already"),
}


@pytest.mark.parametrize(("before", "request_", "message"), UNCHANGED.values(), ids=UNCHANGED)
def test_nothing_changes(before: SystemState, request_: Apply | Scale | Delete, message: str) -> None:
    after, answer = answered(before, request_)
    assert (answer.generation, answer.message) == (before.generation, message)
    assert answer.changed is (f"{type(request_).__name__}/{request_.request_id}" in before.answers)
    assert after.generation == before.generation


def test_parts_that_come_and_go_are_told_of() -> None:
    assert answered(RUNNING, members(ROUTER, role("cache"), role("probe")))[1].message == "adds cache, probe; removes server"
    assert answered(RUNNING, members(ROUTER, GROUPED))[1].message == "adds server, server/leader; removes server"


def test_a_count_that_stays_is_told_of() -> None:
    assert (
        answered(SCALED, apply(servers=3))[1].message
        == "server=4 was set by scaling and stays; to change it: espalier scale server=N"
    )


LARGE = {"metadata": {"annotations": {"a": "x" * MOST_MANIFEST_BYTES}}, **TEMPLATE}
OTHER_NAME = Apply(request_id="n", manifest=manifest("other"))
BAD = Apply(request_id="b", manifest={**manifest(), "spec": {"members": [{"role": "r", "template": TEMPLATE, "replica": 1}]}})
BIG = Apply(request_id="l", manifest={**manifest(), "spec": {"members": [{"role": "r", "template": LARGE}]}})

UNKNOWN_FIELD = "spec.members[0].replica: 'replica' is not a field here; did you mean 'replicas'?"
NO_CHANGES_YET = "declare a system of another name"
TOO_MANY = MOST_REPLICAS + 1
ONCE_GONE = "apply it again once it is gone"

#                           before    request                  reason                        words
REFUSED = {
    "a bad manifest":       (NEW,      BAD,                     "BadManifest",                UNKNOWN_FIELD),
    "another's manifest":   (NEW,      OTHER_NAME,              "WrongName",                  "the workflow of its own name"),
    "too large a manifest": (NEW,      BIG,                     "TooLarge",                   "into ConfigMaps"),
    "scale before apply":   (NEW,      scale(server=1),         "NotFound",                   "apply it first"),
    "delete before apply":  (NEW,      DELETE,                  "NotFound",                   "apply it first"),
    "another template":     (RUNNING,  apply(services="none"),  "TemplateChangeNotSupported", NO_CHANGES_YET),
    "nothing to undo":      (RUNNING,  steer("undo"),           "NothingToUndo",              "no earlier template"),
    "a path to nowhere":    (RUNNING,  scale(serve=2),          "BadCount",                   "did you mean 'server'?"),
    "below the minimum":    (RUNNING,  scale(server=0),         "BadCount",                   "lower minAvailable in the"),
    "too many":             (RUNNING,  scale(server=TOO_MANY),  "BadCount",                   "give a number from 0"),
    "apply while deleting": (DELETING, apply(servers=3),        "BeingDeleted",               ONCE_GONE),
    "scale while deleting": (DELETING, scale(server=3),         "BeingDeleted",               ONCE_GONE),
}  # fmt: skip


@pytest.mark.parametrize(("before", "request_", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(before: SystemState, request_: Command, reason: str, words: str) -> None:
    with pytest.raises(CannotChange) as refusal:
        answered(before, request_)
    assert refusal.value.reason == reason
    assert words in str(refusal.value)


def test_a_repeated_request_is_answered_again_whatever_happened_since() -> None:
    request = scale(server=4)
    first, answer = answered(RUNNING, request)
    later = answered(first, DELETE)[0]
    assert answered(later, request) == (later, answer)


def test_one_id_for_two_kinds_of_request_is_two_requests() -> None:
    after, _ = answered(NEW, apply().model_copy(update={"request_id": "same"}))
    assert answered(after, Scale(request_id="same", counts={"server": 5}))[0].scaled == {"server": 5}


def test_a_long_cause_is_kept_short() -> None:
    after, _ = answered(RUNNING, Scale(request_id="long", who="w" * 200, counts={f"{copy}/server": 3 for copy in range(2)}))
    assert len(after.next("c" * 10_000, None).causes[-1]) == LONGEST_CAUSE


@pytest.mark.parametrize("words", [{"request_id": ""}, {"request_id": "x" * 501}, {"request_id": "x", "who": "y" * 201}])
def test_ids_and_names_have_limits(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Delete.model_validate(words)


def test_only_so_many_answers_are_kept() -> None:
    state = RUNNING
    for index in range(ANSWERS_KEPT + 10):
        state, _ = answered(state, Scale(request_id=str(index), counts={"server": 2 + index % 2}))
    assert len(state.answers) == ANSWERS_KEPT
    assert "Scale/9" not in state.answers
    assert f"Scale/{ANSWERS_KEPT + 9}" in state.answers


def test_a_state_survives_its_journey() -> None:
    assert SystemState.model_validate_json(SCALED.model_dump_json()) == SCALED


def test_what_an_earlier_version_allowed_and_this_one_does_not_wedges_nothing() -> None:
    spec = RUNNING.manifest["spec"]
    assert isinstance(spec, dict)
    older = SCALED.model_copy(update={"manifest": {**RUNNING.manifest, "spec": {**spec, "wasAllowedOnce": 1}}})
    assert order_of(older, "w").counts == SCALED.scaled
    assert answered(older, DELETE)[0].deleting
    with pytest.raises(CannotChange, match="wasAllowedOnce"):
        answered(older, scale(copies=7))
    with pytest.raises(CannotChange, match="wasAllowedOnce"):
        answered(older, Apply(request_id="again", manifest=older.manifest))
    assert answered(older, apply(copies=4))[0].generation == older.generation + 1


def spec_of(state: SystemState) -> dict[str, Any]:
    return cast("dict[str, Any]", state.manifest["spec"])


def test_undo_goes_back_to_the_template_before_and_keeps_all_else() -> None:
    scaled = answered(UPDATED, scale(copies=5))[0]
    paused = answered(scaled, steer("pause"))[0]
    assert spec_of(paused)["rollout"] == {"paused": True}
    undone = answered(paused, steer("undo"))[0]
    assert (undone.revision, undone.scaled["copies"]) == (RUNNING.revision, 5)
    assert "rollout" not in spec_of(undone)
    assert answered(undone, Steer(request_id="again", action="undo"))[0].revision == UPDATED.revision


def test_how_templates_are_rolled_out_is_no_part_of_them() -> None:
    after = answered(RUNNING, apply(rollout={"maxUnavailable": "25%"}))[0]
    assert (after.revision, after.change) == (RUNNING.revision, RUNNING.change)
