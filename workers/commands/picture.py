"""Commands that show where things are: `map`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activities.cluster.credentials import find_access
from activities.cluster.http import HttpKube
from activities.cluster.kube import BINDINGS, FABRICS, NODES, PODS
from workers.commands.read import OneOrAll
from workers.console import say, show, show_data
from workers.failure import Failure, bad_usage
from workers.manifests import read_snapshot
from workers.options import Output, takes
from workers.settings import Settings
from workers.snapshots import taken

if TYPE_CHECKING:
    from topology.planning.drawing import Chart

Snapshot = Annotated[
    str | None,
    typer.Option("--nodes", metavar="SNAPSHOT", help="Of a snapshot instead of the cluster: kubectl get nodes,pods -A -o json."),
]
Svg = Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the picture to this file as SVG.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("map")(takes("System", "Kubernetes")(draw))


async def draw(
    settings: Settings, name: OneOrAll = None, nodes: Snapshot = None, svg: Svg = None, output: Output = "table"
) -> None:
    """Draw the fabric with what is on it: each system in a colour of its own, gaps, nodes that are lost."""
    snapshot = read_snapshot(nodes) if nodes else await _taken(settings)
    from topology.planning import drawing, svg as pictures  # noqa: I001, PLC0415 - numpy takes its time to import
    from topology.supply import snapshot as snapshots  # noqa: PLC0415 - numpy takes its time to import
    from workers.charts import chart_view  # noqa: PLC0415 - as above

    try:
        fleet = snapshots.read_fleet(snapshot)
    except snapshots.SnapshotError as error:
        raise Failure(f"{nodes or 'the cluster'}: {error}") from None
    chart = drawing.chart(fleet, f"{settings.namespace}/{name}" if name else None)
    if name and not any(0 in node.cells for node in chart.root.every()):
        raise Failure(f"no pod of {settings.namespace}/{name} is on a node", "See all with: espalier map")
    if svg:
        _write(svg, pictures.svg(chart))
        say(f"{svg} is written; open it with a browser.")
    elif output in {"json", "yaml"}:
        show_data(_data(chart), output)
    else:
        show(chart_view(chart))


async def _taken(settings: Settings) -> dict[str, Any]:
    async with HttpKube(await find_access(str(settings.kubeconfig or ""), settings.context or "")) as kube:
        return await taken(kube, (FABRICS, BINDINGS, NODES, PODS))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise bad_usage(f"{file} can't be written: {error.strerror}", "Name another file.") from None


def _data(chart: "Chart") -> dict[str, Any]:
    """The holder of every device: a system, "" for other pods, null for nobody."""
    holders = [*chart.systems, "", None]  # an owner is a place in it: OTHERS is -2, FREE is -1
    nodes = [
        {"node": node.name, "state": node.state, "holders": [holders[owner] for owner in node.cells]}
        for node in chart.root.every()
    ]
    return {"resource": chart.device, "systems": list(chart.systems), "nodes": nodes}
