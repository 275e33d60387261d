"""Parts of a manifest that may be missing, or null."""

from collections.abc import Mapping, Sequence
from typing import Any

from specs.owners import Manifest


def section(item: Mapping[str, Any], *path: str) -> Manifest:
    """The mapping at a path; an empty one where there is none."""
    found: Any = item
    for step in path:
        found = found.get(step) or {}
    mapping: Manifest = found
    return mapping


def entries(item: Mapping[str, Any], *path: str) -> Sequence[Manifest]:
    """The list of mappings at a path; an empty one where there is none."""
    found: Sequence[Manifest] | None = section(item, *path[:-1]).get(path[-1])
    return found or ()


def condition(item: Mapping[str, Any], kind: str) -> Manifest:
    """One condition of a status; empty where it has none of that type."""
    for each in entries(item, "status", "conditions"):
        if each["type"] == kind:
            return each
    return {}


def is_true(item: Mapping[str, Any], kind: str) -> bool:
    """Whether a condition is True."""
    return bool(condition(item, kind).get("status") == "True")


def label(item: Mapping[str, Any], key: str) -> str:
    """A label's value; "" where it has none."""
    return str(section(item, "metadata", "labels").get(key, ""))


def annotation(item: Mapping[str, Any], key: str) -> str:
    """An annotation's value; "" where it has none."""
    return str(section(item, "metadata", "annotations").get(key, ""))


def is_leaving(item: Mapping[str, Any]) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in item["metadata"]
