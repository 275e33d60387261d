"""Which cluster tests run on: k3s where a container engine answers, else the control plane built from source."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from typing import Protocol

from tests.cluster.api import Access, Api
from tests.cluster.controlplane import ControlPlane
from workers.process import Process

ENGINE_TIMEOUT_S = 10


class Cluster(Protocol):
    """What tests may ask of either."""

    keep: bool

    @property
    def access(self) -> Access: ...
    def api(self) -> Api: ...
    def process(self, name: str) -> Process: ...
    def restart(self, name: str) -> None: ...
    def wait_ready(self) -> None: ...
    def logs(self) -> str: ...
    def stop(self) -> None: ...


@cache
def engine_answers() -> bool:
    """Whether `docker info` succeeds."""
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=ENGINE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def kind() -> str:
    """What tests would run on, in words."""
    return _k3s()[0]() if engine_answers() else ControlPlane.kind()


def start() -> Cluster:
    """Start it. Raises `binary.Unavailable` or `waiting.NotReady`."""
    return _k3s()[1]() if engine_answers() else ControlPlane().start()


def _k3s() -> tuple[Callable[[], str], Callable[[], Cluster]]:
    from tests.cluster.k3s import K3s  # noqa: PLC0415 - testcontainers looks for an engine when it is imported

    return K3s.kind, lambda: K3s().start()
