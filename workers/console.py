"""The two consoles: answers go to stdout, everything else to stderr. Colours only on a terminal that wants them."""

import json
import sys
from typing import Any

import yaml
from rich.console import Console, RenderableType
from rich.text import Text

from workers.failure import Failure

UNBROKEN = 10_000
"""Columns of what is no terminal: lines for grep are never broken."""


def out() -> Console:
    """Where answers go."""
    return _console(stderr=False)


def err() -> Console:
    """Where refusals and progress go."""
    return _console(stderr=True)


def show(what: RenderableType) -> None:
    """Print an answer for a person."""
    out().print(what)


def say(sentence: str) -> None:
    """Print one sentence on the way, for a person."""
    err().print(sentence)


def show_data(data: Any, form: str) -> None:
    """Print an answer for a machine, as `json` or `yaml`."""
    text = json.dumps(data, indent=2) if form == "json" else yaml.safe_dump(data, sort_keys=False).rstrip()
    sys.stdout.write(text + "\n")


def show_failure(failure: Failure) -> None:
    """One sentence and its remedy, on stderr."""
    err().print(Text.assemble(("error: ", "bold red"), str(failure)))


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNBROKEN
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)
