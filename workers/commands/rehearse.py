"""Commands that need no server: `plan`, `simulate`."""

import re
import time
from math import inf
from typing import Annotated

import typer

from workers.console import show, show_data
from workers.failure import bad_usage
from workers.manifests import read_all, read_snapshot, systems_only, text_of
from workers.options import Manifests, Output
from workers.views import load_view, plan_view

Nodes = Annotated[
    str,
    typer.Option("--nodes", metavar="SNAPSHOT", help="What `kubectl get nodes,pods -A -o json` printed; - for standard input."),
]

Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="NAME", help="Suppose a node or domain is not there; repeat for more."),
]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="2xNAME", help="Suppose there are empty copies of a node or domain more."),
]
Scale = Annotated[
    list[str] | None, typer.Option("--scale", metavar="PATH=+N", help="Suppose a part counts so many more, fewer (-N), or N.")
]
AtMost = Annotated[str, typer.Option("--at-most", metavar="TIME", help="Time for searching, as in 50ms or 2s.")]
Trace = Annotated[
    str,
    typer.Option("--trace", metavar="FILE", help="What comes when: CSV with the columns system, arrival_s, duration_s."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("plan")(plan)
    app.command("simulate")(simulate)


def plan(
    file: Manifests,
    nodes: Nodes,
    without: Without = None,
    added: With = None,
    scale: Scale = None,
    at_most: AtMost = "",
    output: Output = "table",
) -> None:
    """Say where systems would go on a cluster's nodes, and what would make them fit. No cluster, no server is asked."""
    limit = milliseconds(at_most) / 1000 if at_most else inf
    declared, snapshot = read_all(file), read_snapshot(nodes)
    from topology import plan as planning  # noqa: PLC0415 - numpy takes its time to import, which other commands need not spend
    from topology.demand import Budget  # noqa: PLC0415 - as above

    supposed = planning.Supposed(without or (), added or (), scale or ())
    started = time.perf_counter()
    budget = Budget(expired=lambda: time.perf_counter() > started + limit)
    try:
        answer = planning.plan(declared, snapshot, budget, supposed)
    except planning.WhatIfError as error:
        raise bad_usage(str(error)) from None
    except planning.SnapshotError as error:
        raise bad_usage(f"{nodes}: {error}") from None
    except ValueError as error:
        raise bad_usage(str(error), "Correct the manifest.") from None
    answer["solveSeconds"] = round(time.perf_counter() - started, 6)
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        show(plan_view(answer, wide=output == "wide"))


def milliseconds(text: str) -> float:
    """`50ms` -> 50."""
    matched = re.fullmatch(r"(\d{1,6})(ms|s)", text, re.ASCII)
    if matched is None:
        raise bad_usage(f"--at-most {text!r} is no time", "Write a number and ms or s, as in: --at-most 50ms")
    return int(matched[1]) * (1000 if matched[2] == "s" else 1)


def simulate(file: Manifests, nodes: Nodes, trace: Trace, output: Output = "table") -> None:
    """Let systems come and go on a cluster's nodes as a trace says: what waits how long, and how full it gets. Asks no server."""
    declared, snapshot = systems_only(read_all(file)), read_snapshot(nodes)
    from topology import load, snapshot as snapshots  # noqa: I001, PLC0415 - as above
    from topology.simulation import simulate as run  # noqa: PLC0415

    try:
        fleet = snapshots.read_fleet(snapshot)
        jobs = load.jobs(declared, load.read_trace(text_of(trace)))
    except snapshots.SnapshotError as error:
        raise bad_usage(f"{nodes}: {error}") from None
    except load.TraceError as error:
        raise bad_usage(f"{trace}: {error}") from None
    except ValueError as error:
        raise bad_usage(str(error), "Correct the manifest.") from None
    answer = load.summary(fleet, jobs, run(fleet, jobs))
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        show(load_view(answer))
