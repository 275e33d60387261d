"""The history of a system, as a table of edits; what is kept of it, and going back."""

from typing import Any

import pytest

from tests.workflows.test_intent import NEW, NEWER, ROUTER, SERVER, apply, members, role, scale, steer
from workflows.intent import CannotChange, Command, answered
from workflows.requests import Apply, Steer
from workflows.revisions import KEPT, MOST_BYTES, history, manifest_of, number_of
from workflows.state import SystemState

AT = "2026-11-29T08:00:00+00:00"


def state_after(*requests: Command, at: SystemState = NEW) -> SystemState:
    for request in requests:
        at = answered(at, request, AT)[0]
    return at


UP, DOWN = "server: image of main busybox -> busybox:2", "server: image of main busybox:2 -> busybox"
BACK = Steer(request_id="back", who="carol", action="undo", to=1)
CACHE = members(ROUTER, SERVER, role("cache"))
#                         requests                                      number and change of each revision
EXAMPLES = {
    "the first":          ([apply()],                                   [(1, "as first declared")]),
    "no edit of pods":    ([apply(), scale(server=3), apply(priority=9)], [(1, "as first declared")]),
    "an image":           ([apply(), NEWER],                            [(1, "as first declared"),
                                                                         (2, UP)]),
    "a role":             ([apply(), CACHE],                            [(1, "as first declared"), (2, "adds cache")]),
    "the same again":     ([apply(), NEWER, NEWER],                     [(1, "as first declared"),
                                                                         (2, UP)]),
    "undone":             ([apply(), NEWER, steer("undo")],             [(2, UP),
                                                                         (3, DOWN)]),
    "back to the first":  ([apply(), NEWER, CACHE, BACK],               [(2, UP),
                                                                         (3, f"adds cache; {DOWN}"),
                                                                         (4, "removes cache")]),
}  # fmt: skip


@pytest.mark.parametrize(("requests", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_history(requests: list[Command], want: list[tuple[int, str]]) -> None:
    found = history(state_after(*requests))
    assert [(each.number, each.change) for each in found] == want
    assert {each.when for each in found} == {AT}


def test_who_made_a_revision_is_told() -> None:
    assert [each.who for each in history(state_after(apply(), NEWER, BACK))] == ["alice", "carol"]


def test_going_back_brings_the_template_and_leaves_the_counts() -> None:
    state = state_after(apply(), NEWER, CACHE, scale(server=4), BACK)
    assert (state.revision, state.scaled) == (state_after(apply()).revision, {"server": 4})
    assert number_of(state) == 4


NOWHERE = [(7, "NotFound", "only 1, 2"), (2, "NothingToUndo", "is at revision 2 already")]


@pytest.mark.parametrize(("to", "reason", "words"), NOWHERE)
def test_a_number_that_leads_nowhere_is_refused(to: int, reason: str, words: str) -> None:
    with pytest.raises(CannotChange, match=words) as caught:
        answered(state_after(apply(), NEWER), BACK.model_copy(update={"to": to}))
    assert caught.value.reason == reason


def edited(number: int, blank: int = 0) -> Apply:
    more: dict[str, Any] = {"metadata": {"annotations": {"number": str(number), "blank": "x" * blank}}}
    server = {**SERVER, "template": {**SERVER["template"], **more}}
    request = members(ROUTER, SERVER)
    spec: Any = request.manifest["spec"]
    spec["members"][1] = server
    return request.model_copy(update={"request_id": f"{number}"})


def test_so_many_are_kept() -> None:
    found = history(state_after(apply(), *(edited(number) for number in range(20))))
    assert [each.number for each in found] == list(range(22 - KEPT, 22))
    assert all(each.manifest for each in found)


def test_large_manifests_are_told_of_but_not_kept() -> None:
    state = state_after(apply(), *(edited(number, MOST_BYTES // 3) for number in range(6)))
    assert [bool(each.manifest) for each in history(state)] == [False, False, False, False, True, True, True]
    with pytest.raises(CannotChange, match="kubectl get controllerrevision llama-"):
        manifest_of(state, 2)


def test_a_system_of_before_has_a_history_from_its_next_edit_on() -> None:
    older = state_after(apply()).model_copy(update={"history": ()})
    assert (number_of(older), [each.number for each in history(older)]) == (1, [1])
    assert [each.number for each in history(state_after(NEWER, at=older))] == [1, 2]
    assert manifest_of(state_after(NEWER, at=older), 1) == older.manifest
