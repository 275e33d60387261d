"""Commands that stay: `worker`, `agent`, `temporal`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from workers import logs, telemetry
from workers.connection import Unreachable, answers
from workers.console import say
from workers.health import probed
from workers.options import takes
from workers.patience import patiently
from workers.searchable import reached
from workers.serving import settle, stopped
from workers.settings import Settings
from workers.temporal import DevServer
from workers.worker import workflow_worker

InstallCrds = Annotated[bool, typer.Option("--install-crds", help="Create the custom resource definitions first.")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65_535, help="Port; else that of temporal_address.")]
UiPort = Annotated[int | None, typer.Option("--ui-port", min=0, max=65_535, help="Port of the web UI; 0 for none. 1000 more.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="FILE", help="SQLite file to keep everything in; in memory when left out.")
]
UI_PORTS_ABOVE = 1_000


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("worker")(takes("Temporal", "Worker", "Telemetry")(worker))
    app.command("agent")(takes("Cluster", "Kubernetes", "Temporal", "Worker", "Telemetry")(agent))
    app.command("temporal")(takes("Temporal")(temporal))


async def worker(settings: Settings) -> None:
    """Run the workflows, until SIGTERM. Needs Temporal, and no access to any cluster."""
    logs.start(settings)
    told = telemetry.start(settings, "espalier-worker", os.environ)
    client = await patiently(lambda: reached(settings, told), Unreachable)
    async with workflow_worker(client, settings), probed(settings.health_port, lambda: answers(client)):
        settle()
        say(f"worker: runs workflows from {settings.temporal_address}")
        await stopped()
    told.close()


async def agent(settings: Settings, install_crds: InstallCrds = False) -> None:
    """Serve one cluster, until SIGTERM: place, write, observe, nudge."""
    from workers.agent import run_agent  # noqa: PLC0415 - a Kubernetes client takes half a second to import, which others need not pay

    logs.start(settings)
    told = telemetry.start(settings, "espalier-agent", os.environ)
    client = await patiently(lambda: reached(settings, told), Unreachable)
    await run_agent(client, settings, install_crds=install_crds)
    told.close()


async def temporal(settings: Settings, port: Port = None, ui_port: UiPort = None, data: Data = None) -> None:
    """Start a Temporal server for this machine, set up for Espalier. For production, run Temporal's own."""
    port = port or int(settings.temporal_address.rpartition(":")[2])
    ui = port + UI_PORTS_ABOVE if ui_port is None else ui_port
    DevServer(port, ui or None, settings.temporal_namespace, data).replace_process()
