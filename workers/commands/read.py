"""Commands that ask: `get`, `status`, `explain`."""

from typing import Annotated, Any

import typer

from workers import desk
from workers.console import out, show, show_data
from workers.following import follow, once_told
from workers.options import Output, SystemName, takes
from workers.settings import Settings
from workers.views import explanation, gpus_view, headline, status_view, systems_table
from workflows.requests import Status

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it until interrupted.")]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Name of one system; all when left out.", show_default=False)
]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of every namespace.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("get")(takes("System", "Cluster", "Temporal", "Telemetry")(get))
    app.command("status")(takes("System", "Cluster", "Temporal", "Telemetry")(status))
    app.command("explain")(takes("System", "Cluster", "Temporal", "Telemetry")(explain))


async def get(settings: Settings, name: OneOrAll = None, everywhere: Everywhere = False, output: Output = "table") -> None:
    """List systems, a line each."""
    async with desk.about(settings, name or "") as systems:
        found = (
            [await desk.status_of(systems, settings, name)]
            if name
            else await systems.list(None if everywhere else settings.namespace)
        )
    if output in {"json", "yaml"}:
        show_data([as_data(each) for each in found], output)
    elif found:
        show(systems_table(found, wide=output == "wide"))
        for table in gpus_view(found[0].seen) if name else ():
            show(table)
    else:
        where = "any namespace" if everywhere else f"namespace {settings.namespace}"
        show(f"No systems in {where} of cluster {settings.cluster}.")


async def status(settings: Settings, name: SystemName, watch: Watch = False, output: Output = "table") -> None:
    """Show what a system does now: each role wanted, placed, ready; and what it waits for."""
    async with desk.about(settings, name) as systems:
        if watch:
            await follow(systems, settings.namespace, name, output)
            return
        show_status(await desk.status_of(systems, settings, name), output)


def show_status(found: Status, output: str) -> None:
    """Print one status."""
    if output in {"json", "yaml"}:
        show_data(as_data(found), output)
    else:
        show(status_view(found, wide=output == "wide"))


async def explain(settings: Settings, name: SystemName, output: Output = "table") -> None:
    """Say why a system is not as declared, and what would help."""
    async with desk.about(settings, name) as systems:
        found = await once_told(lambda: desk.status_of(systems, settings, name))
        beside = () if found.phase == "Ready" else await systems.troubles(found)
    reasons = [*beside, *explanation(found)]
    if output in {"json", "yaml"}:
        show_data(
            {"name": name, "namespace": settings.namespace, "phase": found.phase, "reasons": reasons, **_parts(found)}, output
        )
        return
    show(headline(found))
    for reason in reasons:
        out().print(f"- {reason}")
    if not reasons:
        show("Nothing is wrong." if found.phase == "Ready" else "Nothing stands in its way; it is at work.")
    for table in gpus_view(found.seen):
        show(table)


def as_data(found: Status) -> dict[str, Any]:
    """A status as JSON has it."""
    data: dict[str, Any] = found.model_dump(mode="json")
    return data


def _parts(found: Status) -> dict[str, Any]:
    data = as_data(found)
    return {
        "waits": data["seen"]["waits"],
        "pods": data["seen"]["deviants"],
        "gpus": data["seen"]["gpus"],
        "operation": data["operation"],
        "last": data["last"],
    }
