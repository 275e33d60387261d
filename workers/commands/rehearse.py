"""Commands that need no server: `plan`."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from specs.reading import Declared
from workers.console import show, show_data
from workers.failure import bad_usage
from workers.manifests import MAKE_ONE, read_all, read_snapshot
from workers.options import Manifests, Output
from workers.views import plan_view

Nodes = Annotated[
    str,
    typer.Option("--nodes", metavar="SNAPSHOT", help="What `kubectl get nodes,pods -A -o json` printed; - for standard input."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("plan")(plan)


def plan(file: Manifests, nodes: Nodes, output: Output = "table") -> None:
    """Say where systems would go on a cluster's nodes, and what would make them fit. No cluster, no server is asked."""
    declared, snapshot = read_all(file), read_snapshot(nodes)
    started = time.perf_counter()
    answer = solved(declared, snapshot, nodes)
    answer["solveSeconds"] = round(time.perf_counter() - started, 6)
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        show(plan_view(answer, wide=output == "wide"))


def solved(declared: Sequence[Declared], snapshot: dict[str, Any], source: str) -> dict[str, Any]:
    """The plan. Raises `Failure` for a snapshot or a template that can't be read."""
    from topology.plan import SnapshotError  # noqa: PLC0415 - numpy and networkx take their time to import;
    from topology.plan import plan as planned  # noqa: PLC0415 - who plans nothing need not wait for them

    try:
        return planned(declared, snapshot)
    except SnapshotError as error:
        raise bad_usage(f"{source}: {error}", MAKE_ONE) from None
    except ValueError as error:
        raise bad_usage(str(error), "Correct the manifest.") from None
