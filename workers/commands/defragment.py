"""`espalier defragment`: have pods move so that gangs which wait find room: plan, approve, stop, or by a schedule."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from temporalio.service import RPCError, RPCStatusCode

from specs.words import counted
from workers import desk
from workers.commands.change import Timeout, Wait
from workers.console import say, show, show_data
from workers.failure import Failure
from workers.options import Output, takes
from workers.reading import cron_of, zone_of
from workers.settings import Settings
from workers.views import plain_table
from workflows.fleet_moves import FleetMoves
from workflows.moving import Defragmented

POLL_S = 0.3
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Carry out whatever is planned, without asking.")]
Most = Annotated[int, typer.Option("--most", metavar="N", min=1, max=1000, help="Moves of one plan, at most.")]
Cron = Annotated[str, typer.Argument(metavar="CRON", help='When, as in "0 3 * * sun".', show_default=False)]
Zone = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Whose clock that is, as in Europe/Berlin.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="Move pods so that gangs which wait find room.", no_args_is_help=True)
    for command in (start, status, approve, stop, schedule, unschedule):
        group.command(command.__name__)(takes("Cluster", "Temporal", "Telemetry")(command))
    app.add_typer(group, name="defragment")


async def start(settings: Settings, yes: Yes = False, most: Most = 100, wait: Wait = False, timeout: Timeout = None) -> None:
    """Plan the fewest moves that let a waiting gang in; they are made once approved. Then for the next gang."""
    async with _moves(settings) as moves:
        await moves.start(approved=yes, most=most)
        show(_told(await _until(moves, timeout, ("Planning", "Moving") if wait else ("Planning",))))


async def status(settings: Settings, output: Output = "table") -> None:
    """Show the plan with its cost and gain, how far it is, or how the last one ended."""
    async with _moves(settings) as moves:
        found = await moves.status()
    if output in {"json", "yaml"}:
        show_data(found.model_dump(mode="json"), output)
        return
    show(_told(found))
    if found.plan.moves:
        table = plain_table("POD", "FROM", "TO")
        for move in found.plan.moves:
            table.add_row(f"{move.namespace}/{move.pod}", move.source, move.target)
        show(table)


async def approve(settings: Settings, wait: Wait = False, timeout: Timeout = None) -> None:
    """Have the plan that waits carried out, as it is shown by `status`."""
    async with _moves(settings) as moves:
        plan = (await moves.status()).plan.id
        show(await moves.approve(plan))
        if wait:
            show(_told(await _until(moves, timeout, ("Planning", "Moving"), approved=plan)))


async def stop(settings: Settings) -> None:
    """Plan no more; pods that have not moved yet stay where they are."""
    async with _moves(settings) as moves:
        show(await moves.stop())


async def schedule(settings: Settings, cron: Cron, time_zone: Zone = "UTC", yes: Yes = False, most: Most = 100) -> None:
    """Start one at certain times; each plan waits for an approval, unless --yes is given."""
    async with _moves(settings) as moves:
        await moves.schedule(cron_of(cron), zone_of(time_zone), approved=yes, most=most)
    show(f"defragmentation of cluster {settings.cluster} is scheduled: {cron} {time_zone}{'' if yes else ', to be approved'}")


async def unschedule(settings: Settings) -> None:
    """Start none by the clock any more."""
    async with _moves(settings) as moves:
        was = await moves.unschedule()
    show(f"defragmentation of cluster {settings.cluster} {'is not scheduled any more' if was else 'was not scheduled'}")


@asynccontextmanager
async def _moves(settings: Settings) -> AsyncGenerator[FleetMoves]:
    try:
        async with desk.systems(settings) as systems:
            yield systems.fleet_moves
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise Failure(
            f"no defragmentation of cluster {settings.cluster} is at work", "Start one with: espalier defragment start"
        ) from None


async def _until(moves: FleetMoves, timeout_s: float | None, stages: tuple[str, ...], approved: str = "") -> Defragmented:
    """Past these stages. `approved`: a plan whose approval may not have been taken up yet."""
    told, found = "", await moves.status()
    try:
        async with asyncio.timeout(timeout_s):
            while found.stage in stages or (found.stage == "Approval" and found.plan.id == approved):
                if (line := _told(found)) != told:
                    say(told := line)
                await asyncio.sleep(POLL_S)
                found = await moves.status()
    except TimeoutError:
        raise Failure(f"not ended yet: {_told(found)}", "It goes on; see it with: espalier defragment status") from None
    return found


def _told(found: Defragmented) -> str:
    plan = found.plan
    reason = f" ({found.reason})" if found.reason else ""
    lines = [f"{found.stage}{reason}: {found.message}"]
    if plan.moves and found.stage != "Ended":
        cost = f"{found.done} of {len(plan.moves)} moves done (no plan has fewer than {plan.least})"
        lines.append(f"plan {plan.id}: {plan.name} gets room for {counted(plan.pods, 'pod')}; {cost}")
    if found.let_in:
        lines.append(f"let in: {', '.join(found.let_in)}, by {counted(found.moved, 'move')}")
    return "\n".join(lines)
