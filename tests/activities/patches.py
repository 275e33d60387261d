"""The two patch formats, as an API server reads them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from activities.kube import Manifest, Overtaken


def merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
    """RFC 7386: null removes, objects merge, all else replaces."""
    result = copy.deepcopy(dict(old))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def json_patched(old: Manifest, patch: Sequence[Mapping[str, Any]]) -> Manifest:
    """RFC 6902: test, add, remove and replace; a failed `test` is `Overtaken`."""
    result = copy.deepcopy(old)
    for operation in patch:
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
        _operate(_walk(result, way), last, operation)
    return result


def _walk(target: Any, way: Sequence[str]) -> Any:
    for part in way:
        target = target[int(part)] if isinstance(target, list) else target[part]
    return target


def _operate(target: Any, last: str, operation: Mapping[str, Any]) -> None:
    key: Any = last
    if isinstance(target, list) and last != "-":
        key = int(last)
    match operation["op"]:
        case "test":
            if target[key] != operation["value"]:
                raise Overtaken(f"the test of {operation['path']} failed", status=422, reason="Invalid")
        case "remove":
            del target[key]
        case _ if isinstance(target, list) and operation["op"] == "add":
            target.insert(len(target) if last == "-" else key, copy.deepcopy(operation["value"]))
        case _:
            target[key] = copy.deepcopy(operation["value"])
