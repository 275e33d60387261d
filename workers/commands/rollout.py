"""`espalier rollout`: see how a new template gets on, hold it, let it go on, go back."""

import typer

from activities.messages import Observation
from activities.messages import Wait as Gate
from specs.words import counted
from workers import desk
from workers.commands.change import Timeout, Wait, sentence
from workers.console import show
from workers.following import until_ready
from workers.options import SystemName, takes
from workers.settings import Settings
from workers.views import tally
from workflows.requests import Status


def register(app: typer.Typer) -> None:
    """Add these commands."""
    rollout = typer.Typer(help="Follow, pause, approve or undo a rolling upgrade.", no_args_is_help=True)
    for command in (status, pause, resume, approve, undo):
        rollout.command(command.__name__)(takes("System", "Cluster", "Temporal", "Telemetry")(command))
    app.add_typer(rollout, name="rollout")


async def status(settings: Settings, name: SystemName) -> None:
    """Show how many units are still of an older revision, and what the next one waits for."""
    async with desk.about(settings, name) as systems:
        show(progress(await desk.status_of(systems, settings, name)))


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


async def undo(settings: Settings, name: SystemName, wait: Wait = False, timeout: Timeout = None) -> None:
    """Go back to the template before; only units that were updated are replaced."""
    async with desk.about(settings, name) as systems:
        show(sentence(f"{settings.namespace}/{name}", "set back", await systems.steer(settings.namespace, name, "undo")))
        if wait:
            await until_ready(systems, settings.namespace, name, timeout)


def progress(status: Status) -> str:
    """How far it is, and since when and why it does not go on; a line for each role with pods of an older revision."""
    name, seen = f"{status.namespace}/{status.name}", status.seen
    if not (seen.outdated or seen.gate):
        return f"{name}: no unit is to be updated; revision {status.revision}"
    still = f"{counted(seen.updated, 'unit')} updated, {counted(seen.outdated, 'unit')} to update to revision {status.revision}"
    gate = seen.gate or Gate(reason=status.reason, message=status.message)
    since = f" since {status.reason_since}" if gate.reason == status.reason and status.reason_since else ""
    roles = [f"  {role}: {pods} of {tally(seen.roles.get(role, {}))[0]} pods outdated" for role, pods in seen.older.items()]
    return "\n".join([f"{name}: {still}: {gate.reason}{since}: {gate.message}{deadline(seen)}", *roles])


def deadline(seen: Observation) -> str:
    """That it has one, and whether its clock runs."""
    if seen.deadline_s is None:
        return ""
    stands = ", whose clock stands still while it waits for room or for somebody" if seen.clock_stands else ""
    return f" (deadline {seen.deadline_s:g} s{stands})"
