"""Server-side apply: each manager owns the fields it says, and what it no longer says is taken away.

Who writes in another way owns what it has changed. Simpler than the real one: lists are owned as a whole.
Source: KEP-555, server-side apply.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, cast

from specs.owners import Manifest
from workers.simulated.errors import Denied

Path = tuple[str, ...]
Owner = tuple[str, str]
"""Manager and operation: Apply or Update."""
Owners = dict[Owner, frozenset[Path]]
OUTSIDE = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid")}
OUTSIDE_METADATA = {"managedFields", "resourceVersion", "generation", "creationTimestamp"}


def applied(old: Manifest | None, intent: Manifest, manager: str, *, force: bool) -> Manifest:
    """The object with this manager's intent in it. Raises `Denied` 409, naming the other owner, where it may not take a field."""
    base: Manifest = copy.deepcopy(old) if old else {"metadata": {}}
    owners, me = owned(base), (manager, "Apply")
    wanted = dict(leaves(intent))
    for path, value in wanted.items():
        others = [owner for owner, paths in owners.items() if owner != me and path in paths]
        if others and value_at(base, path) != value:
            if not force:
                field = "." + ".".join(path)
                raise Denied(409, f'Apply failed with 1 conflict: conflict with "{others[0][0]}": {field}')
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


def updated(old: Manifest | None, new: Manifest, manager: str) -> Manifest:
    """The new object, in which its writer owns what it has changed, and nobody what is gone."""
    before, after = dict(leaves(old or {})), dict(leaves(new))
    mine = {path for path, value in after.items() if path not in before or before[path] != value}
    owners: Owners = {owner: frozenset(paths & after.keys()) - mine for owner, paths in owned(old or new).items()}
    me = (manager, "Update")
    return _owning({**new, "metadata": dict(new["metadata"])}, owners | {me: owners.get(me, frozenset()) | mine})


def leaves(item: Mapping[str, Any], way: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field that a manifest says, lists as a whole, without those that nobody owns."""
    for key, value in item.items():
        path = (*way, key)
        if path in OUTSIDE or (way == ("metadata",) and key in OUTSIDE_METADATA):
            continue
        if isinstance(value, dict) and value:
            yield from leaves(cast(Manifest, value), path)
        else:
            yield path, value


def owned(item: Manifest) -> Owners:
    """Who owns what."""
    entries = item.get("metadata", {}).get("managedFields") or ()
    return {(entry["manager"], entry["operation"]): frozenset(_paths(entry["fieldsV1"])) for entry in entries}


def value_at(item: Mapping[str, Any], path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    found: Any = item
    for step in path:
        found = cast(Manifest, found).get(step) if isinstance(found, dict) else None
    return found


def _paths(fields: Mapping[str, Any], way: Path = ()) -> Iterator[Path]:
    for key, below in fields.items():
        path = (*way, key.removeprefix("f:"))
        if below:
            yield from _paths(below, path)
        else:
            yield path


def _owning(item: Manifest, owners: Owners) -> Manifest:
    entries: list[Manifest] = []
    for (manager, operation), paths in sorted(owners.items()):
        fields: Manifest = {}
        for path in sorted(paths):
            below = fields
            for step in path:
                below = below.setdefault(f"f:{step}", {})
        if fields:
            entries.append({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
    item["metadata"]["managedFields"] = entries
    return item


def _set(item: Manifest, path: Path, value: Any) -> None:
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
