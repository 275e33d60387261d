"""Commands that change what is wanted: `apply`, `scale`, `delete`."""

from typing import Annotated

import typer

from workers import desk
from workers.console import say, show
from workers.failure import bad_usage
from workers.following import until_gone, until_ready
from workers.manifests import read_all, systems_only
from workers.options import Manifests, SystemName, takes
from workers.reading import zone_of
from workers.settings import Settings
from workflows.requests import Accepted

Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait until it is carried out, and show how it goes.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="Give up waiting after so long; it goes on.")
]
Counts = Annotated[
    list[str], typer.Argument(metavar="PATH=N...", help="New counts: copies=2, decode=8, 0/prefill=3.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("apply")(takes("System", "Cluster", "Temporal", "Telemetry")(apply))
    app.command("scale")(takes("System", "Cluster", "Temporal", "Telemetry")(scale))
    app.command("delete")(takes("System", "Cluster", "Temporal", "Telemetry")(delete))


async def apply(settings: Settings, file: Manifests, wait: Wait = False, timeout: Timeout = None) -> None:
    """Declare systems: create them, or change them to what the manifests say."""
    declared = systems_only(read_all(file))
    for each in (each for system in declared for each in system.spec.scaling.schedules):
        zone_of(each.time_zone)
    async with desk.systems(settings) as systems:
        for system in declared:
            name, namespace = system.metadata.name, system.metadata.namespace
            answer = await systems.apply(system)
            show(sentence(f"{namespace}/{name}", "accepted", answer))
        if wait:
            for system in declared:
                await until_ready(systems, system.metadata.namespace, system.metadata.name, timeout)


async def scale(settings: Settings, name: SystemName, counts: Counts, wait: Wait = False, timeout: Timeout = None) -> None:
    """Set counts of a system: of its copies, or of any part by its path."""
    wanted = dict(parsed(word) for word in counts)
    async with desk.about(settings, name) as systems:
        answer = await systems.scale(settings.namespace, name, wanted)
        show(sentence(f"{settings.namespace}/{name}", "scaled", answer))
        if wait:
            await until_ready(systems, settings.namespace, name, timeout)


async def delete(settings: Settings, name: SystemName, wait: Wait = False, timeout: Timeout = None) -> None:
    """Tear a system down, with everything that belongs to it."""
    async with desk.about(settings, name) as systems:
        await systems.delete(settings.namespace, name)
        say(f"{settings.namespace}/{name} is being deleted.")
        if wait:
            await until_gone(systems, settings.namespace, name, timeout)


def parsed(word: str, example: str = "as in: espalier scale llama decode=8 copies=2") -> tuple[str, int]:
    """`decode=8` -> ("decode", 8)."""
    path, _, number = word.partition("=")
    if not path or not number.isdecimal():
        raise bad_usage(f"{word!r} is not a count", f"Write PATH=N, {example}")
    return path, int(number)


def sentence(name: str, done: str, answer: Accepted) -> str:
    """`serving/llama accepted, generation 3`."""
    words = f"{name} {done if answer.changed else 'unchanged'}, generation {answer.generation}"
    return f"{words}: {answer.message}" if answer.message else words
