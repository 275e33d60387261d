"""`espalier recover`: try again what failed so often that it is let be."""

import typer

from workers import desk
from workers.commands.change import Timeout, Wait, sentence
from workers.console import show
from workers.following import until_ready
from workers.options import SystemName, takes
from workers.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("recover")(takes("System", "Cluster", "Temporal", "Telemetry")(recover))


async def recover(settings: Settings, name: SystemName, wait: Wait = False, timeout: Timeout = None) -> None:
    """Restart now what failed too often or waits to be restarted; it is counted anew."""
    async with desk.about(settings, name) as systems:
        done = await systems.steer(settings.namespace, name, "recover")
        show(sentence(f"{settings.namespace}/{name}", "told to try again", done))
        if wait:
            await until_ready(systems, settings.namespace, name, timeout)
