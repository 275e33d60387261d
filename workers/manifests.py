"""Reads what `-f` names: manifests and snapshots, from files or standard input."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from specs.reading import Declared, SpecError, read
from specs.system import InferenceSystem
from workers.failure import Failure, bad_usage

STANDARD_INPUT = "-"


def read_all(files: Sequence[str]) -> list[Declared]:
    """Everything that the files declare, in order. Raises `Failure` for the first thing that is wrong."""
    return [declared for file in files for declared in read_one(file)]


def read_one(file: str) -> list[Declared]:
    """Everything that one file declares; something at least."""
    try:
        found = list(read(text_of(file), file))
    except SpecError as error:
        raise Failure(str(error)) from None
    if not found:
        raise Failure(f"{file} declares nothing", "See examples/ for manifests that work.")
    return found


def systems_only(declared: Sequence[Declared]) -> list[InferenceSystem]:
    """The systems, where nothing else can be taken."""
    for each in declared:
        if not isinstance(each, InferenceSystem):
            remedy = "It belongs to the cluster; give it to: kubectl apply --server-side -f FILE"
            raise Failure(f"{each.kind} {each.metadata.name!r} is no system", remedy)
    return [each for each in declared if isinstance(each, InferenceSystem)]


def read_snapshot(file: str) -> dict[str, Any]:
    """A v1 List of nodes and pods."""
    try:
        found: Any = json.loads(text_of(file))
    except RecursionError:
        raise Failure(f"{file} nests its lists and mappings too deep", MAKE_ONE) from None
    except ValueError as error:
        raise Failure(f"{file} is not JSON: {str(error).partition(';')[0]}", MAKE_ONE) from None
    if not isinstance(found, dict) or not isinstance(cast(dict[str, Any], found).get("items"), list):
        raise Failure(f"{file} is not a list of nodes and pods", MAKE_ONE)
    return cast(dict[str, Any], found)


MAKE_ONE = "Make one with: kubectl get nodes,pods -A -o json > snapshot.json"


def text_of(file: str) -> str:
    """What a file says; `-` is standard input."""
    try:
        return sys.stdin.read() if file == STANDARD_INPUT else Path(file).read_text()
    except OSError as error:
        raise bad_usage(f"{file} can't be read: {error.strerror}", "Check the name of the file.") from None
    except UnicodeDecodeError:
        raise Failure(f"{file} is not text", "Manifests are YAML or JSON in UTF-8.") from None
