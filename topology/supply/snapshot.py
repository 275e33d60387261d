"""Snapshot: a cluster's nodes and pods in a file, as kubectl prints them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from specs.fabric import Fabric as FabricObject
from specs.reading import SpecError, read
from specs.sections import section
from topology.supply.fabric import Fabric, declared, merged
from topology.supply.fleet import Fleet
from topology.supply.learned import declared_mix

Object = Mapping[str, Any]
REMEDY = "make one with: kubectl get nodes,pods -A -o json"


class SnapshotError(ValueError):
    """A snapshot that can't be read. The message is one sentence that ends with a remedy."""


def read_fleet(snapshot: Mapping[str, Any], fabric: FabricObject | None = None) -> Fleet:
    """The fleet of a v1 List of nodes and pods; objects of other kinds are passed over.

    Levels come from `fabric`, else from a Fabric or a ClusterTopologyBinding in the list, else from well-known labels.
    Raises `SnapshotError`. Cost: about 20 us an object.
    """
    items = items_of(snapshot)
    told = fabric or _told(items)
    fleet = Fleet(levels_of(told) if told else _bound_levels(items))
    fleet.set_usual(declared_mix(told.spec.usual_pods) if told else None)
    seen: set[str] = set()
    for index, item in enumerate(items):
        try:
            _put(fleet, item, seen)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            why = str(error) if isinstance(error, ValueError) else "it does not look like what Kubernetes writes"
            raise SnapshotError(f"items[{index}] ({_named(item)}): {why}; {REMEDY}") from None
    if not seen:
        raise SnapshotError(f"the snapshot has no nodes; {REMEDY}")
    return fleet


def levels_of(fabric: FabricObject) -> Fabric:
    """The fabric that a Fabric object declares."""
    return declared((level.name, level.label) for level in fabric.spec.levels)


def _put(fleet: Fleet, item: Object, seen: set[str]) -> None:
    kind = item.get("kind")
    if kind == "Node":
        name = str(section(item, "metadata").get("name"))
        if name in seen:
            raise ValueError(f"node {name!r} is listed twice")
        fleet.put_node(item)
        seen.add(name)
    elif kind == "Pod":
        fleet.put_pod(item)


def items_of(snapshot: Mapping[str, Any]) -> Sequence[Object]:
    """The objects of a v1 List, each with its kind. Raises `SnapshotError` for what is none."""
    items: object = snapshot.get("items") if isinstance(cast("object", snapshot), Mapping) else None
    if not isinstance(items, list):
        raise SnapshotError(f"the snapshot is not a list of nodes and pods; {REMEDY}")
    kind = str(snapshot.get("kind") or "").removesuffix("List")
    for index, item in enumerate(cast("list[object]", items)):
        if not isinstance(item, Mapping):
            raise SnapshotError(f"items[{index}] is not an object; {REMEDY}")
    return [item if item.get("kind") else {"kind": kind, **item} for item in cast("list[Object]", items)]


def _told(items: Iterable[Object]) -> FabricObject | None:
    """What the list itself declares: the Fabric called default, or the first by name."""
    found = [item for item in items if item.get("kind") == "Fabric"]
    return _fabric(min(found, key=lambda item: (_name(item) != "default", _name(item)))) if found else None


def _bound_levels(items: Iterable[Object]) -> Fabric | None:
    """The levels of all bindings of the list together."""
    bound = [_bound(item) for item in sorted(items, key=_name) if item.get("kind") == "ClusterTopologyBinding"]
    return merged(bound) if bound else None


def _fabric(item: Object) -> FabricObject:
    try:
        (found,) = read(json.dumps(item), "the snapshot")
    except SpecError as error:
        raise SnapshotError(str(error)) from None
    assert isinstance(found, FabricObject)
    return found


def _bound(item: Object) -> list[tuple[str, str]]:
    """The levels of one of Grove's ClusterTopologyBindings."""
    try:
        return [(str(level["domain"]), str(level["key"])) for level in item["spec"]["levels"]]
    except (KeyError, TypeError):
        raise SnapshotError(f"{_named(item)}: spec.levels must list a domain and a key for each level; correct it") from None


def _name(item: Object) -> str:
    metadata: object = item.get("metadata")
    return str(cast("Object", metadata).get("name", "")) if isinstance(metadata, Mapping) else ""


def _named(item: Object) -> str:
    return f"{item.get('kind') or 'object'} {_name(item)!r}"
