"""Whatever happens between a server and the cache, the cache ends as the server is."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.cache.informer import Patience
from activities.cluster.kube import NODES, Busy, Expired, Manifest, Refused
from tests.activities.flaky_kube import FlakyKube, following, known

Deed = Callable[[FlakyKube], object]


def write(name: str, value: int) -> Deed:
    return lambda kube: kube.write(name, status=value)


def delete(name: str) -> Deed:
    return lambda kube: kube.delete(name)


def cut(error: Exception | None) -> Deed:
    return lambda kube: kube.cut(error)


def fail(error: Exception) -> Deed:
    return lambda kube: kube.failures.append(error)


NAMES = st.sampled_from(["a", "b", "c", "d"])
BUSY, REFUSED, EXPIRED = Busy("busy", timedelta()), Refused("no"), Expired("too old", status=410)
ACCIDENTS: list[Deed] = [
    FlakyKube.forget,
    FlakyKube.elsewhere,
    FlakyKube.bookmark,
    cut(None),
    cut(EXPIRED),
    fail(BUSY),
    fail(REFUSED),
]
DEEDS = st.one_of(
    st.builds(write, NAMES, st.integers(0, 2)), st.builds(delete, NAMES), st.sampled_from(ACCIDENTS), st.sampled_from(ACCIDENTS)
)


async def _rest(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@settings(max_examples=150, deadline=None)
@given(deeds=st.lists(st.tuples(DEEDS, st.integers(0, 6)), max_size=40))
def test_whatever_happens_it_ends_as_the_server_has_it(deeds: list[tuple[Deed, int]]) -> None:
    async def play() -> None:
        kube = FlakyKube()
        patience = Patience(jitter=lambda: 0.0, first_delay_s=0.0, longest_delay_s=0.0, quiet_s=0.001)
        mirror: dict[str, Manifest] = {}

        def on_change(_kind: object, old: Manifest | None, new: Manifest | None) -> None:
            name = (new or old or {})["metadata"]["name"]
            mirror.pop(name, None)
            if new is not None:
                mirror[name] = new

        async with following(kube, patience) as cache:
            cache.tell(on_change)
            mirror.update(known(cache))
            for deed, turns in deeds:
                deed(kube)
                await _rest(turns)
            await cache.reached(NODES, kube.version, 5)
            assert known(cache) == kube.objects
            assert set(mirror) == set(kube.objects)

    asyncio.run(play())
