"""Merging of JSON documents: the patch that makes one another, and what two changes of one document make of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from specs.owners import Manifest

KEYS = ("role", "group", "name", "path")
"""What tells the entries of a list apart, the first that all of them have."""
GONE: Any = object()


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> Manifest:
    """The merge patch that makes one mapping the other. Source: RFC 7386."""
    made: Manifest = dict.fromkeys(key for key in old if key not in new)
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(old.get(key), Mapping):
            made[key] = merge_patch(old[key], cast("Mapping[str, Any]", value))
        elif old.get(key) != value:
            made[key] = value
    return made


def patched(old: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
    """What a merge patch makes of a mapping: null removes, mappings merge, all else replaces. Shares what it does not change."""
    result = dict(old)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            inside = cast("Manifest", below) if isinstance(below, Mapping) else {}
            result[key] = patched(inside, cast("Mapping[str, Any]", value))
        else:
            result[key] = value
    return result


def merged(base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Manifest:
    """`ours`, with all that `theirs` has changed of `base`: where both changed one field, theirs holds.

    Lists whose entries have a name of their own are merged entry by entry; any other list is one field.
    """
    made: Manifest = {}
    for key in dict.fromkeys((*ours, *theirs)):
        value = _merged(base.get(key, GONE), ours.get(key, GONE), theirs.get(key, GONE))
        if value is not GONE:
            made[key] = value
    return made


def _merged(base: Any, ours: Any, theirs: Any) -> Any:
    if theirs in (base, ours):
        return ours
    if ours == base:
        return theirs
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return merged(_mapping(base), cast("Manifest", ours), cast("Manifest", theirs))
    before, mine, other = _named([] if base is GONE else base), _named(ours), _named(theirs)
    if before is None or mine is None or other is None:
        return theirs
    return list(merged(before, mine, other).values())


def _mapping(value: Any) -> Manifest:
    return cast("Manifest", value) if isinstance(value, Mapping) else {}


def _named(value: Any) -> Manifest | None:
    """The entries of a list by the key that tells them apart; None where nothing does."""
    if not isinstance(value, list | tuple):
        return None
    entries = cast("Sequence[Any]", value)
    if not all(isinstance(each, Mapping) for each in entries):
        return None
    found = {_name(each): each for each in cast("Sequence[Manifest]", entries)}
    return found if len(found) == len(entries) and "" not in found else None


def _name(entry: Manifest) -> str:
    return next((f"{key}={entry[key]}" for key in KEYS if isinstance(entry.get(key), str)), "")
