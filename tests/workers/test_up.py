"""Everything on one machine: up, used, broken, and up again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from activities.credentials import from_kubeconfig
from activities.http import HttpKube
from activities.kube import PODS, Manifest
from tests.activities.port import eventually
from tests.cluster.ports import free_ports
from tests.workers.living import Command
from workers.cli import run
from workers.embedded import Plan

pytestmark = pytest.mark.timeout(120)
ENTRY = (sys.executable, "-c", "from workers.cli import main; main()")
SMALL = str(Path(__file__).parents[2] / "examples" / "small.yaml")
READY_S = 30.0


class Up:
    """`espalier up` in a folder, with ports that stay the same over restarts."""

    def __init__(self, folder: Path) -> None:
        temporal, self.ui, self.sim = free_ports(3)
        self.plan = Plan(folder, f"127.0.0.1:{temporal}", self.ui, self.sim, racks=2)
        self.command = Command(self.plan.environment())

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        plan = self.plan
        words = ("up", "--data", str(plan.folder), "--temporal-address", plan.temporal_address, "--racks", "2")
        ports = ("--ui-port", str(self.ui), "--sim-port", str(self.sim))
        process = await asyncio.create_subprocess_exec(*ENTRY, *words, *ports, stderr=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        async with asyncio.timeout(READY_S):
            while b"try " not in (line := await process.stderr.readline()):
                assert line, "it has ended"
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def pods(self) -> list[Manifest]:
        async with HttpKube(await from_kubeconfig(str(self.plan.access))) as kube:
            return list((await kube.list(PODS, "default")).items)


def parts(pid: int) -> dict[str, int]:
    """The parts that an `up` has started: the word after `main()` in their command lines, and their pids."""
    found: dict[str, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"PPid:\t{pid}\n" in status.read_text():
                words = status.with_name("cmdline").read_text().split("\0")
                found |= {words[3]: int(status.parent.name)} if "main()" in " ".join(words[:3]) else {}
    return found


async def test_up_used_broken_ended_and_up_again(tmp_path: Path) -> None:
    up = Up(tmp_path / "house")
    async with up.running() as process:
        await up.command("apply", "-f", SMALL, "--wait", "--timeout", "30")
        before = {pod["metadata"]["uid"] for pod in await up.pods()}
        assert len(before) == 3
        for part in ("sim", "agent", "worker"):
            os.kill(parts(process.pid)[part], signal.SIGKILL)
        await up.command("scale", "small", "server=3", "--wait", "--timeout", "60")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            await process.wait()
    async with up.running() as process:
        children = list(parts(process.pid).values())
        there = {pod["metadata"]["uid"] for pod in await up.pods()}
        assert before <= there, "no pod was restarted"
        process.kill()
        await process.wait()
    await eventually(lambda: ended(children))
    async with up.running():
        await up.command("delete", "small", "--wait", "--timeout", "60")
        assert await up.pods() == []


async def ended(pids: list[int]) -> bool:
    """Whether the parts of an `up` that was killed are gone too."""
    return not any(map(runs, pids))


def runs(pid: int) -> bool:
    """Whether there is such a process; one that nobody has buried yet does not count."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


#                     words                                             code  what it says
BAD = {
    "no fabric":      ("up --simulate gb2000",                          1,    "there is no fabric 'gb2000'"),
    "no kubeconfig":  ("up --kubeconfig /nowhere/config",               1,    "there is no kubeconfig /nowhere/config"),
    "no racks":       ("up --racks 0",                                  2,    "racks"),
    "no such verb":   ("sim explode n1",                                2,    "explode"),
    "no cluster":     ("sim cordon n1 --kubeconfig /nowhere/config",    1,    "/nowhere/config"),
    "no trouble":     ("sim faults misery",                             2,    "there is no trouble 'misery'"),
    "no port":        ("sim serve --port 99999",                        2,    "--port"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "code", "said"), BAD.values(), ids=BAD)
def test_bad_usage(words: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (port,) = free_ports(1)
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    ) as other:
        time.sleep(0.7)
        code = run(["up", "--data", str(tmp_path), "--temporal-address", f"127.0.0.1:{port}"])
        other.kill()
    assert code == 1
    assert f"port {port}, for Temporal, is in use" in capsys.readouterr().err
