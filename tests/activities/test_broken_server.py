"""Whatever a server answers, a call ends in time, as the object asked for, or as `Busy` or `Refused` in one harmless sentence."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from activities.cluster.credentials import with_token
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, Busy, Expired, Manifest, NotThere, Overtaken, Refused
from activities.cluster.wire import Limits
from tests.activities.broken_server import (
    QUICK,
    TOKEN,
    Answer,
    Script,
    config,
    cutting,
    half,
    hanging,
    json,
    page,
    raw,
    refusing,
    serving,
    status,
)

LONGEST_S = QUICK.call_s + 1.0
HTML = b"<html><body>Please log in, bearer " + TOKEN.encode() + b"</body></html>"


async def echo(request: web.Request) -> web.StreamResponse:
    """Puts our own credentials into its refusal."""
    return web.json_response(status(403, "Forbidden", f"you sent {request.headers['Authorization']}"), status=403)


#                                       answer                                                     raised
EXAMPLES: dict[str, tuple[Answer, type[Exception]]] = {
    "500":                             (refusing(500, "InternalError"),                            Busy),
    "502 in HTML":                     (raw(HTML, 502),                                            Busy),
    "503 of an empty body":            (raw(b"", 503),                                             Busy),
    "cut without an answer":           (cutting,                                                   Busy),
    "cut in mid-body":                 (half(b'{"metadata": {', 500),                              Busy),
    "hangs":                           (hanging,                                                   Busy),
    "200 with a login page":           (raw(HTML),                                                 Busy),
    "200 with broken JSON":            (raw(b'{"metadata": {"name": ', 200, "application/json"),   Busy),
    "200 with an empty body":          (raw(b"", 200, "application/json"),                         Busy),
    "200 with a list":                 (json([1, 2, 3]),                                           Busy),
    "200 with another object":         (json({"hello": "world"}),                                  Busy),
    "200 with a number":               (json(7),                                                   Busy),
    "200 with bytes":                  (raw(bytes(range(256)), 200, "application/json"),           Busy),
    "404 of a proxy":                  (raw(HTML, 404),                                            Busy),
    "404 of the API server's router":  (raw(b"404 page not found\n", 404, "text/plain"),           NotThere),
    "404":                             (refusing(404, "NotFound"),                                 NotThere),
    "409":                             (refusing(409, "Conflict"),                                 Overtaken),
    "410":                             (refusing(410, "Expired"),                                  Expired),
    "400 in HTML":                     (raw(HTML, 400),                                            Refused),
    "401":                             (refusing(401, "Unauthorized"),                             Refused),
    "403 that quotes the token":       (echo,                                                      Refused),
    "redirect to itself":              (raw(b"", 302, Location="/api"),                            Refused),
    "too large for the database":      (refusing(500, "", "etcdserver: request is too large"),     Refused),
    "a status of another kind":        (json({"kind": "Status", "message": 7, "code": "x"}, 422),  Refused),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "raised"), EXAMPLES.values(), ids=EXAMPLES)
async def test_every_answer_is_understood(answer: Answer, raised: type[Exception]) -> None:
    started = time.monotonic()
    async with serving(Script([answer])) as kube:
        with pytest.raises((Busy, Refused)) as caught:
            await kube.get(CONFIG_MAPS, "one", "x")
    assert type(caught.value) is raised or (raised is Busy and isinstance(caught.value, Busy))
    message = str(caught.value)
    assert message.startswith("get configmaps x/one: ")
    assert "\n" not in message
    assert len(message) < 700
    assert TOKEN not in message
    assert caught.value.__cause__ is None, "what libraries say is not shown"
    assert time.monotonic() - started < LONGEST_S


async def test_busy_is_repeated_a_bounded_number_of_times() -> None:
    script = Script([refusing(503, "ServiceUnavailable")])
    async with serving(script) as kube:
        with pytest.raises(Busy) as busy:
            await kube.get(CONFIG_MAPS, "one", "x")
    assert len(script.seen) == QUICK.tries
    assert busy.value.delay > timedelta()


@pytest.mark.parametrize("first", [refusing(429, Retry_After="0"), refusing(500), cutting, hanging, half(b"{", 9)])
async def test_a_short_illness_is_not_noticed(first: Answer) -> None:
    async with serving(Script([first, json(config())])) as kube:
        assert await kube.get(CONFIG_MAPS, "one", "x") == config()


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_in_seconds_is_waited_for(code: int) -> None:
    async with serving(Script([refusing(code, Retry_After="1"), json(config())])) as kube:
        started = time.monotonic()
        await kube.get(CONFIG_MAPS, "one", "x")
        assert 0.9 < time.monotonic() - started < LONGEST_S


async def test_retry_after_as_a_date_is_waited_for() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    async with serving(Script([refusing(429, Retry_After=soon), json(config())])) as kube:
        started = time.monotonic()
        await kube.get(CONFIG_MAPS, "one", "x")
        assert 0.5 < time.monotonic() - started < LONGEST_S


async def test_a_long_retry_after_is_left_to_the_caller() -> None:
    script = Script([refusing(429, Retry_After="30")])
    async with serving(script) as kube:
        started = time.monotonic()
        with pytest.raises(Busy) as busy:
            await kube.create(CONFIG_MAPS, config())
    assert busy.value.delay == timedelta(seconds=30)
    assert len(script.seen) == 1
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("asked", ["soon", "-5", "1e9", "99999999999999", "Mon, 99 Foo 2026"])
async def test_a_silly_retry_after_does_no_harm(asked: str) -> None:
    async with serving(Script([refusing(429, Retry_After=asked)])) as kube:
        with pytest.raises(Busy) as busy:
            await kube.get(CONFIG_MAPS, "one", "x")
    assert busy.value.delay <= timedelta(minutes=5)


async def test_nobody_listens() -> None:
    async with HttpKube(with_token("http://127.0.0.1:1", TOKEN), limits=QUICK) as kube:
        with pytest.raises(Busy, match="cannot be reached"):
            await kube.get(CONFIG_MAPS, "one", "x")


async def test_a_server_that_does_not_speak_http() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with HttpKube(with_token(f"http://127.0.0.1:{port}", TOKEN), limits=QUICK) as kube:
            with pytest.raises(Busy):
                await kube.get(CONFIG_MAPS, "one", "x")


async def test_an_endless_answer_is_refused() -> None:
    small = Limits(answer_bytes=1000)
    async with serving(Script([raw(b" " * 2000, 200, "application/json")]), small) as kube:
        with pytest.raises(Refused, match="larger than"):
            await kube.get(CONFIG_MAPS, "one", "x")


async def test_pages_are_put_together_and_begun_again_when_they_expire() -> None:
    one, two = config(name="one"), config(name="two")
    script = Script([json(page(one, token="more")), refusing(410, "Expired"), json(page(one, token="more")), json(page(two))])
    async with serving(script) as kube:
        listing = await kube.list(CONFIG_MAPS)
    assert [item["metadata"]["name"] for item in listing.items] == ["one", "two"]
    assert [request.query.get("continue") for request in script.seen] == [None, "more", None, "more"]


async def test_what_is_not_kept_is_gone_before_the_next_page_is_asked_for() -> None:
    kept: list[str] = []

    def keep(item: Manifest) -> Manifest:
        kept.append(item["metadata"]["name"])
        return {"metadata": item["metadata"]}

    async def second(request: web.Request) -> web.StreamResponse:
        assert kept == ["one"]
        return await json(page(config(name="two")))(request)

    async with serving(Script([json(page(config(name="one"), token="more")), second])) as kube:
        listing = await kube.list(CONFIG_MAPS, keep=keep)
    assert [list(item) for item in listing.items] == [["metadata"]] * 2


async def test_a_list_that_always_expires_is_busy() -> None:
    async with serving(Script([refusing(410, "Expired")])) as kube:
        with pytest.raises(Busy):
            await kube.list(CONFIG_MAPS)


@pytest.mark.parametrize(
    "items", [{}, [1], [{}], [{"metadata": {"name": "x"}}], [{"metadata": {"name": 1, "resourceVersion": "1"}}]]
)
async def test_a_list_of_garbage_is_busy(items: object) -> None:
    listing = {**page(), "items": items}
    async with serving(Script([json(listing)])) as kube:
        if not items:
            assert (await kube.list(CONFIG_MAPS)).items == []
            return
        with pytest.raises(Busy):
            await kube.list(CONFIG_MAPS)
