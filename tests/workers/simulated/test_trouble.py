"""Garbage, finalizers and namespaces; a killed process; faults on demand, as the adapter sees them."""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, NAMESPACES, NODES, PODS, Busy, NotThere, Overtaken, Refused
from activities.cluster.wire import Limits
from tests.activities.port import config, eventually, gated_pod, gone, taken
from tests.cluster.ports import free_ports
from workers.process import Process
from workers.simulated.cluster import Cluster
from workers.simulated.serving import running
from workers.warden import Warden

ENTRY = (sys.executable, "-c", "from workers.cli import main; main()")
QUICK = Limits(answer_s=0.3, call_s=1.0, tries=2, first_delay_s=0.01)


@pytest_asyncio.fixture
async def access_file(tmp_path: Path) -> AsyncIterator[Path]:
    async with running(Cluster(), 0, tmp_path / "kubeconfig"):
        yield tmp_path / "kubeconfig"


@pytest_asyncio.fixture
async def kube(access_file: Path) -> AsyncIterator[HttpKube]:
    async with HttpKube(await from_kubeconfig(str(access_file)), limits=QUICK) as connected:
        yield connected


async def trouble(file: Path, **fault: object) -> None:
    access = await from_kubeconfig(str(file))
    async with (
        aiohttp.ClientSession(headers=await access.headers()) as http,
        http.post(f"{access.server}/sim/faults", json=fault) as answer,
    ):
        assert answer.status == 200


#                 the fault                                        what the adapter says when it lasts
FAULTS = {
    "conflict":   ({"trouble": "conflict", "times": 9},            Overtaken),
    "busy":       ({"trouble": "busy", "times": 9},                Busy),
    "broken":     ({"trouble": "broken", "times": 9},              Busy),
    "silent":     ({"trouble": "silent", "times": 9},              Busy),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_that_lasts(fault: dict[str, object], error: type[Exception], access_file: Path, kube: HttpKube) -> None:
    made = await kube.create(CONFIG_MAPS, config("default", "one"))
    await trouble(access_file, **fault)
    with pytest.raises(error):
        await kube.replace(CONFIG_MAPS, made)


async def test_a_short_one_is_not_noticed(access_file: Path, kube: HttpKube) -> None:
    await trouble(access_file, trouble="broken", times=1)
    await kube.get(NAMESPACES, "default")


async def test_a_fault_of_one_kind_spares_the_others(access_file: Path, kube: HttpKube) -> None:
    await trouble(access_file, trouble="broken", times=99, plural="pods")
    await kube.list(CONFIG_MAPS)
    with pytest.raises(Busy):
        await kube.list(PODS)


async def test_a_watch_is_cut(access_file: Path, kube: HttpKube) -> None:
    await trouble(access_file, trouble="cut")
    since = (await kube.list(CONFIG_MAPS)).version
    await kube.create(CONFIG_MAPS, config("default", "one"))
    with pytest.raises(Busy):
        await taken(kube, since, "default", 2)


async def test_a_namespace_takes_all_with_it_and_nothing_new(kube: HttpKube) -> None:
    await kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "room"}})
    held = config("room", "held")
    held["metadata"]["finalizers"] = ["tests.espalier.dev/hold"]
    await kube.create(CONFIG_MAPS, held)
    await kube.create(CONFIG_MAPS, config("room", "free"))
    await kube.delete(NAMESPACES, "room")
    await eventually(lambda: gone(kube, CONFIG_MAPS, "free", "room"))
    with pytest.raises(Refused, match="being terminated"):
        await kube.create(CONFIG_MAPS, config("room", "late"))
    await kube.patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "room")
    await eventually(lambda: gone(kube, NAMESPACES, "room", ""))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """`espalier sim serve` with a file."""
    (port,) = free_ports(1)
    stored = ("--data", str(tmp_path / "cluster.db"), "--write-kubeconfig", str(tmp_path / "kubeconfig"))
    fleet = ("--fabric", "gb200", "--racks", "1", "--port", str(port))
    warden = Warden()
    found = Process("sim", (*ENTRY, "sim", "serve", *fleet, *stored), tmp_path / "log", warden)
    found.start()
    deadline = time.monotonic() + 15
    while not (tmp_path / "kubeconfig").exists():
        assert time.monotonic() < deadline, found.last_words()
        time.sleep(0.05)
    yield found
    found.kill()
    warden.dismiss()


async def test_kill_9_loses_nothing(tmp_path: Path, process: Process) -> None:
    async with HttpKube(await from_kubeconfig(str(tmp_path / "kubeconfig")), limits=Limits(tries=8)) as kube:
        slow = gated_pod("default", "slow")
        del slow["spec"]["schedulingGates"]
        slow["metadata"]["annotations"] = {"sim.espalier.dev/ready-after": "1500ms"}
        await kube.create(PODS, slow)
        made = [await kube.create(CONFIG_MAPS, config("default", f"c{index}", a=str(index))) for index in range(50)]
        process.restart()
        there = {item["metadata"]["name"]: item for item in (await kube.list(CONFIG_MAPS, "default")).items}
        assert [there[item["metadata"]["name"]] for item in made] == made
        later = await kube.create(CONFIG_MAPS, config("default", "later"))
        assert int(later["metadata"]["resourceVersion"]) > int(made[-1]["metadata"]["resourceVersion"])
        assert len((await kube.list(NODES)).items) == 18
        await eventually(lambda: is_ready(kube, "slow"))


async def is_ready(kube: HttpKube, name: str) -> bool:
    try:
        pod = await kube.get(PODS, name, "default")
    except NotThere:
        return False
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
