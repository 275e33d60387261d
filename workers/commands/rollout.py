"""`espalier rollout`: see how a new template gets on, hold it, let it go on, go back."""

from collections.abc import Iterator
from typing import Annotated

import typer

from activities.messages import Observation
from activities.messages import Wait as Gate
from specs.words import counted
from workers import desk
from workers.commands.change import Timeout, Wait, sentence
from workers.console import show, show_data
from workers.following import until_ready
from workers.options import Output, SystemName, takes
from workers.settings import Settings
from workers.views import plain_table, tally
from workflows.requests import Status

To = Annotated[int, typer.Option("--to", metavar="NUMBER", min=0, help="Number of the revision; 0: the one before.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    rollout = typer.Typer(help="Follow, pause, approve or undo a rolling upgrade.", no_args_is_help=True)
    for command in (status, history, pause, resume, approve, undo):
        rollout.command(command.__name__)(takes("System", "Cluster", "Temporal", "Telemetry")(command))
    app.add_typer(rollout, name="rollout")


async def status(settings: Settings, name: SystemName) -> None:
    """Show how many units are still of an older revision, and what the next one waits for."""
    async with desk.about(settings, name) as systems:
        show(progress(await desk.status_of(systems, settings, name)))


async def history(settings: Settings, name: SystemName, output: Output = "table") -> None:
    """List the revisions that are kept: who made each, when, and what it changed."""
    async with desk.about(settings, name) as systems:
        found = await systems.history(settings.namespace, name)
    if output in {"json", "yaml"}:
        show_data([each.model_dump(mode="json") for each in found], output)
        return
    table = plain_table("NUMBER", "REVISION", "WHEN", "WHO", "CHANGE")
    for each in found:
        table.add_row(str(each.number), each.revision, each.when, each.who, each.change)
    show(table)


async def pause(settings: Settings, name: SystemName) -> None:
    """Replace no further unit; what is lost meanwhile comes back as it was."""
    async with desk.about(settings, name) as systems:
        show(sentence(f"{settings.namespace}/{name}", "paused", await systems.steer(settings.namespace, name, "pause")))


async def resume(settings: Settings, name: SystemName, wait: Wait = False, timeout: Timeout = None) -> None:
    """Go on with a rollout that is paused, or holds at a step."""
    async with desk.about(settings, name) as systems:
        hold = (await systems.status(settings.namespace, name)).seen.hold
        answer = await systems.steer(settings.namespace, name, "resume", step=hold)
        show(sentence(f"{settings.namespace}/{name}", "resumed", answer))
        if wait:
            await until_ready(systems, settings.namespace, name, timeout)


async def approve(settings: Settings, name: SystemName, wait: Wait = False, timeout: Timeout = None) -> None:
    """Let a rollout go on past the hold at which it waits; for the revision that is being rolled out, and for that hold."""
    async with desk.about(settings, name) as systems:
        found = await systems.status(settings.namespace, name)
        step, revision = found.seen.hold, found.revision
        answer = await systems.steer(settings.namespace, name, "approve", step=step, revision=revision)
        show(sentence(f"{settings.namespace}/{name}", "approved", answer))
        if wait:
            await until_ready(systems, settings.namespace, name, timeout)


async def undo(settings: Settings, name: SystemName, to: To = 0, wait: Wait = False, timeout: Timeout = None) -> None:
    """Go back to the template before, or to a revision of the history; only units that differ are replaced."""
    async with desk.about(settings, name) as systems:
        answer = await systems.steer(settings.namespace, name, "undo", to=to)
        show(sentence(f"{settings.namespace}/{name}", "set back", answer))
        if wait:
            await until_ready(systems, settings.namespace, name, timeout)


def progress(status: Status) -> str:
    """How far it is, and since when and why it does not go on; a line for each role with pods of an older revision."""
    name, seen = f"{status.namespace}/{status.name}", status.seen
    if not (seen.outdated or seen.gate):
        done = f"{name}: no unit is to be updated; revision {status.number} ({status.revision})"
        return "\n".join([done, *_of_revisions(seen)])
    still = f"{counted(seen.updated, 'unit')} updated, {counted(seen.outdated, 'unit')} to update to revision {status.revision}"
    if not seen.outdated:
        still = f"the last units were updated to revision {status.revision}"
    gate = seen.gate or Gate(reason=status.reason, message=status.message)
    since = f" since {status.reason_since}" if gate.reason == status.reason and status.reason_since else ""
    roles = [f"  {role}: {pods} of {tally(seen.roles.get(role, {}))[0]} pods outdated" for role, pods in seen.older.items()]
    return "\n".join([f"{name}: {still}: {gate.reason}{since}: {gate.message}{deadline(seen)}", *roles, *_of_revisions(seen)])


def _of_revisions(seen: Observation) -> Iterator[str]:
    """How many units are of which, and the older ones by their paths."""
    for each in seen.revisions:
        first = f", the first {each.first}" if each.first else ""
        yield f"  revision {each.number} ({each.revision}): {counted(each.units, 'unit')}{first}"
    told = ", ".join(f"{unit} ({revision})" for unit, revision in seen.older_units.items())
    more = sum(each.units for each in seen.revisions[1:]) - len(seen.older_units)
    if told:
        yield f"  of older revisions: {told}{f' and {more} more' if more > 0 else ''}"


def deadline(seen: Observation) -> str:
    """That it has one, and whether its clock runs."""
    if seen.deadline_s is None:
        return ""
    stands = ", whose clock stands still while it waits for room or for somebody" if seen.clock_stands else ""
    return f" (deadline {seen.deadline_s:g} s{stands})"
