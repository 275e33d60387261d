"""What every server behind the `Kube` port must tell of changes."""

import asyncio

import pytest

from activities.cluster.credentials import Access
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, Expired, Kind
from activities.cluster.wire import Limits
from tests.activities.port import PATIENCE_S, config, taken, version_now, widget


async def test_every_change_is_told_once_in_order(kube: HttpKube, room: str) -> None:
    since = await version_now(kube, room)
    await kube.create(CONFIG_MAPS, config(room, "one", {"mine": "yes"}, a="1"))
    await kube.patch(CONFIG_MAPS, "one", {"data": {"a": "2"}}, room)
    await kube.delete(CONFIG_MAPS, "one", room)
    seen = await taken(kube, since, room, 3, "mine=yes")
    assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    assert versions[0] > since, "a deletion too has a version of its own"


async def test_a_watch_goes_on_where_another_stopped(kube: HttpKube, room: str) -> None:
    since = await version_now(kube, room)
    for index in range(6):
        await kube.create(CONFIG_MAPS, config(room, f"c{index}", {"mine": "yes"}))
    first = await taken(kube, since, room, 2, "mine=yes")
    rest = await taken(kube, int(first[-1].object["metadata"]["resourceVersion"]), room, 4, "mine=yes")
    assert [event.object["metadata"]["name"] for event in (*first, *rest)] == [f"c{index}" for index in range(6)]


async def test_a_watch_since_nothing_begins_with_what_is_there(kube: HttpKube, room: str) -> None:
    for name in ("one", "two"):
        await kube.create(CONFIG_MAPS, config(room, name, {"mine": "yes"}))
    await kube.create(CONFIG_MAPS, config(room, "other"))
    seen = await taken(kube, 0, room, 2, "mine=yes")
    assert sorted((event.type, event.object["metadata"]["name"]) for event in seen) == [("ADDED", "one"), ("ADDED", "two")]


async def test_what_leaves_the_selector_is_deleted_to_the_watch(kube: HttpKube, room: str) -> None:
    since = await version_now(kube, room)
    await kube.create(CONFIG_MAPS, config(room, "one", {"team": "red"}))
    await kube.patch(CONFIG_MAPS, "one", {"metadata": {"labels": {"team": "blue"}}}, room)
    assert [event.type for event in await taken(kube, since, room, 2, "team=red")] == ["ADDED", "DELETED"]


@pytest.mark.long
async def test_bookmarks_move_a_watch_that_sees_nothing(server: Access, room: str) -> None:
    """The server sends one a minute, and one shortly before the end."""
    async with HttpKube(server, limits=Limits(watch_s=65), jitter=lambda: 0.0) as kube:
        since = await version_now(kube, room)
        made = await kube.create(CONFIG_MAPS, config(room, "unseen"))
        async with kube.watch(CONFIG_MAPS, since, room, "no=body") as events:
            seen = [event async for event in events]
    assert {event.type for event in seen} == {"BOOKMARK"}
    assert int(seen[-1].object["metadata"]["resourceVersion"]) >= int(made["metadata"]["resourceVersion"])


async def test_a_watch_ends_when_its_time_is_over(server: Access, room: str) -> None:
    async with asyncio.timeout(PATIENCE_S), HttpKube(server, limits=Limits(watch_s=1), jitter=lambda: 0.0) as kube:
        since = await version_now(kube, room)
        async with kube.watch(CONFIG_MAPS, since, room) as events:
            seen = [event.type async for event in events]
    assert set(seen) <= {"BOOKMARK", "ADDED"}, "no error"


async def test_a_position_before_the_servers_memory_is_expired(kube: HttpKube, room: str, widgets: Kind) -> None:
    """The kind is younger than version 1, so nobody remembers what happened since."""
    await kube.create(widgets, widget(room, "one"))
    with pytest.raises(Expired):
        await taken(kube, 1, room, 1, kind=widgets)
