"""Revisions: what makes two declarations the same.

A revision is the identity of the template: who the members are, their pods, their order, their places, their pairing, and what a
gang is. Replica counts are not in it, at any level, because they are only where counts begin and change at run time;
`minAvailable` is, and where it is left out, what it then means. `priority`, `scaling`, `rollout`, `recovery`, `warmUp` and
`drain` are not: they change no pod.
Hashes are over canonical JSON of the user's own fields, never over the library's structures: upgrading Espalier rolls nothing.

An edition tells apart what of one revision may change while pods run: priority, scaling, autoscalers, delays.
"""

import json
from collections.abc import Mapping
from typing import Any

from specs.members import Group, Member, Role
from specs.names import short_hash
from specs.system import InferenceSystem, SystemSpec

_LENGTH = 10
NO_TEMPLATE = ("replicas", "priority", "scaling", "rollout", "recovery", "warm_up", "warmUp", "drain")
"""Parts of a spec that are no part of the template."""


def revision_hash(spec: SystemSpec) -> str:
    """Ten letters that stand for the template of the whole system."""
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=set(NO_TEMPLATE))
    return short_hash(canonical(_without_counts(written, spec.members)), length=_LENGTH)


def edition_hash(system: InferenceSystem) -> str:
    """Ten letters that stand for all that is declared but the copies: of one revision there may be several editions."""
    spec = {key: value for key, value in system.written()["spec"].items() if key != "replicas"}
    return short_hash(canonical(spec), *((canonical(system.said),) if system.said else ()), length=_LENGTH)


def template_hash(role: Role) -> str:
    """Ten letters that stand for one role's pods: only roles whose hash changed are rolled."""
    return short_hash(canonical(role.template), length=_LENGTH)


def _without_counts(written: Mapping[str, Any], members: tuple[Member, ...]) -> dict[str, Any]:
    """The same with every member's minimum in place of its count. Templates are the user's, and are not looked into."""
    kept = {key: value for key, value in written.items() if key != "replicas"}
    kept["members"] = [_member(each, member) for each, member in zip(kept["members"], members, strict=True)]
    return kept


def _member(written: Mapping[str, Any], member: Member) -> dict[str, Any]:
    said = {**written, "minAvailable": member.minimum}
    if isinstance(member, Group):
        return _without_counts(said, member.members)
    return {key: value for key, value in said.items() if key != "replicas"}


def canonical(value: object) -> str:
    """JSON with one spelling: keys in order, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
