"""Commands that need no server: `plan`."""

import time
from typing import Annotated

import typer

from workers.console import show, show_data
from workers.failure import bad_usage
from workers.manifests import read_all, read_snapshot
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
    from topology import plan as planning  # noqa: PLC0415 - numpy takes its time to import, which other commands need not spend

    started = time.perf_counter()
    try:
        answer = planning.plan(declared, snapshot)
    except planning.SnapshotError as error:
        raise bad_usage(f"{nodes}: {error}") from None
    except ValueError as error:
        raise bad_usage(str(error), "Correct the manifest.") from None
    answer["solveSeconds"] = round(time.perf_counter() - started, 6)
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        show(plan_view(answer, wide=output == "wide"))
