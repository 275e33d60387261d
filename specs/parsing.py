"""YAML and JSON as Kubernetes means them: plain data only, and nothing that says one thing and means another.

Refused, each with its line: keys given twice, keys that are not strings, tabs as indentation, aliases that unfold to a flood,
endless nesting, tags of other languages, numbers that JSON does not have. Dates and times of day stay the strings they look like.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MOST_LETTERS = 4_000_000
MOST_NODES = 200_000
"""Values in one document, with aliases unfolded."""
DEEPEST = 64

_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
_INT = "tag:yaml.org,2002:int"
_DROPPED = {_INT, "tag:yaml.org,2002:timestamp"}
_INTEGER = re.compile(r"^[-+]?(0b[01_]+|0[0-7_]+|(0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+)$")  # no 12:30 for 750, as YAML 1.1 has it

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Path = tuple[int | str, ...]


class NotData(ValueError):
    """The text is not plain data. `line` counts from 1; 0 when it is not known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class _Loader(Loader):  # type: ignore[misc]  # the C loader where there is one, the same in Python where not
    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own way to say it
        first: [(tag, pattern) for tag, pattern in known if tag not in _DROPPED]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(_INT, _INTEGER, list("-+0123456789"))


@dataclass(frozen=True, slots=True)
class Document:
    """One document, and where its parts were written."""

    data: Any
    node: Any = None

    def line(self, path: Path) -> int:
        """Line where a path is written, or the nearest part of it that is; 0 when it came as JSON."""
        if self.node is None:
            return 0
        node, mark = self.node, self.node.start_mark
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            node, mark = found
        return _line(mark)


def documents(text: str) -> list[Document]:
    """Every document of a text. Raises `NotData`. Cost: linear; about 1 s for 4 MB."""
    if len(text) > MOST_LETTERS:
        raise NotData(f"it has {len(text):,} letters, and {MOST_LETTERS:,} are read at most; split it")
    if text.lstrip()[:1] in {"{", "["} and (found := _json(text)) is not None:
        return [found]
    try:
        _check_shape(text)
        return list(_yaml(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotData(_problem(error), mark.line + 1 if mark is not None else 0) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, NotData):
            raise
        raise NotData(f"it is neither YAML nor JSON ({_first_line(error)}); save it as UTF-8 text") from None


def _json(text: str) -> Document | None:
    """The text as JSON; None when it is not, and may still be YAML."""
    try:
        return Document(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_float))
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise NotData("it is nested too deep; no manifest needs that") from None
    except ValueError as error:
        raise (
            error if isinstance(error, NotData) else NotData(f"it has a number that is too long ({_first_line(error)})")
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotData(f"key {key!r} is given twice; keep one")
        found[key] = value
    return found


def _no_constant(word: str) -> None:
    raise NotData(f"{word} is not a number in JSON; write a number, or a string in quotes")


def _float(text: str) -> float:
    if not _finite(text):
        _no_constant(text)
    return float(text)


def _check_shape(text: str) -> None:
    """Depth, before anything recurses over it: the composer would run out of stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise NotData(f"it is nested more than {DEEPEST} deep; no manifest needs that", _line(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _yaml(text: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            _size(node, {}, set())
            data = loader.construct_document(node)
            if data is not None:
                yield Document(data, node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """Values in a tree with its aliases unfolded; checks every node once."""
    key = node.start_mark.index * 2 + isinstance(node, yaml.CollectionNode)
    if key in above:
        raise NotData("an alias contains itself; write the value out", node.start_mark.line + 1)
    if key not in known:
        _check_node(node)
        inner = above | {key} if isinstance(node, yaml.CollectionNode) else above
        known[key] = 1 + sum(_size(child, known, inner) for child in _children(node))
        if known[key] > MOST_NODES:
            raise NotData(
                f"it unfolds to more than {MOST_NODES:,} values; split it, or use fewer aliases", node.start_mark.line + 1
            )
    return known[key]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _check_node(node: yaml.Node) -> None:
    line = node.start_mark.line + 1
    if node.tag not in _PLAIN:
        raise NotData(f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is not plain data; leave it out", line)
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":float") and not _finite(node.value):
        raise NotData(f"{node.value} is not a number in JSON; write a number, or a string in quotes", line)


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag.endswith(":merge"):
            continue
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
            shown = repr(key.value) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise NotData(f"the key {shown} is not a string; put it in quotes", line)
        if key.value in seen:
            raise NotData(f"key {key.value!r} is given twice; keep one", line)
        seen.add(key.value)


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace("_", "")))
    except ValueError:
        return False


def _step(node: Any, step: int | str) -> tuple[Any, Any] | None:
    """The value one step down, and where it, or its key, is written."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return next(((value, value.start_mark) for value in node.value[step : step + 1]), None)
    if isinstance(node, yaml.MappingNode):
        return next(((value, key.start_mark) for key, value in node.value if key.value == step), None)
    return None


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "it can't be read")
    if "\\t" in problem or "tab" in problem.lower() or "cannot start any token" in problem:
        return "a tab or another letter that YAML does not allow here starts a word; indent with spaces and quote what is special"
    return f"it is not YAML here ({problem}); check indentation, colons and quotes"


def _line(mark: Any) -> int:
    return int(mark.line) + 1


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:120] or type(error).__name__
