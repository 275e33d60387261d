"""Events out of the bytes of a watch, in large reads: a cluster that starts a thousand pods sends thousands at once."""

from collections.abc import AsyncGenerator

import aiohttp

from activities.cluster.answers import AT_ONCE, event_in
from activities.cluster.calls import Call
from activities.cluster.faults import scrubbed, translated
from activities.cluster.kube import Busy, Event

ERROR = b'"ERROR"'


async def events(call: Call, response: aiohttp.ClientResponse, longest_line: int) -> AsyncGenerator[Event]:
    """Every event until the server ends the watch. Raises `Expired` and `Busy`; an unfinished last line counts as cut."""
    rest = b""
    while True:
        with translated(call):
            chunk = await response.content.readany()
        if not chunk:
            break
        lines = (rest + chunk if rest else chunk).split(b"\n")
        rest = lines.pop()
        if len(rest) > longest_line:
            raise Busy(f"{call.title}: the server sends an event larger than {longest_line >> 20} MiB", AT_ONCE)
        for line in lines:
            yield event_in(call, scrubbed(response, line) if ERROR in line[:20] else line)
    if rest.strip():
        raise Busy(f"{call.title}: the watch was cut in mid-event", AT_ONCE)
