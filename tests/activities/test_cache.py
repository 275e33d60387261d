"""The cache: it keeps up with its server whatever happens to the connection, and says when it does not."""

import asyncio
import time
from datetime import timedelta
from typing import cast

import pytest

from activities.cache.cache import Cache
from activities.cache.informer import Patience
from activities.cluster.kube import NODES, Busy, Expired, Kube, NotThere, Refused
from tests.activities.flaky_kube import EAGER, FlakyKube, following, known, until


async def test_it_lists_then_watches() -> None:
    kube = FlakyKube()
    kube.write("a")
    async with following(kube) as cache:
        assert known(cache) == kube.objects
        await cache.reached(NODES, int(kube.write("b")["metadata"]["resourceVersion"]), 1)
        kube.delete("a")
        await cache.reached(NODES, kube.version, 1)
        assert known(cache) == kube.objects
        assert cache.version(NODES) == kube.version
        assert cache.get(NODES, None, "b") == kube.objects["b"]
        assert cache.get(NODES, None, "a") is None
    assert kube.lists == 1


async def test_a_cut_watch_is_resumed_without_a_list() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        for index in range(5):
            kube.cut()
            kube.write(f"n{index}")
            await cache.reached(NODES, kube.version, 1)
        assert known(cache) == kube.objects
    assert kube.lists == 1
    assert kube.watches >= 2


@pytest.mark.parametrize("error", [Expired("too old", status=410), Refused("bad request", status=400)])
async def test_a_lost_position_means_a_list(error: Exception) -> None:
    kube = FlakyKube()
    kube.write("a")
    async with following(kube) as cache:
        await asyncio.sleep(0.01)
        kube.quiet = True
        kube.delete("a")
        kube.write("b")
        kube.history.clear()
        kube.quiet = False
        kube.cut(error)
        await cache.reached(NODES, kube.version, 1)
        assert known(cache) == kube.objects
    assert kube.lists == 2


async def test_after_a_cut_nothing_is_missing_once_it_is_sure_and_whoever_asks_meanwhile_shares_one_list() -> None:
    kube = FlakyKube()
    async with following(kube, Patience(jitter=lambda: 0.0, first_delay_s=60.0, longest_delay_s=60.0)) as cache:
        await until(lambda: kube.watches == 1)
        await asyncio.sleep(0.01)
        await cache.sure(NODES)
        assert kube.lists == 1, "while it is followed there is nothing to be asked"
        kube.cut()
        await asyncio.sleep(0.01)
        kube.write("a")
        assert known(cache) == {}, "it waits before it tries again"
        kube.failures = [Busy("it comes back", timedelta())]
        with pytest.raises(Busy):
            await cache.sure(NODES)
        kube.write("b")
        before = kube.lists
        await asyncio.gather(*(cache.sure(NODES) for _ in range(8)))
        assert known(cache) == kube.objects
        assert kube.lists <= before + 2


async def test_followed_anew_without_a_list_it_is_sure_after_one() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        await until(lambda: kube.watches == 1)
        await asyncio.sleep(0.01)
        kube.cut()
        await until(lambda: kube.watches == 2)
        await asyncio.sleep(0.01)
        kube.quiet = True
        kube.write("a")
        await cache.sure(NODES)
        assert known(cache) == kube.objects
        assert kube.lists == 2
        await cache.sure(NODES)
        assert kube.lists == 2, "as long as it is followed"


async def test_a_list_that_failed_beside_the_watch_is_no_problem_once_something_comes() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        kube.write("a")
        await cache.reached(NODES, kube.version, 1)
        kube.quiet = True
        kube.write("b")
        kube.failures = [Busy("too many requests", timedelta())] * 1_000
        with pytest.raises(Busy, match="too many requests"):
            await cache.reached(NODES, kube.version, 0.1)
        kube.failures.clear()
        assert cache.problem == "too many requests"
        kube.quiet = False
        kube.bookmark()
        await until(lambda: cache.problem == "")
        assert kube.watches == 1


async def test_history_forgotten_while_away() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        kube.cut()
        kube.write("a")
        kube.history.clear()
        kube.forget()
        await cache.reached(NODES, kube.version, 1)
        assert known(cache) == kube.objects


async def test_watches_that_bring_nothing_end_in_a_list() -> None:
    kube = FlakyKube()
    kube.write("a")
    async with following(kube) as cache:
        kube.failures = [Busy("too large a version", timedelta())] * 6
        kube.cut()
        await until(lambda: kube.lists >= 2)
        await cache.reached(NODES, kube.version, 1)
        assert known(cache) == kube.objects


