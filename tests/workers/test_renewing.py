"""The webhook while its certificate changes: whoever trusts what the API server has been told is answered at every moment."""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import NAMESPACES, Kind, Kube, Manifest, NotThere
from activities.listening.admission import Admission
from specs.admission import NAME, PATH
from specs.crds import crds
from specs.names import SYSTEM_NAMESPACE
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.port import eventually
from tests.activities.test_bindings import cache_of
from tests.cluster.api import Api, ApiError, Json
from tests.cluster.engine import Cluster
from tests.cluster.ports import free_ports
from tests.workers.grove_set import declared
from tests.workers.test_webhook import waiting
from workers import webhook
from workers.certificates import GOOD_FOR, RENEWED_BEFORE, SECRETS
from workers.definitions import WEBHOOKS, install
from workers.webhook import admitting

ONE_DAY = timedelta(days=1)
SETS = "/apis/grove.io/v1alpha1/namespaces/default/podcliquesets"
SEVERAL = 20


@dataclass
class Clock:
    """The webhook's; so far back that the first certificate is good, and due to be renewed today."""

    behind: timedelta = GOOD_FOR - RENEWED_BEFORE + ONE_DAY

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


class Held(MemoryKube):
    """An API server that may take its time to hear whom it is to trust."""

    def __init__(self, cluster: MemoryCluster) -> None:
        super().__init__(cluster)
        self.heard = asyncio.Event()
        self.heard.set()

    async def apply(self, kind: Kind, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True) -> Manifest:
        if kind == WEBHOOKS:
            await self.heard.wait()
        return await super().apply(kind, manifest, manager=manager, subresource=subresource, force=force)


