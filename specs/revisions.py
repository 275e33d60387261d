"""Revisions: what makes two declarations the same.

A revision is the identity of the template: who the members are, their pods, their order, their places, their pairing. Replica counts are
not in it, at any level, because they are only where counts begin and change at run time; `minAvailable` is, when written, because it
says what a gang is. `priority` is not: it changes who goes first, and no pod. Hashes are over canonical JSON of the user's own
fields, never over the library's structures or defaults, so that upgrading Espalier rolls nothing.
"""

import json
from collections.abc import Mapping
from typing import Any

from specs.members import Role
from specs.names import short_hash
from specs.system import SystemSpec

_LENGTH = 10


def revision_hash(spec: SystemSpec) -> str:
    """Ten letters that stand for the template of the whole system."""
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"replicas", "priority"})
    return short_hash(_canonical(_without_counts(written)), length=_LENGTH)


def template_hash(role: Role) -> str:
    """Ten letters that stand for one role's pods: only roles whose hash changed are rolled."""
    return short_hash(_canonical(role.template), length=_LENGTH)


def _without_counts(written: Mapping[str, Any]) -> dict[str, Any]:
    """The same without any member's `replicas`. Templates are the user's, and are not looked into."""
    kept = {key: value for key, value in written.items() if key != "replicas"}
    if "members" in kept:
        kept["members"] = [_without_counts(member) for member in kept["members"]]
    return kept


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
