"""However a watch is broken: what came whole is told, and then it ends as `Busy` or `Expired`, in time."""

import time

import orjson
import pytest

from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, Busy, Event, Expired, Refused
from tests.activities.broken_server import (
    QUICK,
    TOKEN,
    Answer,
    Script,
    event,
    raw,
    refusing,
    serving,
    status,
    streaming,
)

ONE, TWO = event("ADDED"), event("MODIFIED", version="8")
GONE = orjson.dumps({"type": "ERROR", "object": status(410, "Expired", "too old resource version")}) + b"\n"
ILL = orjson.dumps({"type": "ERROR", "object": status(500, "InternalError", f"was sent {TOKEN}")}) + b"\n"


async def seen(kube: HttpKube) -> list[Event]:
    """All events of one watch; raises what the watch raises."""
    told: list[Event] = []
    await follow(kube, told)
    return told


async def follow(kube: HttpKube, told: list[Event]) -> None:
    async with kube.watch(CONFIG_MAPS, 5) as events:
        async for each in events:
            told.append(each)  # noqa: PERF401 - what was told before an error is kept


#                               what the server does                                   raised
EXAMPLES: dict[str, tuple[Answer, type[Exception]]] = {
    "410 at the start":        (refusing(410, "Expired"),                              Expired),
    "410 in an event":         (streaming(ONE, GONE),                                  Expired),
    "500 in an event":         (streaming(ILL),                                        Busy),
    "cut between events":      (streaming(ONE, then="cut"),                            Busy),
    "cut in an event":         (streaming(ONE, TWO[:20], then="cut"),                  Busy),
    "ended in an event":       (streaming(ONE, TWO[:20]),                              Busy),
    "silence":                 (streaming(ONE, then="hang"),                           Busy),
    "a login page":            (raw(b"<html>\n<body>\n"),                              Busy),
    "an event of nothing":     (streaming(b"{}\n"),                                    Busy),
    "an event of a number":    (streaming(b"7\n"),                                     Busy),
    "an unknown type":         (streaming(event("RENAMED")),                           Busy),
    "no version":              (streaming(event("ADDED", version="new")),              Busy),
    "no name":                 (streaming(b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}\n'), Busy),
    "no object":               (streaming(b'{"type":"ERROR","object":null}\n'),        Busy),
    "a line without an end":   (streaming(*[b"x" * 4096] * 20),                        Busy),
    "429":                     (refusing(429, Retry_After="1"),                        Busy),
    "403":                     (refusing(403, "Forbidden"),                            Refused),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "raised"), EXAMPLES.values(), ids=EXAMPLES)
async def test_every_watch_ends_in_words(answer: Answer, raised: type[Exception]) -> None:
    started = time.monotonic()
    async with serving(Script([answer])) as kube:
        with pytest.raises(raised) as caught:
            await seen(kube)
    assert TOKEN not in str(caught.value)
    assert time.monotonic() - started < QUICK.call_s


async def test_what_came_whole_before_a_cut_is_told() -> None:
    told: list[Event] = []
    async with serving(Script([streaming(ONE, TWO, TWO[:9], then="cut")])) as kube:
        with pytest.raises(Busy):
            await follow(kube, told)
    assert [each.object["metadata"]["resourceVersion"] for each in told] == ["7", "8"]


async def test_events_may_come_in_any_pieces() -> None:
    together = ONE + TWO + event("BOOKMARK", version="9")
    pieces = [together[index : index + 7] for index in range(0, len(together), 7)]
    async with serving(Script([streaming(*pieces)])) as kube:
        assert [each.type for each in await seen(kube)] == ["ADDED", "MODIFIED", "BOOKMARK"]


async def test_a_watch_asks_for_bookmarks_and_its_own_end() -> None:
    script = Script([streaming()])
    async with serving(script) as kube:
        assert await seen(kube) == []
    asked = dict(script.seen[0].query)
    assert asked == {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "5", "timeoutSeconds": str(QUICK.watch_s)}


async def test_leaving_a_watch_early_leaves_nothing_behind() -> None:
    async with serving(Script([streaming(ONE, then="hang")])) as kube, kube.watch(CONFIG_MAPS, 5) as events:
        async for _ in events:
            break
