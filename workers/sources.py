"""Reads settings: a flag beats the environment, the environment beats the file, the file beats the default."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from specs.strict import did_you_mean
from workers.failure import Failure, bad_usage
from workers.settings import Settings, flag, variable

DEFAULT_FILE = Path("~/.config/espalier.toml")
FILE_VARIABLE = "ESPALIER_CONFIG"


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Settings from all three sources. Raises `Failure` (bad usage) that names the source of a bad value.

    Environment variables of no setting are left alone: a cluster with a Service called espalier sets some by itself.
    """
    path = _file(environment, file)
    written = read_file(path) if path else {}
    set_ = {name: environment[variable(name)] for name in Settings.model_fields if environment.get(variable(name))}
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings.model_validate({**written, **set_, **given})
    except ValidationError as error:
        raise _explained(error.errors()[0], given, set_, path) from None


def read_file(path: Path) -> dict[str, Any]:
    """The settings of one TOML file."""
    try:
        found = tomllib.loads(path.read_text())
    except OSError as error:
        raise bad_usage(
            f"settings file {path} can't be read: {error.strerror}", "Name another with --config, or leave it out."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad_usage(f"settings file {path} is not TOML: {error}", 'Write lines like: cluster = "east".') from None
    for name in found:
        if name not in Settings.model_fields:
            hint = did_you_mean(name, Settings.model_fields)
            raise bad_usage(f"settings file {path} sets {name!r}, which is no setting{hint}", "docs/settings.md lists them all.")
    return found


def _file(environment: Mapping[str, str], file: Path | None) -> Path | None:
    if file is not None:
        return file
    if named := environment.get(FILE_VARIABLE):
        return Path(named)
    home = environment.get("HOME")
    default = Path(str(DEFAULT_FILE).replace("~", home)) if home else None
    return default if default and default.exists() else None


def _explained(wrong: ErrorDetails, flags: Mapping[str, Any], set_: Mapping[str, str], path: Path | None) -> Failure:
    name = str(wrong["loc"][0])
    source = flag(name) if name in flags else variable(name) if name in set_ else f"{name!r} in {path}"
    words = wrong["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value error, ")
    about = Settings.model_fields[name].description or ""
    return bad_usage(f"{source} {words}", about)