@dataclass
class Asker:
    """Connects anew each time, as an API server that has heard this very moment: it trusts the stored `caBundle` alone."""

    kube: Kube
    port: int
    seen: list[bytes] = field(default_factory=list[bytes])
    """Certificates that were shown, one after the other."""

    async def ask(self) -> bytes:
        """The certificate that is shown now; fails where it is not trusted."""
        trusting = ssl.create_default_context(cadata=await self.trusted())
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting)
        shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        with suppress(ssl.SSLError, OSError):
            await writer.wait_closed()
        if shown not in self.seen:
            self.seen.append(shown)
        return shown

    async def trusted(self) -> str:
        """What the API server has been told to trust."""
        found = await self.kube.get(WEBHOOKS, NAME)
        (bundle,) = {each["clientConfig"]["caBundle"] for each in found["webhooks"]}
        return base64.b64decode(bundle).decode()

    async def until(self, certificates: int) -> None:
        """Ask, without a pause, until so many were shown."""
        while len(self.seen) < certificates:
            await self.ask()

    async def review(self) -> Json:
        """What is said of an empty set."""
        request: Json = {"uid": "r", "name": "a", "namespace": "default", "object": {**declared(), "spec": {}}}
        trusting = ssl.create_default_context(cadata=await self.trusted())
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"https://127.0.0.1:{self.port}{PATH}", json={"request": request}, ssl=trusting) as answer,
        ):
            said: Json = (await answer.json())["response"]
            return said


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free one; and what takes minutes takes moments."""
    monkeypatch.setattr(webhook, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(webhook, "RETRY_S", 0.01)
    monkeypatch.setattr(webhook, "HEARD_AFTER_S", 1.0)
    return free_ports(1)[0]


@pytest.fixture
def held() -> Held:
    cluster = MemoryCluster()
    cluster.put(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}})
    return Held(cluster)


async def told(asker: Asker) -> bool:
    """Whether the API server knows of the webhook."""
    try:
        await asker.kube.get(WEBHOOKS, NAME)
    except NotThere:
        return False
    return True


async def deleted(held: Kube, _: Clock) -> None:
    await held.delete(SECRETS, NAME, SYSTEM_NAMESPACE)


async def spoiled(held: Kube, _: Clock) -> None:
    await held.patch(SECRETS, NAME, {"data": {"tls.crt": "bm90aGluZw=="}}, SYSTEM_NAMESPACE)


async def due(_: Kube, clock: Clock) -> None:
    clock.behind = timedelta()


CHANGES: dict[str, Callable[[Kube, Clock], Awaitable[None]]] = {
    "its time has come": due,
    "its Secret is deleted": deleted,
    "its Secret is spoiled": spoiled,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_new_one_is_shown_once_it_is_trusted_and_nobody_is_turned_away(
    change: Callable[[Kube, Clock], Awaitable[None]], held: Held, port: int
) -> None:
    clock, asker = Clock(), Asker(held, port)
    async with admitting(held, Admission(cache_of()), port, f"https://127.0.0.1:{port}", clock):
        await eventually(lambda: told(asker))
        first, trusted = await asker.ask(), await asker.trusted()
        held.heard.clear()
        before = await held.get(SECRETS, NAME, SYSTEM_NAMESPACE)
        await change(held, clock)

        async def renewed() -> bool:
            with suppress(NotThere):
                found = await held.get(SECRETS, NAME, SYSTEM_NAMESPACE)
                return bool(found["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"])
            return False

        await eventually(renewed)
        assert {await asker.ask() for _ in range(SEVERAL)} == {first}, "nobody trusts another yet"
        held.heard.set()
        await asyncio.wait_for(asker.until(2), 10)
        assert trusted in await asker.trusted() or change is not due
        assert not (await asker.review())["allowed"]


async def test_a_configuration_that_was_changed_by_hand_is_put_right(held: Held, port: int) -> None:
    asker = Asker(held, port)
    async with admitting(held, Admission(cache_of()), port, f"https://127.0.0.1:{port}"):
        await eventually(lambda: told(asker))
        right = await held.get(WEBHOOKS, NAME)
        for each in right["webhooks"]:
            each["clientConfig"]["caBundle"] = base64.b64encode(b"another").decode()
        await held.patch(WEBHOOKS, NAME, {"webhooks": right["webhooks"]})

        async def again() -> bool:
            return "another" not in await asker.trusted()

        await eventually(again)
        await asker.ask()
        held.cluster.remove(WEBHOOKS, NAME)
        await eventually(lambda: told(asker))
        await asker.ask()


@pytest.mark.cluster
@pytest.mark.timeout(120)
async def test_a_real_api_server_lets_nothing_unchecked_pass_meanwhile(
    empty: Api, control_plane: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what can't be asked about it lets everything pass: so whatever is stored here was not asked about."""
    monkeypatch.setattr(webhook, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(webhook, "HEARD_AFTER_S", 1.0)
    (port,) = free_ports(1)
    clock, wrong = Clock(), waiting("renewing", router="leader", leader="router")

    async def refused() -> bool:
        try:
            await empty.post(SETS, wrong, dryRun="All")
        except ApiError as error:
            return "admission webhook" in str(error)
        return False

    async with HttpKube(await from_kubeconfig(str(control_plane.access.kubeconfig))) as kube:
        await install(kube, crds())
        with suppress(ApiError):
            await empty.post("/api/v1/namespaces", {"metadata": {"name": SYSTEM_NAMESPACE}})
        await kube.delete(SECRETS, NAME, SYSTEM_NAMESPACE)
        asker = Asker(kube, port)
        try:
            async with admitting(kube, Admission(cache_of()), port, f"https://127.0.0.1:{port}", clock):
                await eventually(refused, 30)
                await asker.ask()
                clock.behind = timedelta()
                while len(asker.seen) < 2:
                    assert await refused()
                    await asker.ask()
                assert [await refused() for _ in range(SEVERAL)] == [True] * SEVERAL
        finally:
            await kube.delete(WEBHOOKS, NAME)
            await kube.delete(SECRETS, NAME, SYSTEM_NAMESPACE)
