"""Server-side apply: each manager owns the fields it says, and what it no longer says is taken away.

Who writes in another way owns what it has changed. Simpler than the real one: lists are owned as a whole, and nobody is timed.
Source: KEP-555, server-side apply.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from specs.owners import Manifest
from workers.simulated.errors import Denied

Path = tuple[str, ...]


class Owner(NamedTuple):
    """Who writes, and how: Apply or Update, and through which subresource."""

    manager: str
    operation: str
    subresource: str = ""


Owners = dict[Owner, frozenset[Path]]
BEFORE = "before-first-apply"
OUTSIDE = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid")}
OUTSIDE_METADATA = {"managedFields", "resourceVersion", "generation", "creationTimestamp"}


def applied(old: Manifest | None, intent: Manifest, manager: str, subresource: str = "", *, force: bool) -> Manifest:
    """The object with this manager's intent in it. Raises `Denied` 409, naming the other owner, where it may not take a field."""
    base: Manifest = copy.deepcopy(old) if old else {"metadata": {}}
    owners, me = owned(base) or owned(updated(None, base, BEFORE)), Owner(manager, "Apply", subresource)
    wanted = dict(leaves(intent))
    for path, value in wanted.items():
        others = [owner for owner, paths in owners.items() if owner != me and path in paths]
        if others and not _says(base, path, value):
            if not force:
                field = "." + ".".join(path)
                raise Denied(409, f'Apply failed with 1 conflict: conflict with "{others[0].manager}": {field}')
            for owner in others:
                owners[owner] = owners[owner] - {path}
    for path in owners.get(me, frozenset()) - set(wanted):
        if all(path not in paths for owner, paths in owners.items() if owner != me):
            _remove(base, path)
    for path, value in wanted.items():
        _set(base, path, value)
    base |= {key: intent[key] for key in ("apiVersion", "kind") if key in intent}
    base["metadata"] |= {key: value for key, value in intent["metadata"].items() if (("metadata", key)) in OUTSIDE}
    return _owning(base, owners | {me: frozenset(wanted)})


def updated(old: Manifest | None, new: Manifest, manager: str, subresource: str = "") -> Manifest:
    """The new object, in which its writer owns what it has changed, and nobody what is gone.

    Where nobody owned anything, nobody begins to: that takes an apply, before which all was somebody's called `BEFORE`.
    """
    if old is not None and not owned(old):
        return new
    before, after = dict(_nodes(old or {})), dict(_nodes(new))
    mine = {path for path, value in after.items() if path not in before or before[path] != value}
    owners: Owners = {owner: frozenset(paths & after.keys()) - mine for owner, paths in owned(old or new).items()}
    me = Owner(manager, "Update", subresource)
    return _owning(new, owners | {me: owners.get(me, frozenset()) | mine})


def scaled(old: Manifest, new: Manifest, path: Path, manager: str) -> Manifest:
    """The new object, whose replicas, at this path, were written through its scale.

    Strange, and as seen on Kubernetes 1.37: nobody comes to own what nobody owned, nor a zero; and writing what was there already
    splits an updater's entry in two, of which its next reader takes the second only.
    """
    owners = owned(old)
    holders = [owner for owner, paths in owners.items() if path in paths]
    others: Owners = {owner: paths - {path} for owner, paths in owners.items()}
    if value_at(old, path) == value_at(new, path):
        split: Owners = {owner: frozenset({path}) for owner in holders if owner.operation == "Update"}
        return _owning(new, {owner: (others if owner in split else owners)[owner] for owner in owners}, split)
    me = Owner(manager, "Update", "scale")
    return _owning(new, others | ({me: frozenset({path})} if holders and value_at(new, path) else {}))


def leaves(item: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every field that a manifest says, lists as a whole, without those that nobody owns."""
    return ((path, value) for path, value in _nodes(item) if value != {} or not value_at(item, path))


def owned(item: Manifest) -> Owners:
    """Who owns what."""
    entries = item.get("metadata", {}).get("managedFields") or ()
    return {
        Owner(entry["manager"], entry["operation"], entry.get("subresource", "")): frozenset(_paths(entry["fieldsV1"]))
        for entry in entries
    }


def value_at(item: Mapping[str, Any], path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    found: Any = item
    for step in path:
        found = cast(Manifest, found).get(step) if isinstance(found, dict) else None
    return found


def _nodes(item: Mapping[str, Any], way: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field, and every mapping around it as an empty one."""
    for key, value in item.items():
        path = (*way, key)
        if path in OUTSIDE or (way == ("metadata",) and key in OUTSIDE_METADATA):
            continue
        if isinstance(value, dict):
            if path != ("metadata",):
                yield path, {}
            yield from _nodes(cast(Manifest, value), path)
        else:
            yield path, value


def _says(item: Mapping[str, Any], path: Path, value: Any) -> bool:
    """Whether a field is so already; any mapping will do for an empty one."""
    found = value_at(item, path)
    return found == value or (value == {} and isinstance(found, dict))


def _paths(fields: Mapping[str, Any], way: Path = ()) -> Iterator[Path]:
    for key, below in fields.items():
        path = way if key == "." else (*way, key.removeprefix("f:"))
        if below:
            yield from _paths(below, path)
        else:
            yield path


def _owning(item: Manifest, owners: Owners, split: Owners | None = None) -> Manifest:
    entries = [_entry(owner, paths) for part in (split or {}, owners) for owner, paths in sorted(part.items()) if paths]
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": {**metadata, **({"managedFields": entries} if entries else {})}}


def _entry(owner: Owner, paths: frozenset[Path]) -> Manifest:
    fields: Manifest = {}
    for path in paths:
        below = fields
        for step in path:
            below = below.setdefault(f"f:{step}", {})
    for path in paths:
        at = value_at(fields, tuple(f"f:{step}" for step in path))
        if at:
            at["."] = {}
    through = {"subresource": owner.subresource} if owner.subresource else {}
    return {"manager": owner.manager, "operation": owner.operation, **through, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _set(item: Manifest, path: Path, value: Any) -> None:
    if _says(item, path, value):
        return
    for step in path[:-1]:
        below = item.get(step)
        if not isinstance(below, dict):
            below = item[step] = {}
        item = cast(Manifest, below)
    item[path[-1]] = copy.deepcopy(value)


def _remove(item: Manifest, path: Path) -> None:
    for step in path[:-1]:
        below = item.get(step)
        if not isinstance(below, dict):
            return
        item = cast(Manifest, below)
    item.pop(path[-1], None)
