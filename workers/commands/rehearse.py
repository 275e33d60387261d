"""Commands that need no server: `plan`, `simulate`."""

import re
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Annotated, Any

import typer

from workers.console import show, show_data
from workers.failure import Failure, bad_usage
from workers.manifests import read_all, read_snapshot, systems_only, text_of
from workers.moves_view import moves_view
from workers.options import Manifests, Output
from workers.views import load_view, plan_view

Nodes = Annotated[
    str,
    typer.Option("--nodes", metavar="SNAPSHOT", help="What `kubectl get nodes,pods -A -o json` printed; - for standard input."),
]
Repair = Annotated[bool, typer.Option("--repair", help="How systems that have lost pods are made whole, and who moves for it.")]
Preempt = Annotated[bool, typer.Option("--preempt", help="Which pods of lower priority would leave for those without room.")]
Defragment = Annotated[bool, typer.Option("--defragment", help="Which pods would move so that those without room get some.")]
Lost = Annotated[list[str] | None, typer.Option("--lost", metavar="NODE", help="With --repair: a node taken for lost; repeat.")]

Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="NAME", help="Suppose a node or domain is not there; repeat for more."),
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="2xNAME",
        help="Suppose there are empty copies of a node or domain more; or 2xgb200-rack.",
    ),
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


def plan(  # noqa: PLR0913, PLR0917 - one for each option of the command line
    file: Manifests,
    nodes: Nodes,
    without: Without = None,
    added: With = None,
    scale: Scale = None,
    at_most: AtMost = "",
    repair: Repair = False,
    preempt: Preempt = False,
    defragment: Defragment = False,
    lost: Lost = None,
    output: Output = "table",
) -> None:
    """Say where systems would go on a cluster's nodes, and what would make them fit. No cluster, no server is asked."""
    limit = milliseconds(at_most) / 1000 if at_most else inf
    kind = _kind({"repair": repair, "preempt": preempt, "defragment": defragment}, lost or ())
    what_if = {"without": without or (), "with": added or (), "scale": scale or ()}
    supposing = ["at-most"] * bool(at_most) + [name for name, told in what_if.items() if told]
    if kind and supposing:
        raise bad_usage(
            f"--{kind} plans for the snapshot as it is, and --{supposing[0]} supposes another", "Leave out one of them."
        )
    declared, snapshot = read_all(file), read_snapshot(nodes)
    from topology.planning import moves, plan as planning  # noqa: I001, PLC0415 - numpy takes its time to import, which others need not spend

    plans: dict[str, Callable[[], dict[str, Any]]] = {
        "": lambda: planning.plan(declared, snapshot, _within(limit), planning.Supposed(*what_if.values())),
        "repair": lambda: moves.plan_repairs(declared, snapshot, lost or ()),
        "preempt": lambda: moves.plan_preemption(declared, snapshot),
        "defragment": lambda: moves.plan_defragmentation(declared, snapshot),
    }
    answer = _timed(plans[kind], nodes)
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        for part in (*moves_view(answer), plan_view(answer, wide=output == "wide")):
            show(part)


def _kind(chosen: dict[str, bool], lost: Sequence[str]) -> str:
    """The one that is asked for; "" for a plain plan."""
    kinds = [name for name, wanted in chosen.items() if wanted]
    if len(kinds) > 1:
        raise bad_usage(f"--{kinds[0]} and --{kinds[1]} are two plans", "Ask for one of them at a time.")
    if lost and kinds != ["repair"]:
        raise bad_usage("--lost says which nodes a repair is for", "Add --repair.")
    return "".join(kinds)


def _within(limit_s: float) -> Any:
    from topology.demand import Budget  # noqa: PLC0415 - as above

    started = time.perf_counter()
    return Budget(expired=lambda: time.perf_counter() > started + limit_s)


def _timed(work: Callable[[], dict[str, Any]], named: str) -> dict[str, Any]:
    """The answer of a plan, and how long it took; what it can't read is refused. `named`: where the snapshot came from."""
    from topology.planning.plan import SnapshotError, WhatIfError  # noqa: PLC0415 - as above

    started = time.perf_counter()
    try:
        return {**work(), "solveSeconds": round(time.perf_counter() - started, 6)}
    except WhatIfError as error:
        raise bad_usage(str(error)) from None
    except SnapshotError as error:
        raise Failure(f"{named}: {error}") from None
    except (ValueError, LookupError) as error:
        raise Failure(str(error.args[0]), "Correct the manifest.") from None


def milliseconds(text: str) -> float:
    """`50ms` -> 50."""
    matched = re.fullmatch(r"(\d{1,6})(ms|s)", text, re.ASCII)
    if matched is None:
        raise bad_usage(f"--at-most {text!r} is no time", "Write a number and ms or s, as in: --at-most 50ms")
    return int(matched[1]) * (1000 if matched[2] == "s" else 1)


def simulate(file: Manifests, nodes: Nodes, trace: Trace, output: Output = "table") -> None:
    """Let systems come and go on a cluster's nodes as a trace says: what waits how long, and how full it gets. Asks no server."""
    declared, snapshot = systems_only(read_all(file)), read_snapshot(nodes)
    from topology.planning import load  # noqa: I001, PLC0415 - as above
    from topology.supply import snapshot as snapshots  # noqa: PLC0415 - as above
    from topology.planning.simulation import simulate as run  # noqa: PLC0415

    try:
        fleet = snapshots.read_fleet(snapshot)
        jobs = load.jobs(declared, load.read_trace(text_of(trace)))
    except snapshots.SnapshotError as error:
        raise Failure(f"{nodes}: {error}") from None
    except load.TraceError as error:
        raise Failure(f"{trace}: {error}") from None
    except ValueError as error:
        raise Failure(str(error), "Correct the manifest.") from None
    answer = load.summary(fleet, jobs, run(fleet, jobs))
    if output in {"json", "yaml"}:
        show_data(answer, output)
    else:
        show(load_view(answer))
