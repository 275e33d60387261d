"""What commands change: a state and a request in, the next state and the answer out. Pure."""

import json
from collections.abc import Mapping
from contextlib import suppress

from activities.messages import Ref
from specs.changes import coming_and_going
from specs.counts import count_of, instances, rescaled
from specs.declaring import NotASystem, declared_system
from specs.minimums import remembered
from specs.owners import CLIQUE_SET_KIND
from specs.paths import COPIES, part, paths, plain, walk
from specs.revisions import edition_hash, revision_hash
from specs.system import InferenceSystem, SystemSpec
from workflows.approving import ALL, approved
from workflows.overtaken import hides, unshown, whole
from workflows.relocating import moved, moves
from workflows.requests import Accepted, Apply, Delete, Scale, Steer
from workflows.revisions import manifest_of, revised
from workflows.state import SystemState
from workflows.steering import CannotChange as CannotChange
from workflows.steering import check_edit, steered

MOST_MANIFEST_BYTES = 400_000
"""An object of the API server holds 1.5 MB, a message of Temporal 2 MB, and the workflow's state holds more than the manifest."""

Command = Apply | Scale | Delete | Steer
Change = tuple[SystemState, str]
"""The next state, and a remark for whoever asked."""


def answered(state: SystemState, request: Command, now: str = "") -> tuple[SystemState, Accepted]:
    """The state after a request, and the answer; a request that was answered before is answered again. Raises `CannotChange`.

    `now`: RFC 3339, for the record.
    """
    key = f"{type(request).__name__}/{request.request_id}"
    known = state.answers.get(key)
    if known is not None:
        return state, known
    after, remark = _changed(state, request)
    if after.generation > state.generation and not moves(request):
        after = after.model_copy(update={"moves": {}})
    after = after.model_copy(update={"unshown": unshown(state, after, request)})
    after = revised(state, after, request.who or "somebody", now)
    answer = Accepted(generation=after.generation, changed=after.generation > state.generation, message=remark)
    return after.answered(key, answer), answer


def refusal(state: SystemState, request: Command) -> str:
    """Why it would be refused; empty when it would not."""
    try:
        answered(state, request)
    except CannotChange as error:
        return str(error)
    return ""


def declared(manifest: Mapping[str, object]) -> InferenceSystem:
    """The manifest as a system. Raises `CannotChange` with one sentence."""
    try:
        return declared_system(manifest)
    except NotASystem as error:
        raise CannotChange(str(error), "BadManifest") from None


def kept(state: SystemState) -> InferenceSystem | None:
    """What was accepted last; None when that was by a version of Espalier that allowed what this one does not."""
    try:
        return declared(state.manifest)
    except CannotChange:
        return None


def counts(spec: SystemSpec, scaled: Mapping[str, int]) -> dict[str, int]:
    """Every path's count: what the manifest says, unless it was scaled since."""
    return {path: count_of(spec, scaled, path) for path in paths(spec)} | dict(scaled)


def _changed(state: SystemState, request: Command) -> Change:
    if isinstance(request, Apply):
        return applied(state, request)
    if not state.declared:
        raise CannotChange(f"there is no system {state.ref.name!r}; apply it first", "NotFound")
    if isinstance(request, Steer):
        return _steered(state, request)
    return _scaled(state, request) if isinstance(request, Scale) else _deleted(state, request)


def applied(state: SystemState, request: Apply) -> Change:
    """The state after a manifest was declared, and a remark. Raises `CannotChange`."""
    _check_alive(state)
    known = kept(state)
    meant = whole(state, request)
    system = declared(remembered(meant, known))
    _check_name(system, state.ref)
    _check_kind(state, system)
    manifest = system.written()
    _check_size(manifest)
    before = known or system
    revision = revision_hash(system.spec)
    rolls = state.declared and revision != state.revision
    if rolls:
        _check_not_given_up(state, revision)
    if state.declared:
        check_edit(before, system)
    had = state.scaled if state.declared else _outlived(system.spec, request.counts)
    copies = had.get(COPIES, before.spec.replicas) if state.declared and request.over is not None else before.spec.replicas
    scaled, remark = _merged(before, system, had, copies)
    same = manifest == state.manifest and scaled.get(COPIES) == had.get(COPIES)
    if same and (not state.uid or request.uid in ("", state.uid)) and not hides(request, meant):
        return state.model_copy(update={"uid": request.uid or state.uid}), remark
    pods_change = not state.declared or counts(before.spec, state.scaled) != counts(system.spec, scaled)
    told = {
        "manifest": manifest,
        "revision": revision,
        "edition": edition_hash(system),
        "uid": request.uid or state.uid,
    }
    after = state.model_copy(update={**told, "scaled": scaled, **(_rolled(state) if rolls else {})})
    return after.next(f"applied by {request.who or 'somebody'}", "Rollout" if rolls else "Scale" if pods_change else None), remark


def _rolled(state: SystemState) -> dict[str, object]:
    """What a newer template makes of what is known of rollouts."""
    complete = state.manifest if state.whole == state.revision else state.complete
    forgotten: dict[str, object] = {"approved": 0, "failed": "", "given_up": "", "rolled_back": ""}
    return {"previous": state.manifest, "complete": complete, **forgotten}


def _check_not_given_up(state: SystemState, revision: str) -> None:
    if revision == state.given_up:
        remedy = "to try it again, change something in it: an annotation of a template will do"
        raise CannotChange(f"this template was {state.rolled_back}; {remedy}", "RolledBack")


