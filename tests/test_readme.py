"""The README's tour, run as it is written: its `sh background` blocks side by side, its `sh` blocks one after the other."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.binary import Unavailable, binary
from tests.cluster.ports import free_ports
from workers.process import Process
from workers.warden import Warden

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh( background)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a block that stays has printed once others may rely on it.
UP = {
    "make cluster": "Ctrl-C ends it",
    "espalier temporal": "Temporal Server",
    "espalier worker": "runs",
    "espalier agent": "serves",
}
UP_TIMEOUT_S = 60.0


def blocks(*, background: bool) -> list[str]:
    found = BLOCK.findall(ROOT.joinpath("README.md").read_text())
    return [text for mark, text in found if bool(mark) == background]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    try:
        binary()
    except Unavailable as reason:
        if os.environ.get("ESPALIER_REQUIRE_CLUSTER") == "1":
            raise
        pytest.skip(str(reason))
    port = free_ports(1)[0]
    return {**os.environ, "ESPALIER_TEMPORAL_ADDRESS": f"127.0.0.1:{port}", "PYTHONUNBUFFERED": "1", "MAKEFLAGS": ""}


@pytest.fixture(scope="module")
def terminals(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    warden, folder, running = Warden(), tmp_path_factory.mktemp("readme"), list[Process]()
    try:
        for number, text in enumerate(blocks(background=True)):
            log = folder / f"{number}.log"
            process = Process(text.strip(), ("bash", "-ec", f"cd {ROOT} && {text}"), log, warden, environment)
            running.append(process)
            process.start()
            wait_until_up(process)
        yield
    finally:
        for process in reversed(running):
            process.kill()
        warden.dismiss()


def wait_until_up(process: Process) -> None:
    word = next(word for command, word in UP.items() if command in process.name)
    deadline = time.monotonic() + UP_TIMEOUT_S
    while word not in process.last_words():
        assert process.alive(), f"{process.name}\n{process.last_words()}"
        assert time.monotonic() < deadline, f"{process.name}\n{process.last_words()}"
        time.sleep(0.1)


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_the_tour_goes_as_it_is_told(terminals: None, environment: dict[str, str]) -> None:
    said = run_tour(environment)
    assert said.count('" deleted from default namespace') == 2
    assert "free or add room for" in said
    assert "is gone." in said
    assert said.rstrip().endswith("No systems in namespace default of cluster default.")


def run_tour(environment: dict[str, str]) -> str:
    """All blocks in one shell, as a reader would; without `make install` and `make test`, which run this."""
    lines = "".join(blocks(background=False)).splitlines()
    script = "\n".join(line for line in lines if not line.startswith(("make install", "make test")))
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    told = done.stdout
    assert done.returncode == 0, told
    return told


def test_the_readme_fits_on_a_screen() -> None:
    assert len(ROOT.joinpath("README.md").read_text().splitlines()) <= 90


def test_every_background_block_can_be_waited_for() -> None:
    assert all(any(command in text for command in UP) for text in blocks(background=True))
