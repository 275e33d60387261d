"""The revisions of a system: numbered, each with who made it and what it changed, to be gone back to. Pure."""

import json
from collections.abc import Mapping

from specs.changes import changes
from specs.declaring import NotASystem, declared_system
from workflows.requests import Revised
from workflows.state import SystemState
from workflows.steering import CannotChange

KEPT = 10
MOST_BYTES = 400_000
"""Of the manifests of all of them: a workflow's state is one message of Temporal, which ends at 2 MB."""
FIRST = "as first declared"


def revised(before: SystemState, after: SystemState, who: str, now: str) -> SystemState:
    """The state after a command, with one more revision if that made one; one that was there before gets a new number."""
    if after.revision == before.revision or not after.declared:
        return after
    known = history(before)
    number = known[-1].number + 1 if known else 1
    old = [each for each in known if each.revision != after.revision]
    made = Revised(number=number, revision=after.revision, when=now, who=who, change=_told(before, after))
    return after.model_copy(update={"history": _bounded((*old, made)[-KEPT:])})


def history(state: SystemState) -> tuple[Revised, ...]:
    """Oldest first; the last is the one that is wanted, with its manifest as last accepted."""
    if not state.declared:
        return ()
    known = state.history or (Revised(number=1, revision=state.revision, change=FIRST),)
    return (*known[:-1], known[-1].model_copy(update={"manifest": state.manifest}))


def number_of(state: SystemState) -> int:
    """Of the revision that is wanted; 0 before the first."""
    return state.history[-1].number if state.history else int(state.declared)


def manifest_of(state: SystemState, number: int) -> Mapping[str, object]:
    """What was declared at a revision. Raises `CannotChange`."""
    name, known = state.ref.name, {each.number: each for each in history(state)}
    if number not in known:
        listed = ", ".join(map(str, known))
        raise CannotChange(f"{name!r} has no revision {number}, only {listed}; see: espalier rollout history {name}", "NotFound")
    if number == number_of(state):
        raise CannotChange(f"{name!r} is at revision {number} already; see: espalier rollout status {name}", "NothingToUndo")
    if not known[number].manifest:
        found = f"kubectl get controllerrevision {name}-{known[number].revision} -o yaml"
        raise CannotChange(
            f"the manifest of revision {number} is too large to be kept here; apply what says: {found}", "TooLarge"
        )
    return known[number].manifest


def _told(before: SystemState, after: SystemState) -> str:
    if not before.declared:
        return FIRST
    try:
        was, now = (declared_system(state.manifest).spec for state in (before, after))
    except NotASystem:
        return "what was before can't be read by this version"
    return "; ".join(changes(was, now))


def _bounded(known: tuple[Revised, ...]) -> tuple[Revised, ...]:
    """Without the manifest of the last, which the state has, and of the oldest as far as they are too much."""
    left, kept = MOST_BYTES, list[Revised]()
    for each in reversed(known):
        left -= len(json.dumps(each.manifest))
        bare = each is known[-1] or left < 0
        kept.append(each.model_copy(update={"manifest": {}}) if bare else each)
    return tuple(reversed(kept))
