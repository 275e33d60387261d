"""The two patch formats, as an API server reads them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

from activities.kube import Manifest, Overtaken


def merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
    """RFC 7386: null removes, objects merge, all else replaces."""
    result = copy.deepcopy(dict(old))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            inside = cast(dict[str, Any], below) if isinstance(below, dict) else {}
            result[key] = merged(inside, cast(Mapping[str, Any], value))
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
        key: Any = int(part) if isinstance(target, list) else part
        target = cast(Any, target)[key]
    return target


def _operate(target: Any, last: str, operation: Mapping[str, Any]) -> None:
    if hasattr(target, "insert"):
        _operate_on_list(target, last, operation)
    else:
        _operate_on_item(target, last, operation)


def _operate_on_list(target: list[Any], last: str, operation: Mapping[str, Any]) -> None:
    index = len(target) if last == "-" else int(last)
    if operation["op"] == "add":
        target.insert(index, copy.deepcopy(operation["value"]))
    else:
        _operate_on_item(target, index, operation)


def _operate_on_item(target: Any, key: str | int, operation: Mapping[str, Any]) -> None:
    match operation["op"]:
        case "test":
            if target[key] != operation["value"]:
                raise Overtaken(f"the test of {operation['path']} failed", status=422, reason="Invalid")
        case "remove":
            del target[key]
        case _:
            target[key] = copy.deepcopy(operation["value"])
