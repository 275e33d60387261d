"""`espalier`: the command line. `main` never shows a traceback, and ends with 0, 1 (refused) or 2 (bad usage)."""

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from workers.commands import (
    catalogue,
    change,
    defragment,
    evacuate,
    installing,
    picture,
    processes,
    read,
    recover,
    rehearse,
    rollout,
    schedule,
    sim,
    up,
)
from workers.console import show_failure
from workers.refusals import explained

INTERRUPTED = 130
DEBUG = "ESPALIER_TRACEBACK"


def application() -> typer.Typer:
    """The whole command line, in the order of its help."""
    app = typer.Typer(
        name="espalier",
        help="Run AI inference systems on GPU clusters.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_whole)
    for room in (
        up,
        change,
        rollout,
        recover,
        evacuate,
        defragment,
        schedule,
        read,
        picture,
        rehearse,
        processes,
        installing,
        sim,
        catalogue,
    ):
        room.register(app)
    return app


def _tell_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"espalier {version('espalier')}")
        raise typer.Exit


def _whole(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """What holds for all commands."""


def run(arguments: Sequence[str]) -> int:
    """Carry out one command; the answer is the exit code."""
    logging.basicConfig(handlers=[logging.NullHandler()])  # what libraries log is for those who stay; see logs.start
    try:
        return int(application()(list(arguments) or ["--help"], prog_name="espalier", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said in one sentence
        failure = explained(error)
        show_failure(failure)
        if os.environ.get(DEBUG):
            traceback.print_exc()
        return failure.code


def main() -> None:
    """Entry point. Leaves without the interpreter's own exit, which crashes now and then under Temporal's runtime."""
    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
