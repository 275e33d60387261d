"""Writes whose answer is lost, and writes that are wrong before they are sent."""

import pytest

from activities.cluster.kube import CONFIG_MAPS, PODS, AlreadyThere, Busy, Kube, Refused
from tests.activities.broken_server import Answer, Script, config, cutting, half, hanging, json, raw, refusing, serving


def created(body: object) -> Answer:
    return json(body, 201)


LOST: list[Answer] = [cutting, hanging, refusing(504, "Timeout"), raw(b"<html>", 502), half(b"{", 99)]


@pytest.mark.parametrize("lost", LOST, ids=["cut", "hang", "504", "502", "half"])
async def test_a_creation_whose_answer_was_lost_is_found(lost: Answer) -> None:
    there = config("5", data={"a": "1"}, immutable=False)
    script = Script([lost, refusing(409, "AlreadyExists"), json(there)])
    async with serving(script) as kube:
        assert await kube.create(CONFIG_MAPS, config(data={"a": "1"}) | {"metadata": {"name": "one", "namespace": "x"}}) == there
    assert [request.method for request in script.seen] == ["POST", "POST", "GET"]


@pytest.mark.parametrize(
    "there",
    [
        config(data={"a": "2"}),
        config(),
        {**config(data={"a": "1"}), "metadata": {**config()["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
    ids=["says another thing", "says less", "is being deleted"],
)
async def test_what_another_created_meanwhile_is_not_ours(there: dict[str, object]) -> None:
    script = Script([cutting, refusing(409, "AlreadyExists"), json(there)])
    sent = {"metadata": {"name": "one", "namespace": "x"}, "data": {"a": "1"}}
    async with serving(script) as kube:
        with pytest.raises(AlreadyThere):
            await kube.create(CONFIG_MAPS, sent)


async def test_what_was_never_lost_is_not_looked_up() -> None:
    script = Script([refusing(429, Retry_After="0"), refusing(409, "AlreadyExists")])
    async with serving(script) as kube:
        with pytest.raises(AlreadyThere):
            await kube.create(CONFIG_MAPS, config())
    assert [request.method for request in script.seen] == ["POST", "POST"]


async def test_a_creation_that_met_another_at_a_quota_is_repeated() -> None:
    async with serving(Script([refusing(409, "Conflict"), created(config())])) as kube:
        assert await kube.create(CONFIG_MAPS, config()) == config()


async def test_a_name_made_by_the_server_is_not_asked_for_twice() -> None:
    script = Script([cutting])
    async with serving(script) as kube:
        with pytest.raises(Busy):
            await kube.create(PODS, {"metadata": {"generateName": "p-", "namespace": "x"}})
    assert len(script.seen) == 1


async def test_a_json_patch_without_a_test_is_not_sent_twice() -> None:
    script = Script([cutting])
    async with serving(script) as kube:
        with pytest.raises(Busy):
            await kube.patch(CONFIG_MAPS, "one", [{"op": "add", "path": "/data/-", "value": 1}], "x")
    assert len(script.seen) == 1


async def _wrong(kube: Kube, what: str) -> None:
    match what:
        case "a path":
            await kube.get(CONFIG_MAPS, "../../../secrets", "x")
        case "dots":
            await kube.get(CONFIG_MAPS, "..", "x")
        case "no name":
            await kube.apply(CONFIG_MAPS, {"metadata": {"namespace": "x"}}, manager="me")
        case "no namespace":
            await kube.get(CONFIG_MAPS, "one")
        case "no metadata":
            await kube.create(CONFIG_MAPS, {"metadata": None})
        case "not JSON":
            await kube.create(CONFIG_MAPS, {"metadata": {"name": "one", "namespace": "x"}, "data": object()})
        case _:
            await kube.delete_all(CONFIG_MAPS, "x", "")


@pytest.mark.parametrize("what", ["a path", "dots", "no name", "no namespace", "no metadata", "not JSON", "everything"])
async def test_wrong_requests_are_never_sent(what: str) -> None:
    script = Script([json(config())])
    async with serving(script) as kube:
        with pytest.raises(Refused):
            await _wrong(kube, what)
    assert script.seen == []
