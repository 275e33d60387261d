"""Label and field selectors."""

import re
from collections.abc import Callable
from typing import Any, cast

from specs.owners import Manifest
from specs.sections import section
from workers.simulated.errors import Denied

SET = re.compile(r"^(?P<key>\S+)\s+(?P<word>in|notin)\s+\((?P<values>[^)]*)\)$")
BETWEEN = re.compile(r",(?![^(]*\))")
Match = Callable[[Manifest], bool]


def by_labels(text: str) -> Match:
    """`a=b,c!=d,e,!f,g in (h,i)`. Raises `Denied` 400."""
    tests = [_term(term.strip()) for term in BETWEEN.split(text) if term.strip()]
    return lambda item: all(test(section(item, "metadata", "labels")) for test in tests)


def by_fields(text: str) -> Match:
    """`metadata.name=a,spec.nodeName!=b`."""
    tests: list[tuple[list[str], bool, str]] = []
    for term in filter(None, text.split(",")):
        key, equal, value = _compared(term)
        tests.append((key.split("."), equal, value))
    return lambda item: all((_value(item, path) == value) is equal for path, equal, value in tests)


def _value(item: Manifest, path: list[str]) -> str:
    found: Any = item
    for step in path:
        found = cast("Manifest", found).get(step) if isinstance(found, dict) else None
    return "" if found is None else str(found)


def _compared(term: str) -> tuple[str, bool, str]:
    for sign, equal in (("!=", False), ("==", True), ("=", True)):
        key, found, value = term.partition(sign)
        if found:
            return key.strip(), equal, value.strip()
    raise Denied(400, f"unable to parse requirement: {term!r}")


def _term(term: str) -> Callable[[Manifest], bool]:
    if among := SET.match(term):
        key, values = among["key"], {each.strip() for each in among["values"].split(",")}
        return (
            (lambda labels: labels.get(key) in values)
            if among["word"] == "in"
            else (lambda labels: labels.get(key) not in values)
        )
    if "=" in term:
        key, equal, value = _compared(term)
        return lambda labels: (labels.get(key) == value) is equal
    if term.startswith("!"):
        return lambda labels: term[1:].strip() not in labels
    return lambda labels: term in labels
