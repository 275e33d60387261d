"""What makes one declaration another, in a few words. Values are told of images and minimums only: all else may be a secret."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from specs.members import Member, Role
from specs.paths import walk
from specs.sections import entries, section
from specs.system import SystemSpec

MOST = 12
"""More is counted, not told."""
WHOLE = ("start", "place", "place_all", "together", "talks", "apart", "services", "evictable")
PART = ("min_available", "after", "start", "place")


def changes(before: SystemSpec, after: SystemSpec) -> tuple[str, ...]:
    """`adds cache`, `decode/worker: image of main server:1 -> server:2`, `decode: minAvailable 1 -> 2`, in the order declared.

    Counts of replicas, priority, scaling and rollout are not looked at: they are no part of a revision.
    """
    found = list(_changes(before, after))
    return (*found[:MOST], f"and {len(found) - MOST} more") if len(found) > MOST else tuple(found)


def coming_and_going(before: SystemSpec, after: SystemSpec) -> tuple[str, ...]:
    """`adds cache, probe`, `removes router`."""
    was, now = ({path: type(member) for path, member in walk(spec.members)} for spec in (before, after))
    comes, goes = ([path for path in one if one[path] is not other.get(path)] for one, other in ((now, was), (was, now)))
    return tuple(f"{verb} {', '.join(paths)}" for verb, paths in (("adds", comes), ("removes", goes)) if paths)


def _changes(before: SystemSpec, after: SystemSpec) -> Iterator[str]:
    yield from coming_and_going(before, after)
    yield from (_words(name) for name in WHOLE if getattr(before, name) != getattr(after, name))
    was = dict(walk(before.members))
    for path, member in walk(after.members):
        if type(was.get(path)) is type(member):
            yield from (f"{path}: {each}" for each in _of_part(was[path], member))
    now = [path for path, _ in walk(after.members)]
    if list(was) != now and set(was) == set(now):
        yield "the order of the members"


def _of_part(before: Member, after: Member) -> Iterator[str]:
    if before.minimum != after.minimum:
        yield f"minAvailable {before.minimum} -> {after.minimum}"
    for name in PART[1:]:
        if getattr(before, name, None) != getattr(after, name, None):
            yield _words(name)
    if isinstance(before, Role) and isinstance(after, Role):
        yield from _of_template(before.template, after.template)


def _of_template(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("labels", "annotations"):
        if section(before, "metadata", kind) != section(after, "metadata", kind):
            yield kind
    was, now = section(before, "spec"), section(after, "spec")
    lists = ("initContainers", "containers")
    for kind in lists:
        yield from _of_containers(entries(was, kind), entries(now, kind))
    yield from (key for key in sorted({*was, *now}) if key not in lists and was.get(key) != now.get(key))


def _of_containers(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    was, now = ({str(each.get("name")): each for each in listed} for listed in (before, after))
    yield from (f"container {name} comes" for name in now if name not in was)
    yield from (f"container {name} goes" for name in was if name not in now)
    for name in (name for name in now if name in was):
        old, new = was[name], now[name]
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield f"{key} of {name} {old.get(key)} -> {new.get(key)}" if key == "image" else f"{key} of {name}"


def _words(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
