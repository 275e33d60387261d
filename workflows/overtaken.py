"""Edits of the custom resource that were made before it showed what another door had changed. Pure.

An edit arrives as the whole object. What that does not say because nobody has written it there yet is no part of the edit: it is
told by what was accepted since the generation that the object said, and stays.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from specs.declaring import NotASystem, declared_system
from specs.merging import merge_patch, merged, patched
from specs.paths import COPIES
from workflows.requests import Apply
from workflows.state import SystemState, Unshown

KEPT, MOST_BYTES = 20, 65_536
"""Changes that are told apart, and what they may take together of a state that is carried from run to run. The oldest are put
together; a change that is too large by itself is not kept: an edit that overtakes it takes it back."""


def whole(state: SystemState, request: Apply) -> Mapping[str, Any]:
    """The manifest that a request declares: an edit with what it has not seen, a client's with the copies that it leaves open."""
    manifest: Mapping[str, Any] = request.manifest
    if not state.declared:
        return manifest
    if request.over is not None:
        return _caught_up(state, manifest, request.over)
    now: Any = state.manifest["spec"]
    spec: Any = manifest.get("spec")
    leaves_open = not request.uid and isinstance(spec, Mapping) and "replicas" not in spec and "replicas" in now
    return {**manifest, "spec": {**spec, "replicas": now["replicas"]}} if leaves_open else manifest


def hides(request: Apply, manifest: Mapping[str, Any]) -> bool:
    """Whether an edit's object does not say all that became of it."""
    return request.over is not None and manifest is not request.manifest and _normal(manifest) != _normal(request.manifest)


def unshown(before: SystemState, after: SystemState, request: object) -> tuple[Unshown, ...]:
    """What the custom resource may not show, after a request."""
    if isinstance(request, Apply) and request.over is not None:
        return _back(after, _normal(request.manifest))
    if not before.declared or before.generation == after.generation:
        return before.unshown
    return _bounded((*before.unshown, *_back(after, _said(before))))


def _caught_up(state: SystemState, manifest: Mapping[str, Any], over: int) -> Mapping[str, Any]:
    late = [each.back for each in state.unshown if each.generation > over]
    theirs = _normal(manifest) if late else None
    if theirs is None:
        return manifest
    base = ours = _said(state)
    for back in reversed(late):
        base = patched(base, back)
    return merged(base, ours, theirs)


def _back(state: SystemState, shown: Mapping[str, Any] | None) -> tuple[Unshown, ...]:
    back = merge_patch(_said(state), shown) if shown else {}
    return (Unshown(generation=state.generation, back=back),) if back else ()


def _said(state: SystemState) -> Mapping[str, Any]:
    """What the custom resource says of this intent."""
    spec: Any = state.manifest["spec"]
    return {**state.manifest, "spec": {**spec, "replicas": state.scaled.get(COPIES, spec.get("replicas", 1))}}


def _normal(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """In the form that all manifests are kept in; None where it can't be read, as whoever reads it next will say."""
    try:
        return declared_system(manifest).written()
    except NotASystem:
        return None


def _bounded(changes: Sequence[Unshown]) -> tuple[Unshown, ...]:
    """The oldest are no longer told apart, until all of them fit."""
    kept = list(changes)
    while len(kept) > KEPT or (len(kept) > 1 and _bytes(kept) > MOST_BYTES):
        first, second, *rest = kept
        kept = [Unshown(generation=second.generation, back=_both(second.back, first.back)), *rest]
    return tuple(kept) if _bytes(kept) <= MOST_BYTES else ()


def _bytes(changes: Sequence[Unshown]) -> int:
    return sum(len(json.dumps(each.back)) for each in changes)


def _both(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Two merge patches in one."""
    nested = {key: _both(earlier[key], value) for key, value in later.items() if _map(value) and _map(earlier.get(key))}
    return {**earlier, **later, **nested}


def _map(value: object) -> bool:
    return isinstance(value, Mapping)
