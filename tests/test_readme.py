"""The README's tour, run as it is written: on the simulated cluster, and on the real control plane."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.binary import Unavailable, binary
from tests.cluster.plugin import excuse
from tests.cluster.ports import free_ports
from workers.process import Process
from workers.warden import Warden

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh( simulated| real| kubectl)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a block that stays has printed once others may rely on it.
UP = {"make cluster": "Ctrl-C ends it", "espalier up": "try "}
HOUSES = {"simulated": ".venv/house", "real": ".venv/house-real"}
UP_TIMEOUT_S = 60.0


def blocks(kind: str = "") -> list[str]:
    found = BLOCK.findall(ROOT.joinpath("README.md").read_text())
    return [text for mark, text in found if mark.strip() == kind]


@contextmanager
def terminals(kind: str, folder: Path) -> Generator[dict[str, str]]:
    """Its blocks that stay, each in a terminal of its own; the environment of all."""
    shutil.rmtree(ROOT / HOUSES[kind], ignore_errors=True)
    temporal, ui, sim = free_ports(3)
    environment = {**os.environ, "ESPALIER_TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}", "PYTHONUNBUFFERED": "1", "MAKEFLAGS": ""}
    warden, running = Warden(), list[Process]()
    try:
        for number, text in enumerate(blocks(kind)):
            command = text.strip() + (f" --ui-port {ui} --sim-port {sim}" if "espalier up" in text else "")
            process = Process(command, ("bash", "-ec", f"cd {ROOT} && {command}"), folder / f"{number}.log", warden, environment)
            running.append(process)
            process.start()
            wait_until_up(process)
        yield environment
    finally:
        for process in reversed(running):
            process.end(5)
        warden.dismiss()
        shutil.rmtree(ROOT / HOUSES[kind], ignore_errors=True)


def wait_until_up(process: Process) -> None:
    word = next(word for command, word in UP.items() if command in process.name)
    deadline = time.monotonic() + UP_TIMEOUT_S
    while word not in process.last_words():
        assert process.alive(), f"{process.name}\n{process.last_words()}"
        assert time.monotonic() < deadline, f"{process.name}\n{process.last_words()}"
        time.sleep(0.1)


def play(kind: str, folder: Path) -> None:
    with terminals(kind, folder) as environment:
        said = run_tour(environment, kind)
        if kind == "real":
            assert "llama-70b.decode" in run("".join(blocks("kubectl")), with_kubectl(environment, folder))
    assert said.count(": fail\n") == 2
    assert "free or add room for" in said
    assert "is gone." in said
    assert said.rstrip().endswith("No systems in namespace default of cluster default.")


@pytest.mark.timeout(300)
def test_the_tour_goes_as_it_is_told(tmp_path: Path) -> None:
    play("simulated", tmp_path)


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_tour_goes_the_same_on_a_real_control_plane(tmp_path: Path) -> None:
    try:
        binary()
    except Unavailable as reason:
        excuse(reason)
    play("real", tmp_path)


def run_tour(environment: dict[str, str], kind: str) -> str:
    """All blocks in one shell, as a reader would; without `make demo`, which has its own test, and `make test`, which is this."""
    kubeconfig = {"simulated": f"{HOUSES['simulated']}/kubeconfig", "real": ".venv/kubeconfig"}
    text = "".join(blocks()).replace(kubeconfig["simulated"], kubeconfig[kind])
    script = "\n".join(line for line in text.splitlines() if not line.startswith(("make demo", "make test")))
    return run(script, environment)


def run(script: str, environment: dict[str, str]) -> str:
    """What it prints; it must end well."""
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    told = done.stdout
    assert done.returncode == 0, told
    return told


def with_kubectl(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """The same, where `kubectl` is that of the control plane."""
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\nexec {binary()} kubectl "$@"\n')
    program.chmod(0o755)
    return {**environment, "PATH": f"{folder}:{environment['PATH']}"}


def test_the_readme_fits_on_a_screen() -> None:
    assert len(ROOT.joinpath("README.md").read_text().splitlines()) <= 90


def test_every_block_that_stays_can_be_waited_for() -> None:
    staying = [*blocks("simulated"), *blocks("real")]
    assert staying
    assert all(any(command in text for command in UP) for text in staying)
