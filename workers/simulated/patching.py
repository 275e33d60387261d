"""The two patch formats, as an API server reads them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

from specs.merging import patched
from specs.owners import Manifest
from workers.simulated.errors import Denied

MISFIT = "the server rejected our request due to an error in our request"


def merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
    """A merge patch, RFC 7386; shares nothing with what it is given."""
    return patched(copy.deepcopy(dict(old)), copy.deepcopy(dict(patch)))


def json_patched(old: Manifest, patch: Sequence[Mapping[str, Any]]) -> Manifest:
    """RFC 6902: test, add, remove and replace. Raises `Denied` 422 when a `test` fails or a path leads nowhere."""
    result = copy.deepcopy(old)
    for operation in patch:
        try:
            *way, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
            _operate(_walk(result, way), last, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Denied(422, f"{MISFIT}: {operation.get('op')} {operation.get('path')}: {error}") from None
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
                raise Denied(422, f"{MISFIT}: the test of {operation['path']} failed")
        case "remove":
            del target[key]
        case "replace":
            _ = target[key]
            target[key] = copy.deepcopy(operation["value"])
        case "add":
            target[key] = copy.deepcopy(operation["value"])
        case other:
            raise Denied(422, f"{MISFIT}: there is no operation {other!r} here")