def _outlived(spec: SystemSpec, known: Mapping[str, int]) -> dict[str, int]:
    """Counts of an earlier workflow that still make sense."""
    found: dict[str, int] = {}
    for path, count in sorted(known.items()):
        with suppress(CannotChange, LookupError):
            if count != count_of(spec, {}, path):
                found = _rescaled(spec, found, {path: count})
    return found


def _scaled(state: SystemState, request: Scale) -> Change:
    _check_alive(state)
    spec = declared(state.manifest).spec
    scaled = _rescaled(spec, state.scaled, request.counts)
    if counts(spec, scaled) == counts(spec, state.scaled):
        return state.model_copy(update={"scaled": scaled}), ""
    words = ", ".join(f"{path}={count}" for path, count in sorted(request.counts.items()))
    return state.model_copy(update={"scaled": scaled}).next(f"{words} by {request.who or 'somebody'}", "Scale"), ""


def _steered(state: SystemState, request: Steer) -> Change:
    _check_alive(state)
    if request.action == "recover":
        return _pardoned(state, request)
    if request.action == "move":
        return moved(state, request)
    rules = declared(state.manifest).spec.rollout
    if request.action == "resume" and state.failed:
        after = state.model_copy(update={"failed": ""})
        return after.next(f"told to go on by {request.who or 'somebody'}", "Rollout"), ""
    if request.action == "approve" or (request.action == "resume" and request.step and not rules.paused):
        return approved(state, rules, request), ""
    back = manifest_of(state, request.to) if request.action == "undo" and request.to else state.previous
    manifest = steered(state.manifest, back, request.action)
    after, remark = applied(state, Apply(request_id=request.request_id, who=request.who, manifest=manifest))
    return after.model_copy(update={"approved": ALL}) if request.action == "undo" else after, remark


def _pardoned(state: SystemState, request: Steer) -> Change:
    after = state.model_copy(update={"pardon": state.pardon + 1})
    return after.next(f"told to try again by {request.who or 'somebody'}", None), ""


def _deleted(state: SystemState, request: Delete) -> Change:
    if state.deleting:
        return state, "it is being deleted already"
    return state.model_copy(update={"deleting": True}).next(f"deleted by {request.who or 'somebody'}", "Teardown"), ""


def _merged(old: InferenceSystem, new: InferenceSystem, scaled: Mapping[str, int], copies: int) -> tuple[dict[str, int], str]:
    """Runtime counts under an edited manifest: an edited `spec.replicas` counts anew, all else that was scaled stays.

    `copies` is what it said before: of the custom resource that shows what they were scaled to, of a file what was declared last.
    Of a PodCliqueSet what runs stays as it is, scaled or not: a template's counts are for cliques and groups to come.
    """
    before, after = old.spec, new.spec
    copies_edited = copies != after.replicas
    running = _running(before, after, scaled) if str(new.kind) == CLIQUE_SET_KIND else {}
    same = _alike(before, after) | (set[str]() if copies_edited else {COPIES})
    kept = {path: count for path, count in {**running, **scaled}.items() if plain(path) in same}
    merged = _rescaled(after, kept, {})
    edited = [path for path in merged if path != COPIES and part(before, path).replicas != part(after, path).replicas]
    stays = ", ".join(f"{path}={merged[path]}" for path in edited)
    remark = f"{stays} was set by scaling and stays; to change it: espalier scale {plain(edited[0])}=N" if edited else ""
    return merged, "; ".join(filter(None, (*coming_and_going(before, after), remark)))


def _alike(before: SystemSpec, after: SystemSpec) -> set[str]:
    """Parts that both have: a group that has taken a role's name is another part."""
    kinds = {path: type(member) for path, member in walk(before.members)}
    return {path for path, member in walk(after.members) if kinds.get(path) is type(member)}


def _running(before: SystemSpec, after: SystemSpec, scaled: Mapping[str, int]) -> dict[str, int]:
    """The count of every instance whose template's count was edited."""
    edited = {path for path, member in walk(before.members) if part(after, path).replicas != member.replicas}
    return {exact: count for exact, _, count in instances(before, scaled) if plain(exact) in edited} if edited else {}


def _rescaled(spec: SystemSpec, scaled: Mapping[str, int], changes: Mapping[str, int]) -> dict[str, int]:
    try:
        return dict(rescaled(spec, scaled, changes))
    except (LookupError, ValueError) as error:
        raise CannotChange(str(error.args[0]), "BadCount") from None


def _check_alive(state: SystemState) -> None:
    if state.deleting:
        raise CannotChange(f"{state.ref.name!r} is being deleted; apply it again once it is gone", "BeingDeleted")


def _check_name(system: InferenceSystem, ref: Ref) -> None:
    name, namespace = system.metadata.name, system.metadata.namespace
    if (namespace, name) != (ref.namespace, ref.name):
        wrong = f"this is {ref.namespace}/{ref.name}, and the manifest is of {namespace}/{name}"
        raise CannotChange(f"{wrong}; send it to the workflow of its own name", "WrongName")


def _check_kind(state: SystemState, system: InferenceSystem) -> None:
    if state.declared and state.kind != system.kind:
        taken = f"the {state.kind} {state.ref.name!r} runs under this name already"
        raise CannotChange(f"{taken}; delete it first, or give this {system.kind} another name", "NameTaken")


def _check_size(manifest: Mapping[str, object]) -> None:
    size = len(json.dumps(manifest))
    if size > MOST_MANIFEST_BYTES:
        remedy = "move what is large into ConfigMaps, or declare several systems"
        raise CannotChange(f"the manifest has {size:,} bytes, and may have {MOST_MANIFEST_BYTES:,}; {remedy}", "TooLarge")
