"""Tables, as `kubectl get` asks for them: the columns that a definition declares, else a name and a state."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from specs.owners import Manifest
from specs.sections import is_true, section
from workers.simulated.clock import moment
from workers.simulated.kinds import Resource

STEP = re.compile(r"\.(\w+)|\[(\d+)]|\[(\*)]|\[\?\(@\.(\w+)==\"([^\"]*)\"\)]")
"""The part of JSONPath that columns are written in: `.a.b`, `[0]`, `[*]`, `[?(@.type=="Ready")]`."""
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
DEFAULT = (
    {"name": "Status", "type": "string", "jsonPath": ""},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
)


def table(resource: Resource, items: Sequence[Manifest], metadata: Manifest, now: datetime) -> Manifest:
    """Rows to print."""
    columns = resource.columns or DEFAULT
    heads = [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}]
    for each in columns:
        priority = int(each.get("priority", 0))
        heads.append({"name": each["name"], "type": each["type"], "format": "", "description": "", "priority": priority})
    rows = [{"cells": [item["metadata"]["name"], *_cells(columns, item, now)], "object": _partial(item)} for item in items]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": heads, "rows": rows}


def found(item: object, path: str) -> list[Any]:
    """All values at a path."""
    values: list[Any] = [item]
    for field, index, every, key, wanted in STEP.findall(path):
        if field:
            values = [value[field] for value in values if isinstance(value, Mapping) and field in value]
        else:
            lists: list[list[Any]] = [value for value in values if isinstance(value, list)]
            values = [each for value in lists for each in _chosen(value, index, every, key, wanted)]
    return values


def age(since: datetime, now: datetime) -> str:
    """As kubectl writes it, in its largest unit."""
    seconds = max(0, int((now - since).total_seconds()))
    return next((f"{seconds // size}{unit}" for size, unit in UNITS if seconds >= size), "0s")


def _chosen(values: list[Any], index: str, every: str, key: str, wanted: str) -> list[Any]:
    if every:
        return values
    if index:
        return values[int(index) : int(index) + 1]
    return [each for each in values if isinstance(each, Mapping) and cast("Manifest", each).get(key) == wanted]


def _cells(columns: Sequence[Manifest], item: Manifest, now: datetime) -> Iterator[object]:
    for column in columns:
        values = found(item, column["jsonPath"]) if column["jsonPath"] else [_state(item)]
        if not values:
            yield "" if column["type"] == "string" else None
        elif column["type"] == "date":
            yield age(moment(str(values[0])), now)
        else:
            yield ",".join(map(str, values)) if column["type"] == "string" else values[0]


def _state(item: Manifest) -> str:
    if "deletionTimestamp" in item["metadata"]:
        return "Terminating"
    if item["kind"] == "Node":
        cordoned = ",SchedulingDisabled" if section(item, "spec").get("unschedulable") else ""
        return ("Ready" if is_true(item, "Ready") else "NotReady") + cordoned
    return str(section(item, "status").get("phase", ""))


def _partial(item: Manifest) -> Manifest:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}
