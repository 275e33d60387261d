"""Headers that prove who we are: renewed when they are old or refused, once for all who ask."""

import pytest

from activities.cluster.credentials import Access, with_token
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, Refused
from activities.cluster.login import Headers, Login, Pass
from tests.activities.broken_server import Script, config, refusing, serving
from tests.activities.broken_server import json as answering


async def test_a_pass_is_renewed_once_for_all_who_were_refused() -> None:
    renewals = 0

    async def again() -> Login:
        nonlocal renewals
        renewals += 1
        return Login({"Authorization": f"Bearer {renewals}"}, good_for_s=10)

    now = 0.0
    access = Access("http://x", Pass(Login({"Authorization": "Bearer 0"}, 10), again, lambda: now))
    old: Headers = await access.headers()
    for _ in range(3):
        assert await access.headers(refused=old) == {"Authorization": "Bearer 1"}
    assert renewals == 1
    now = 11.0
    assert await access.headers() == {"Authorization": "Bearer 2"}


async def test_a_refused_token_is_renewed_and_sent_again() -> None:
    script = Script([refusing(401, "Unauthorized"), answering(config())])

    async def again() -> Login:
        return Login({"Authorization": "Bearer new"})

    async with serving(script):
        renewable = Access(script.address, Pass(Login({"Authorization": "Bearer old"}), again))
        async with HttpKube(renewable) as renewing:
            await renewing.get(CONFIG_MAPS, "one", "x")
    assert [request.headers["Authorization"] for request in script.seen] == ["Bearer old", "Bearer new"]


async def test_a_refused_token_that_cannot_be_renewed_is_refused_at_once() -> None:
    script = Script([refusing(401, "Unauthorized")])
    async with serving(script) as kube:
        with pytest.raises(Refused):
            await kube.get(CONFIG_MAPS, "one", "x")
    assert len(script.seen) == 1
    assert await with_token("http://x/", "").headers() == {}
