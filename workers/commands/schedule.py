"""Commands about counts that change by the clock: `schedule add`, `list`, `pause`, `resume`, `run`, `remove`."""

from typing import Annotated

import typer

from workers import desk
from workers.commands.change import parsed
from workers.console import show, show_data
from workers.options import Output, takes
from workers.reading import cron_of, name_of, seconds_of, zone_of
from workers.settings import Settings
from workers.timetables import in_words, now, schedules_table
from workflows.requests import Scheduled
from workflows.timetables import Timetable

System = Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the system.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.", show_default=False)]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="[SYSTEM]", help="Of one system; of all when left out.", show_default=False)
]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of every namespace.")]
When = Annotated[str, typer.Option("--cron", metavar="CRON", help='When, as in "0 22 * * *": every day at 22:00.')]
Zone = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Whose clock that is, as in Europe/Berlin.")]
Set = Annotated[list[str], typer.Option("--set", metavar="PATH=N", help="A count, as `scale` takes it; repeat for more.")]
CatchUp = Annotated[str, typer.Option("--catch-up", metavar="TIME", help="How late a run may come: 90s, 10m, 2h.")]
EXAMPLE = "as in: --set decode=8 --set copies=2"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="Change counts by the clock.", rich_markup_mode="rich")
    for name, command in (
        ("add", add),
        ("list", show_list),
        ("pause", pause),
        ("resume", resume),
        ("run", run),
        ("remove", remove),
    ):
        group.command(name)(takes("System", "Cluster", "Temporal", "Telemetry")(command))
    app.add_typer(group, name="schedule")


async def add(
    settings: Settings, system: System, name: Name, cron: When, set_: Set, time_zone: Zone = "UTC", catch_up: CatchUp = "10m"
) -> None:
    """Set counts of a system at certain times."""
    counts = dict(parsed(word, EXAMPLE) for word in set_)
    when, zone, late_s = cron_of(cron), zone_of(time_zone), seconds_of(catch_up)
    scheduled = name_of(name)
    async with desk.systems(settings) as systems:
        ref = systems.ref(settings.namespace, system)
        wanted = Timetable(
            scheduled=Scheduled(ref=ref, name=scheduled, counts=counts), cron=when, time_zone=zone, catch_up_s=late_s
        )
        added = await systems.schedules.add(wanted)
    show(f"{settings.namespace}/{system} schedule {name} added: {in_words(added, now())}")


async def show_list(
    settings: Settings, system: OneOrAll = None, everywhere: Everywhere = False, output: Output = "table"
) -> None:
    """List schedules, with their next and their last run."""
    async with desk.systems(settings) as systems:
        found = await systems.schedules.list("" if everywhere else settings.namespace, system or "")
    if output in {"json", "yaml"}:
        show_data([each.model_dump(mode="json") for each in found], output)
    elif found:
        show(schedules_table(found, now(), wide=output == "wide"))
    else:
        whose = f"system {system} in " if system else ""
        where = "any namespace" if everywhere else f"namespace {settings.namespace}"
        show(f"No schedules of {whose}{where} of cluster {settings.cluster}.")


async def pause(settings: Settings, system: System, name: Name) -> None:
    """Let a schedule rest, until it is resumed."""
    async with desk.systems(settings) as systems:
        await systems.schedules.pause(systems.ref(settings.namespace, system), name)
    show(f"{settings.namespace}/{system} schedule {name} is paused")


async def resume(settings: Settings, system: System, name: Name) -> None:
    """Let a schedule run again at its times; what was due meanwhile is not made up for."""
    async with desk.systems(settings) as systems:
        await systems.schedules.resume(systems.ref(settings.namespace, system), name)
    show(f"{settings.namespace}/{system} schedule {name} is resumed")


async def run(settings: Settings, system: System, name: Name) -> None:
    """Run a schedule now, whatever the time, paused or not."""
    async with desk.systems(settings) as systems:
        answer = await systems.schedules.run(systems.ref(settings.namespace, system), name)
    show(f"{settings.namespace}/{system} schedule {name} ran: {answer.message}")


async def remove(settings: Settings, system: System, name: Name) -> None:
    """Remove a schedule; the counts that it has set stay."""
    async with desk.systems(settings) as systems:
        await systems.schedules.remove(systems.ref(settings.namespace, system), name)
    show(f"{settings.namespace}/{system} schedule {name} is removed")
