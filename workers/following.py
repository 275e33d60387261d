"""Shows how a system gets on: live on a terminal, a plain line for each change elsewhere."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from rich.live import Live
from temporalio.service import RPCError, RPCStatusCode

from workers.console import err, out, say, show_data
from workers.failure import Failure
from workers.views import explanation, progress_line, status_view
from workflows.client import Systems
from workflows.requests import Status

ASK_EVERY_S = 0.25
TELL_WITHIN_S = 3.0
"""A change that was accepted a moment ago has been looked at by then, unless somebody is missing."""
Done = Callable[[Status], bool]


async def until_ready(systems: Systems, namespace: str, name: str, timeout_s: float | None) -> None:
    """Show progress until every pod is ready. Raises `Failure` when it takes longer than `timeout_s`, or is deleted."""
    last = await _show(
        statuses(systems, namespace, name, timeout_s), name, lambda status: status.phase in {"Ready", "Deleting", "Deleted"}
    )
    if last.phase != "Ready":
        raise Failure(
            f"{namespace}/{name} was deleted meanwhile", f"Declare it again with: espalier apply -n {namespace} -f FILE"
        )


async def until_gone(systems: Systems, namespace: str, name: str, timeout_s: float | None) -> None:
    """Show progress until nothing of the system is left."""
    try:
        await _show(statuses(systems, namespace, name, timeout_s), name, lambda status: status.phase == "Deleted")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    say(f"{namespace}/{name} is gone.")


async def follow(systems: Systems, namespace: str, name: str, output: str) -> None:
    """Show a system until interrupted; as data, a document for each change."""
    changes = statuses(systems, namespace, name, None)
    if output not in {"json", "yaml"}:
        await _show(changes, name, lambda status: status.phase == "Deleted")
        return
    last: Status | None = None
    async for status in changes:
        if status != last:
            show_data(status.model_dump(mode="json"), output)
        last = status


async def once_told(ask: Callable[[], Awaitable[Status]]) -> Status:
    """The status, once it says why the system is not as declared; of one that has nothing to say, after `TELL_WITHIN_S`."""
    deadline = time.monotonic() + TELL_WITHIN_S
    while True:
        status = await ask()
        if status.phase == "Ready" or any(explanation(status)) or time.monotonic() >= deadline:
            return status
        await asyncio.sleep(ASK_EVERY_S)


async def statuses(systems: Systems, namespace: str, name: str, timeout_s: float | None) -> AsyncGenerator[Status]:
    """The status, again and again. Raises `Failure` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s if timeout_s is not None else None
    while True:
        status = await systems.status(namespace, name)
        yield status
        if deadline is not None and time.monotonic() > deadline:
            raise Failure(
                f"{namespace}/{name} is still {status.phase} after {timeout_s:g} s", f"It goes on. See: espalier explain {name}"
            )
        await asyncio.sleep(ASK_EVERY_S)


async def _show(changes: AsyncGenerator[Status], name: str, done: Done) -> Status:
    if out().is_terminal and err().is_terminal:
        return await _show_live(changes, done)
    return await _show_lines(changes, name, done)


async def _show_live(changes: AsyncGenerator[Status], done: Done) -> Status:
    with Live(console=err(), auto_refresh=False, transient=False) as live:
        async for status in changes:
            live.update(status_view(status), refresh=True)
            if done(status):
                return status
    raise AssertionError("statuses never end by themselves")


async def _show_lines(changes: AsyncGenerator[Status], name: str, done: Done) -> Status:
    started, said = time.monotonic(), ""
    async for status in changes:
        line = progress_line(status)
        if line != said:
            say(f"{time.monotonic() - started:6.1f} s  {name}: {line}")
        said = line
        if done(status):
            return status
    raise AssertionError("statuses never end by themselves")
