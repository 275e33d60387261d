"""Commands that need no server: `plan`."""

import time
from typing import Annotated, Any

import typer

from workers.console import show, show_data
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
    from topology.plan import plan as planned  # noqa: PLC0415 - numpy and networkx take their time to import, which others need not pay

    declared, snapshot = read_all(file), read_snapshot(nodes)
    started = time.perf_counter()
    answer: dict[str, Any] = {"systems": planned(declared, snapshot)}
    answer["solveSeconds"] = round(time.perf_counter() - started, 6)
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        show(plan_view(answer, wide=output == "wide"))
