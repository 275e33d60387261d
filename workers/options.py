"""What commands take: options that many share, and every setting as a flag."""

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from workers.settings import Section, Settings, flag, names
from workers.sources import load

Format = Literal["table", "wide", "json", "yaml"]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print: a table, a wide one, or data.")]
SystemName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the system.", show_default=False)]
Manifests = Annotated[
    list[str], typer.Option("--file", "-f", metavar="FILE", help="Manifest, YAML or JSON; - for standard input; repeat for more.")
]

SETTINGS = "Settings (also by environment and file: docs/settings.md)"
SHORT = {"namespace": "-n"}
Command = Callable[..., Coroutine[Any, Any, None]]


def takes(*sections: Section) -> Callable[[Command], Callable[..., None]]:
    """Give an async command its `settings`, each setting of these sections being an option of the command."""
    chosen = names(*sections)

    def decorated(command: Command) -> Callable[..., None]:
        @wraps(command)
        def run(**arguments: Any) -> None:
            file = arguments.pop("config")
            flags = {name: arguments.pop(name) for name in chosen}
            asyncio.run(command(settings=load(flags, os.environ, file), **arguments))

        own = [parameter for parameter in inspect.signature(command).parameters.values() if parameter.name != "settings"]
        options = [_config(), *(_option(name) for name in chosen)]
        setattr(run, "__signature__", inspect.Signature([*own, *options]))  # noqa: B010 - no type checker knows the attribute
        return run

    return decorated


def _config() -> inspect.Parameter:
    kind = Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, TOML; else ~/.config/espalier.toml.", rich_help_panel=SETTINGS
        ),
    ]
    return inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _option(name: str) -> inspect.Parameter:
    info = Settings.model_fields[name]
    switch = info.annotation is bool
    words = [f"{flag(name)}/--no-{name.replace('_', '-')}"] if switch else [flag(name), *([SHORT[name]] if name in SHORT else [])]
    default = "" if info.default is None or switch else f" (default: {info.default})"
    option = typer.Option(
        *words, help=f"{info.description}{default}", metavar="" if switch else "VALUE", rich_help_panel=SETTINGS
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[bool | None if switch else str | None, option]
    )
