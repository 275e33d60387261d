"""Everything on one machine: up, used, broken, and up again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.activities.port import eventually
from tests.cluster.ports import free_ports
from tests.workers.upping import Up, ended, parts
from workers.cli import run

pytestmark = pytest.mark.timeout(120)
SMALL = str(Path(__file__).parents[2] / "examples" / "small.yaml")


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
