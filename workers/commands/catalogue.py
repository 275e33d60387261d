"""What is the same everywhere: `crds` and `version`."""

import platform
from importlib.metadata import PackageNotFoundError, version

import typer
import yaml

from specs.crds import crds as definitions
from workers.console import show, show_data
from workers.options import Output


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("crds")(crds)
    app.command("version")(show_version)


def crds(output: Output = "yaml") -> None:
    """Print the custom resource definitions, as `kubectl apply --server-side -f -` takes them."""
    if output == "json":
        show_data({"apiVersion": "v1", "kind": "List", "items": definitions()}, "json")
    else:
        show(yaml.safe_dump_all(definitions(), sort_keys=False).rstrip())


def show_version(output: Output = "table") -> None:
    """Print the version."""
    try:
        found = version("espalier")
    except PackageNotFoundError:
        found = "not installed"
    facts = {"espalier": found, "temporalio": version("temporalio"), "python": platform.python_version()}
    if output in {"json", "yaml"}:
        show_data(facts, output)
    else:
        show(" ".join(f"{name} {value}" for name, value in facts.items()))
