"""`espalier install` and `espalier uninstall`: into a cluster, and out of it."""

from typing import Annotated

import typer
import yaml

from workers import telemetry
from workers.console import say, show, show_data
from workers.options import Output, takes
from workers.settings import Settings

Image = Annotated[str, typer.Option("--image", metavar="IMAGE", help="Image of Espalier; see deploy/Dockerfile.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=100, help="Processes that run workflows.")]
Agents = Annotated[int, typer.Option("--agents", min=1, max=10, help="Processes that serve the cluster.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the manifests, and change nothing.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="PodCliqueSets; all, when none is named.")]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of every namespace.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("install")(takes("Cluster", "Kubernetes", "Temporal")(install))
    app.command("adopt")(takes("System", "Cluster", "Kubernetes")(adopt))
    app.command("give-back")(takes("System", "Cluster", "Kubernetes", "Temporal")(give_back))
    app.command("uninstall")(takes("Cluster", "Kubernetes", "Temporal")(uninstall))


async def install(
    settings: Settings,
    image: Image = "espalier:latest",
    workers: Workers = 2,
    agents: Agents = 2,
    dry_run: DryRun = False,
    output: Output = "yaml",
) -> None:
    """Install Espalier into a cluster: its kinds, its rights, its agents and workers. Temporal is not part of it."""
    from activities.cluster.credentials import find_access  # noqa: PLC0415 - --dry-run needs no Kubernetes client
    from activities.cluster.http import HttpKube  # noqa: PLC0415
    from workers.deployment import Installation  # noqa: PLC0415
    from workers.installing import put_in  # noqa: PLC0415

    wanted = Installation(image, settings.temporal_address, settings.temporal_namespace, settings.cluster, workers, agents)
    if dry_run:
        if output == "json":
            show_data({"apiVersion": "v1", "kind": "List", "items": wanted.manifests()}, "json")
        else:
            show(yaml.safe_dump_all(wanted.manifests(), sort_keys=False).rstrip())
        return
    access = await find_access(str(settings.kubeconfig or ""), settings.context or "")
    async with HttpKube(access) as kube:
        await put_in(kube, wanted, say)


async def adopt(settings: Settings, names: Names = None, everywhere: Everywhere = False) -> None:
    """Take over PodCliqueSets that Grove runs, with Grove scaled to zero. No pod that runs is restarted or renamed."""
    from activities.cluster.credentials import find_access  # noqa: PLC0415 - a Kubernetes client takes half a second to import
    from activities.cluster.http import HttpKube  # noqa: PLC0415
    from workers import adopting  # noqa: PLC0415

    access = await find_access(str(settings.kubeconfig or ""), settings.context or "")
    async with HttpKube(access) as kube:
        count = await adopting.adopt(kube, None if everywhere else settings.namespace, names or [], say)
    say(f"{count} PodCliqueSets are taken over" if count else "Grove has no PodCliqueSets here")


async def give_back(settings: Settings, names: Names = None, everywhere: Everywhere = False) -> None:
    """Give PodCliqueSets back to Grove, with Grove scaled to zero. No pod that runs is restarted or renamed."""
    from activities.cluster.credentials import find_access  # noqa: PLC0415 - a Kubernetes client takes half a second to import
    from activities.cluster.http import HttpKube  # noqa: PLC0415
    from workers import giving_back  # noqa: PLC0415
    from workers.connection import connect  # noqa: PLC0415
    from workflows.client import Systems  # noqa: PLC0415

    systems = Systems(await connect(settings, telemetry.Telemetry()), settings.cluster)
    access = await find_access(str(settings.kubeconfig or ""), settings.context or "")
    async with HttpKube(access) as kube:
        namespace = None if everywhere else settings.namespace
        count = await giving_back.give_back(kube, systems.leave, namespace, names or [], say)
    say(f"{count} PodCliqueSets are Grove's again; scale its operator up" if count else "Espalier has no PodCliqueSets here")


async def uninstall(settings: Settings, sure: Sure = False) -> None:
    """Take Espalier out of a cluster. Pods, services and budgets of its systems stay; nobody looks after them any more."""
    from activities.cluster.credentials import find_access  # noqa: PLC0415 - a Kubernetes client takes half a second to import
    from activities.cluster.http import HttpKube  # noqa: PLC0415
    from workers.installing import take_out  # noqa: PLC0415

    access = await find_access(str(settings.kubeconfig or ""), settings.context or "")
    if not sure:
        typer.confirm(f"Take Espalier out of {access.server}? Its systems' pods stay, and nobody looks after them.", abort=True)
    await _end_workflows(settings)  # first: an agent that still runs would write anew for them what is taken away
    async with HttpKube(access) as kube:
        await take_out(kube, say)


async def _end_workflows(settings: Settings) -> None:
    """The systems' workflows: should Espalier come back, they would take it that their objects were deleted."""
    from workers.connection import Unreachable, connect  # noqa: PLC0415
    from workflows.client import Systems  # noqa: PLC0415

    try:
        client = await connect(settings, telemetry.Telemetry())
    except Unreachable:
        say("Temporal does not answer: before Espalier is installed again, terminate the workflows of this cluster there")
        return
    ended = await Systems(client, settings.cluster).forsake()
    say(f"{ended} workflows are ended")
