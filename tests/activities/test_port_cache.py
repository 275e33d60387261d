"""The cache on a server that lives: it keeps up with much at once, and with a server that is killed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from activities.cache.cache import Cache
from activities.cache.informer import Follow
from activities.cluster.credentials import Access, with_token
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, NAMESPACES, Manifest, Refused
from tests.activities.port import config
from tests.cluster.components import APISERVER
from tests.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.cluster, pytest.mark.parametrize("server", ["real"], indirect=True)]


@pytest_asyncio.fixture
async def cache(kube: HttpKube) -> AsyncIterator[Cache]:
    """Of this test's config maps, and of namespaces."""
    following = Cache(kube, [Follow(CONFIG_MAPS, labels="mine=yes"), NAMESPACES])
    task = asyncio.create_task(following.run())
    await following.synced(10)
    yield following
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def versions(items: Sequence[Manifest], room: str) -> dict[str, str]:
    """Name -> resourceVersion, of one namespace."""
    found = (item["metadata"] for item in items)
    return {metadata["name"]: metadata["resourceVersion"] for metadata in found if metadata["namespace"] == room}


async def churn(kube: HttpKube, room: str, count: int) -> None:
    """Create, change and delete; a third is left."""

    async def live(index: int) -> None:
        name = f"c{index}"
        await kube.create(CONFIG_MAPS, config(room, name, {"mine": "yes"}))
        await kube.patch(CONFIG_MAPS, name, {"data": {"a": "1"}}, room)
        if index % 3:
            await kube.delete(CONFIG_MAPS, name, room)

    await asyncio.gather(*(live(index) for index in range(count)))


async def same(cache: Cache, kube: HttpKube, room: str) -> None:
    """The cache has what a list has."""
    listing = await kube.list(CONFIG_MAPS, room, "mine=yes")
    await cache.reached(CONFIG_MAPS, listing.version, 20)
    assert versions([*cache.all(CONFIG_MAPS)], room) == versions(listing.items, room)
    assert listing.items


async def test_it_keeps_up(cache: Cache, kube: HttpKube, room: str) -> None:
    await churn(kube, room, 150)
    await same(cache, kube, room)


async def test_a_write_can_be_waited_for_and_seen(cache: Cache, kube: HttpKube, room: str) -> None:
    for index in range(20):
        made = await kube.create(CONFIG_MAPS, config(room, f"c{index}", {"mine": "yes"}))
        await cache.reached(CONFIG_MAPS, int(made["metadata"]["resourceVersion"]), 1)
        assert cache.get(CONFIG_MAPS, room, f"c{index}") is not None


async def test_it_outlives_its_server(cache: Cache, kube: HttpKube, room: str, control_plane: ControlPlane) -> None:
    await churn(kube, room, 9)
    await asyncio.to_thread(control_plane.restart, APISERVER)
    await kube.create(CONFIG_MAPS, config(room, "after", {"mine": "yes"}))
    await same(cache, kube, room)
    assert cache.get(CONFIG_MAPS, room, "after") is not None


async def test_a_server_that_cannot_prove_who_it_is_is_told_nothing(server: Access) -> None:
    async with HttpKube(with_token(server.server, "secret", ssl.create_default_context())) as stranger:
        with pytest.raises(Refused, match="certificate is not trusted"):
            await stranger.list(CONFIG_MAPS)