async def test_versions_that_went_back_are_believed_at_the_next_list() -> None:
    kube = FlakyKube()
    kube.version = 1_000
    kube.write("a")
    kube.write("lost")
    async with following(kube) as cache:
        await asyncio.sleep(0.01)
        kube.version, kube.objects, kube.history = 10, {}, []
        kube.write("a")
        kube.cut(Expired("restored from a backup", status=410))
        await until(lambda: cache.version(NODES) < 1_000)
        assert known(cache) == kube.objects


async def test_a_quiet_kind_is_asked_for() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        kube.elsewhere()
        started = time.monotonic()
        await cache.reached(NODES, kube.version, 2)
        assert time.monotonic() - started < 1
    assert kube.lists == 2


async def test_a_dead_connection_does_not_stop_those_who_wait() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        await asyncio.sleep(0.01)
        kube.quiet = True
        kube.write("a")
        await asyncio.gather(*(cache.reached(NODES, kube.version, 2) for _ in range(50)))
        assert known(cache) == kube.objects
    assert kube.lists == 2, "one list for all who wait"


async def test_many_who_wait_in_vain_do_not_list_all_the_time() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        await asyncio.gather(*(cache.reached(NODES, 99, 0.2) for _ in range(50)), return_exceptions=True)
    assert kube.lists <= 1 + 0.2 / EAGER.quiet_s


async def test_a_version_that_never_comes_is_busy() -> None:
    async with following(FlakyKube()) as cache:
        with pytest.raises(Busy, match="nodes are known up to version 1, not yet up to 99"):
            await cache.reached(NODES, 99, 0.1)


async def test_a_kind_that_is_not_served_is_named() -> None:
    kube = FlakyKube()
    kube.failures = [NotThere("list nodes: no such API", status=404)] * 1_000
    cache = Cache(cast(Kube, kube), [NODES], EAGER)
    task = asyncio.create_task(cache.run())
    with pytest.raises(Busy, match=r"nodes\. list nodes: no such API"):
        await cache.synced(0.1)
    kube.failures.clear()
    await cache.synced(1)
    task.cancel()


async def test_the_servers_wish_is_kept() -> None:
    kube = FlakyKube()
    kube.failures = [Busy("later", timedelta(seconds=0.3))]
    started = time.monotonic()
    async with following(kube):
        assert time.monotonic() - started >= 0.3


async def test_handlers_are_told_before_those_who_wait() -> None:
    kube = FlakyKube()
    order: list[str] = []
    cache = Cache(cast(Kube, kube), [NODES], EAGER)
    cache.tell(lambda kind, old, new: order.append(f"{kind.kind} {(new or old or {})['metadata']['name']}"))
    task = asyncio.create_task(cache.run())
    await cache.synced(1)
    kube.write("a")
    await cache.reached(NODES, kube.version, 1)
    order.append("reached")
    task.cancel()
    assert order == ["Node a", "reached"]


async def test_a_handler_that_fails_stops_nobody() -> None:
    kube = FlakyKube()
    kube.write("a")
    told: list[str] = []

    def fail(*_: object) -> None:
        raise ValueError("a bug")

    cache = Cache(cast(Kube, kube), [NODES], EAGER)
    cache.tell(fail)
    cache.tell(lambda _kind, _old, new: told.append((new or {})["metadata"]["name"]))
    task = asyncio.create_task(cache.run())
    await cache.synced(1)
    task.cancel()
    assert told == ["a"]


async def test_a_write_is_seen_at_once() -> None:
    kube = FlakyKube()
    async with following(kube) as cache:
        kube.quiet = True
        cache.note_written(NODES, kube.write("a"))
        assert known(cache) == kube.objects
        kube.quiet = False
        kube.bookmark()
        await cache.reached(NODES, kube.version, 1)
        assert known(cache) == kube.objects


def test_the_delay_grows_and_is_half_chance() -> None:
    calm, wild = Patience(jitter=lambda: 0.0), Patience(jitter=lambda: 1.0)
    assert [calm.delay_s(failures) for failures in (1, 2, 3, 50)] == [0.05, 0.1, 0.2, 7.5]
    assert [wild.delay_s(failures) for failures in (1, 2, 3, 50)] == [0.1, 0.2, 0.4, 15.0]
